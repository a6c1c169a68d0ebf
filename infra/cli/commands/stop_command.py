"""`stop`: the runs of a collection are cancelled, and its open questions taken back; all that people did stays."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from blocks.plugs import open_catalog
from infra.cli.collections import require_collection
from infra.cli.progress.follow import looks_at
from infra.cli.readiness import running_stack
from infra.cli.words import this_command
from infra.stack.orchestration.cancelling import cancel_run, runs_of
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.documents import load_server
from infra.stack.servers.services import PLUGS
from infra.stack.state import StackState

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

console = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)


def stop_collection(home: Path, collection: str) -> dict[str, object]:
    """Cancel what runs about a collection, and take back what nobody has begun to answer.

    Returns:
        What it came to, for other programs.

    Raises:
        StackError: The stack does not run, or its worker is dead and cannot end a run.
        BadOption: There is no such collection.
        LabelStudioUnavailable: Label Studio does not answer: run again, what is done stays done.
    """
    from tasks.review.posting.stop import stop_asking

    state = running_stack(home, console.print)
    with connected(state) as client:
        engine = open_catalog(PLUGS)
        collection = require_collection(engine, collection)
        runs = stop_runs(client, state, collection)
        server = load_server()
        with console.status("taking questions back …") as line:
            stopped = stop_asking(
                engine, server, collection, lambda done, of: line.update(f"taking questions back … {done:,} of {of:,}")
            )
    console.print(f"{collection}: {runs} runs cancelled, {stopped.taken_back:,} open questions taken back")
    if stopped.kept:
        console.print(
            f"{stopped.kept:,} questions stay open: somebody has begun them or has them open. Answers to them count "
            "whenever they come"
        )
    command = f"{this_command()} show {shlex.quote(collection)}"
    console.print(f"nothing that people did is lost; `{command}` says how to go on")
    counts = {"runs_cancelled": runs, "questions_taken_back": stopped.taken_back, "questions_kept_open": stopped.kept}
    return {"collection": collection, **counts}


def stop_runs(client: "SyncPrefectClient", state: StackState, collection: str) -> int:
    """Cancel the runs of a collection, and wait until they have ended; return how many there were.

    Raises:
        StackError: The worker is dead, and cannot end a run.
    """
    runs = runs_of(client, collection)
    for run in runs:
        cancel_run(client, run)
        with console.status(f"cancelling {run.name} …"):
            for _ in looks_at(client, state, client.read_flow_run(run.id)):
                pass
        console.print(f"cancelled: {run.name}")
    return len(runs)
