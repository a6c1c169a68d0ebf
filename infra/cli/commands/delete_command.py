"""`delete`: a collection goes for good, after it was said what goes and all that people did was written to a file."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from blocks.database.deletion import count_rows, delete_rows, write_rows
from blocks.plugs import open_catalog, open_store
from infra.cli.collections import require_collection
from infra.cli.commands.stop_command import stop_runs
from infra.cli.progress.collections_page import export_command, spell_time
from infra.cli.readiness import running_stack
from infra.cli.words import this_command
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.documents import load_server
from infra.stack.servers.services import PLUGS

if TYPE_CHECKING:
    from sqlalchemy import Engine

console = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)


def delete_collection(home: Path, collection: str, *, sure: bool) -> dict[str, object]:
    """Say what goes, ask, write it all to a file, and delete it.

    Returns:
        What is gone, and where all that was known of it is, for other programs.

    Raises:
        StackError: The stack does not run.
        BadOption: There is no such collection.
        LabelStudioUnavailable: Label Studio does not answer: run again, nothing of the catalogue is gone.
    """
    from tasks.audit.watching.film_round import films_of
    from tasks.monitor.forgetting import bookmarks_of, forget_bookmarks_named
    from tasks.review.posting.stop import remove_projects
    from tasks.review.receiving.poll import read_all_changes

    state = running_stack(home, console.print)
    with connected(state) as client:
        engine, store = open_catalog(PLUGS), open_store(PLUGS)
        collection = require_collection(engine, collection)
        _say_what_goes(engine, collection)
        if not sure and typer.prompt("Type its name to delete it") != collection:
            console.print("nothing was deleted")
            raise typer.Exit(1)
        stop_runs(client, state, collection)
        server = load_server()
        read_all_changes(engine, server)  # answers that nobody has read yet go into the file as well
        kept = _keep(engine, home, collection)
        projects = remove_projects(engine, server, collection)
        films = films_of(engine, collection)
        noted = bookmarks_of(engine, collection)
        keys = delete_rows(engine, collection)
        forget_bookmarks_named(engine, noted)
        for key in (*keys, *films):
            store.delete(key)
    console.print(f"{collection} is deleted: {len(keys):,} pictures that no other collection has, {projects} projects")
    console.print(f"all that was known of it is in {kept}; models and training runs stay in MLflow")
    return {"collection": collection, "pictures": len(keys), "projects": projects, "kept_in": str(kept)}


def _say_what_goes(engine: "Engine", collection: str) -> None:
    from tasks.monitor.collections import read_collections

    row = next(one for one in read_collections(engine) if one.name == collection)
    rows = count_rows(engine, collection)
    console.print(
        f"{collection}: {row.pictures:,} {row.medium} (those that no other collection has go as well), {row.labels:,} "
        f"labels, {rows.get('answer', 0):,} answers in which are {spell_time(row.human_seconds)} of people's time, "
        f"{rows.get('snapshot', 0)} snapshots, and its projects in Label Studio with the drafts that are there"
    )
    console.print(f"to take the labels along first: {export_command(row, this_command())}")


def _keep(engine: "Engine", home: Path, collection: str) -> Path:
    folder = home / "deleted"
    folder.mkdir(mode=0o700, exist_ok=True)
    at = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    name = "".join(sign if sign.isalnum() or sign in "-_" else "_" for sign in collection)[:60]
    file = folder / f"{name}-{at}.jsonl.gz"
    write_rows(engine, collection, file)
    file.chmod(0o600)
    return file
