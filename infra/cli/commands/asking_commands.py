"""`reopen` and `watch`: what is labelled, or was skipped, goes to people once more.

Pictures that people skipped, or that nobody answered in time, are listed and asked again; labelled sequences are shown
as films with their tracks.
"""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from blocks.plugs import open_catalog
from infra.cli.collections import require_collection
from infra.cli.commands.line_commands import run_address
from infra.cli.readiness import running_stack
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.deployments import deployed_as
from infra.stack.orchestration.runs import start_run
from infra.stack.servers.services import PLUGS

console = Console(soft_wrap=True)

LISTED = 50


def reopen_collection(
    home: Path, collection: str, names: Sequence[str], hours: float | None, *, only_list: bool
) -> dict[str, object]:
    """List what is without an answer in a collection, and start a run that asks people again.

    Returns:
        Pictures with their reasons, and the address of the run (null: none was started), for other programs.

    Raises:
        StackError: The stack cannot take runs.
        BadOption: There is no such collection, or no such picture without an answer in it.
    """
    from tasks.audit.reopen import skipped_named
    from tasks.settle.annotators.skipped import in_pictures

    state = running_stack(home, console.print)
    with connected(state) as client:
        engine = open_catalog(PLUGS)
        collection = require_collection(engine, collection)
        pictures = in_pictures(skipped_named(engine, collection, names))
        found: dict[str, object] = {"collection": collection, "pictures": dict(pictures), "run": None}
        if not pictures:
            console.print(f"no picture of {escape(collection)} is without an answer: there is nothing to ask again")
            return found
        for name, reason in list(pictures.items())[:LISTED]:
            console.print(f"  {escape(name)}: {escape(reason)}")
        if len(pictures) > LISTED:
            console.print(f"  and {len(pictures) - LISTED} more")
        if only_list:
            return found
        options = {"collection": collection, "names": list(names), "hours": hours}
        run = start_run(client, deployed_as("ask-again"), options=options)
        noun = "picture is" if len(pictures) == 1 else "pictures are"
        console.print(f"{len(pictures)} {noun} asked again: {run_address(state, run)}")
        console.print(f"people answer at {state.urls.label_studio}; the run sleeps until they have, and settles it")
        return {**found, "run": run_address(state, run)}


def watch_collection(
    home: Path, collection: str, sequences: Sequence[str], classes: Sequence[str]
) -> dict[str, object]:
    """Start a run that makes films of a collection's sequences and asks people to watch them.

    Returns:
        The sequences, and the address of the run, for other programs.

    Raises:
        StackError: The stack cannot take runs.
        BadOption: There is no such collection or sequence, it has no tracks, or it is being watched already.
        UnreadableVideo: PyAV is not installed.
    """
    from tasks.audit.watching.film_round import sequences_to_watch
    from tasks.audit.watching.options import WatchOptions
    from tasks.intake.video.containers import library

    state = running_stack(home, console.print)
    with connected(state) as client:
        engine = open_catalog(PLUGS)
        collection = require_collection(engine, collection)
        options = WatchOptions(collection=collection, sequences=tuple(sequences), classes=tuple(classes))
        names = sequences_to_watch(engine, options)
        library()
        run = start_run(client, deployed_as("watch"), options=options.model_dump(mode="json"))
        noun = "sequence of" if len(names) == 1 else "sequences of"
        console.print(f"{len(names)} {noun} {escape(collection)} become films: {run_address(state, run)}")
        console.print(f"people watch them at {state.urls.label_studio}; the run sleeps until they have, and settles it")
        return {"collection": collection, "sequences": names, "run": run_address(state, run)}
