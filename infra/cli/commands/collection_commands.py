"""`collections`, `show` and `convert`: by the catalogue alone, also while the stack is down."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from infra.cli.collections import require_collection
from infra.cli.json_answer import print_json
from infra.cli.progress.collections_page import next_step, show_collection, show_collections, show_undecided, urls_of
from infra.cli.words import this_command
from infra.stack.orchestration.going_on import GoingOn
from infra.stack.report import going_on_in, open_for_reading
from infra.stack.state import open_stack
from infra.stack.waiting import QueueReport, count_questions
from tasks.monitor.collections import read_collections

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from tasks.audit.missing_classes import MissingClass
    from tasks.monitor.collections import CollectionProgress
    from tasks.settle.conversion.convert import ConvertReport

console = Console(soft_wrap=True)


def list_collections(home: Path, *, as_json: bool) -> None:
    """Show all collections: how far each has come, what it took, and what comes next.

    Raises:
        StackError: No stack was ever started there.
        CatalogUnavailable: The catalogue cannot be read.
    """
    state = open_stack(home)
    engine, _ = open_for_reading(state)
    from tasks.audit.missing_classes import count_undecided

    rows, command, going_on = read_collections(engine), this_command(), going_on_in(state)
    if as_json:
        told = [row.model_dump(mode="json") | {"next": next_step(row, command, going_on.get(row.name))} for row in rows]
        print_json(told)
    elif rows:
        show_collections(rows, going_on, console, command)
        show_undecided(count_undecided(engine), console, command)
    else:
        console.print(f"there is no collection yet: `{command} label FOLDER --classes …` makes one", markup=False)


def show_one(home: Path, collection: str, *, as_json: bool) -> None:
    """Show one collection: counts, labels by class, queues with their addresses, and what comes next.

    Raises:
        StackError: No stack was ever started there.
        BadOption: There is no such collection.
        CatalogUnavailable: The catalogue cannot be read.
    """
    state = open_stack(home)
    engine, label_studio = open_for_reading(state)
    name = require_collection(engine, collection)
    run = going_on_in(state).get(name)
    if as_json:
        print_json(read_numbers(engine, name, label_studio, run))
    else:
        show_collection(*_read(engine, name, label_studio), run, console, this_command())


def _read(
    engine: "Engine", name: str, label_studio: str
) -> "tuple[CollectionProgress, Mapping[str, Mapping[str, int]], list[QueueReport], tuple[MissingClass, ...]]":
    from blocks.database.engine import reading
    from tasks.audit.missing_classes import missing_classes
    from tasks.settle.in_force import count_by_class

    row = next(one for one in read_collections(engine) if one.name == name)
    with reading(engine) as session:
        by_class = count_by_class(session, name).get(name, {})
    queues = [queue for queue in count_questions(engine, label_studio) if queue.collection == name]
    return row, by_class, queues, missing_classes(engine, name)


def read_numbers(engine: "Engine", name: str, label_studio: str, run: GoingOn | None = None) -> dict[str, object]:
    """Return all that is known of one collection as a table, for other programs.

    Args:
        engine: The catalogue.
        name: Of the collection.
        label_studio: Address under which people reach it.
        run: What goes on about it.
    """
    row, by_class, queues, missing = _read(engine, name, label_studio)
    asked = [
        {"queue": q.queue, "open": q.open, "answered": q.answered, "skipped": q.skipped, "urls": q.urls} for q in queues
    ]
    next_one = next_step(row, this_command(), run, urls_of(queues))
    told = {"labels_by_class": by_class, "missing_classes": [one.model_dump(mode="json") for one in missing]}
    return {**row.model_dump(mode="json"), **told, "next": next_one, "queues": asked}


def convert_collection(home: Path, collection: str, to: str) -> "ConvertReport":
    """Turn the labels of a collection into those of another kind, and say what is lost.

    Raises:
        StackError: No stack was ever started there.
        BadOption: There is no such collection or kind, or people are still asked about it.
        CatalogUnavailable: The catalogue cannot be read or written.
    """
    engine, _ = open_for_reading(open_stack(home))
    from tasks.settle.conversion.convert import convert_labels

    report = convert_labels(engine, require_collection(engine, collection), to)
    if report.batch is None:
        console.print(f"the labels of {report.collection} are {to} already", markup=False)
        return report
    before = "as the others are" if report.before == to else f"{report.before} before"
    console.print(
        f"{report.labels} labels of {report.collection} are {to} now, {before}: each is a further "
        "revision, with what it came from",
        markup=False,
    )
    for what, count in report.lost.items():
        console.print(f"lost: {what}: {count}", markup=False)
    if report.left_out:
        console.print(f"taken back, as {to} cannot have them: {report.left_out}", markup=False)
    return report
