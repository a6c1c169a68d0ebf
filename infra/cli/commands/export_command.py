"""`export`: settled labels as a dataset in a folder, to take along."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from blocks.errors import StackError
from blocks.plugs import open_catalog, open_store
from infra.cli.collections import require_collection
from infra.cli.readiness import await_prefect
from infra.stack.orchestration.connection import connected
from infra.stack.servers.processes import find_process
from infra.stack.servers.services import PLUGS
from infra.stack.state import ServiceName, open_stack

if TYPE_CHECKING:
    from tasks.dataset.exporting import ExportReport
    from tasks.dataset.formats.writing.target import Images, TakenAlong
    from tasks.dataset.take_along import Format

console = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)


def export_collection(
    home: Path,
    collection: str,
    fmt: "Format",
    folder: Path,
    images: "Images",
    *,
    overwrite: bool = False,
    convert_to: str | None = None,
) -> "ExportReport":
    """Write the settled labels of a collection into a folder, and say what is in it and what is not.

    Raises:
        StackError: Prefect, which knows the catalogue and the object store, does not run.
        BadOption: There is no such collection, or the folder cannot be used.
        NotEnoughData: Nothing is settled yet.
    """
    from tasks.dataset.exporting import report_of
    from tasks.dataset.take_along import take_along

    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        console.print(line)

    state = open_stack(home)
    if find_process(state.processes.get(ServiceName.PREFECT)) is None:
        raise StackError(
            f"the stack in {home} does not run, and only its Prefect knows where labels and pictures are: "
            "start it with `labelline up`"
        )
    await_prefect(state, console.print)
    with connected(state):
        engine, store = open_catalog(PLUGS), open_store(PLUGS)
        collection = require_collection(engine, collection)
        with console.status(f"writing {escape(str(folder))} …"):
            result = take_along(
                engine, store, collection, folder, fmt, images, say, overwrite=overwrite, convert_to=convert_to
            )
    for line in told(result, fmt, images):
        console.print(line)
    return report_of(result, said)


def told(result: "TakenAlong", fmt: "Format", images: "Images") -> Iterator[str]:
    """Yield the lines that say what an export came to."""
    items, labels = sum(result.pictures.values()), sum(result.labels.values())
    splits = ", ".join(f"{split} {result.pictures[split]}" for split in ("train", "val", "test"))
    what = f"{labels} labels on {items} {result.medium} ({splits})"
    yield f"{what} are in {result.folder}, in the format of {fmt.upper()}"
    yield "by class: " + (", ".join(f"{name} {count}" for name, count in sorted(result.labels.items())) or "none")
    if images == "none" and result.medium == "pictures":
        yield "pictures were not written (--images copy does)"
    for note, count in result.notes.items():
        yield f"{note}: {count}"
    for why, count in result.left_out.items():
        yield f"left out, {why}: {count}"
    certificate = "its certificate lies beside it" if result.has_certificate else "no certificate was issued for it yet"
    yield f"snapshot {result.snapshot.id[:12]} ({certificate}); snapshot.json has all of this"
    empty = [split for split in ("train", "val") if not result.pictures[split]]
    if fmt == "yolo" and empty:
        yield (
            f"there is no picture in {' and '.join(empty)}: pictures of one sequence never part, so label some of "
            "other sequences. If no two pictures belong together: `labelline delete` the collection, and `labelline "
            "import` this folder with --sequences '(.+)'"
        )
