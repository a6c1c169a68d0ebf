"""One part of an import brought in, and the import as a whole begun and ended: safe to do again at any time."""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, fields
from itertools import islice
from pathlib import Path

from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.import_tables import LabelImport
from blocks.database.tables import utc_now
from blocks.storage.stores import Store
from tasks.dataset.formats.reading.problems import Problem, Problems, write_tallies
from tasks.dataset.imports.options import TRUTH
from tasks.dataset.imports.placing import place_pictures
from tasks.dataset.imports.plan import (
    PICTURES_IN_PART,
    ImportPlan,
    PlannedPicture,
    pictures_of,
    plan_key,
    problems_key,
)
from tasks.dataset.imports.proposals import bring_in_proposals
from tasks.dataset.imports.report import NOT_TAKEN, ImportCounts, ImportReport
from tasks.dataset.imports.truth import bring_in_truth
from tasks.detect.unknown_classes import note_classes
from tasks.intake.label_kinds import note_label_kind

FIRST = 20


def begin(engine: Engine, plan: ImportPlan) -> None:
    """Note an import in the catalogue, and which kind of label its collection has; a second call changes nothing.

    Raises:
        BadOption: The collection has another kind of label.
    """
    note_label_kind(engine, plan.collection, plan.kind)
    row = {
        **plan.model_dump(include={"id", "collection", "name", "purpose", "format"}),
        "path": plan.root,
        "classes": list(plan.classes),
        "plan_key": plan_key(plan.id),
        "counts": {"read": plan.facts},
    }
    with writing(engine) as session:
        upsert(session, LabelImport, [row])
    if plan.purpose != TRUTH:
        note_classes(engine, plan.id, plan.classes, ())


def bring_in_part(engine: Engine, store: Store, plan: ImportPlan, number: int) -> ImportCounts:
    """Bring the pictures of one part into the collection, with their labels.

    Args:
        engine: The catalogue.
        store: Where the part is, and where pictures go.
        plan: Of the import.
        number: Which of its parts.

    Raises:
        ObjectMissing: The part is not in the store any more.
        StoreUnavailable: The store cannot be reached or written.
        CatalogUnavailable: The catalogue cannot be written.
    """
    problems, counts, start = Problems(), ImportCounts(), number * plan.part_size
    for pictures in _chunks(pictures_of(store, plan.parts[number])):
        placed = place_pictures(engine, store, plan, pictures, start, problems)
        brought = (
            bring_in_truth(engine, plan, placed, problems)
            if plan.purpose == TRUTH
            else bring_in_proposals(engine, plan, placed)
        )
        lost = len(pictures) - len(placed)
        counts += brought + ImportCounts(pictures={NOT_TAKEN: lost} if lost else {})
        start += len(pictures)
    store.put(problems_key(plan.id, f"{number:04d}"), _table(problems), "text/csv")
    told = tuple(problem.told() for problem in problems.first[:FIRST])
    met = {str(name): count for name, count in problems.counts.items()}
    return counts + ImportCounts(problems=met, kinds=problems.tallies, first_problems=told)


def end(engine: Engine, store: Store, plan: ImportPlan, parts: Sequence[ImportCounts]) -> ImportReport:
    """Add the parts up, put all problems into one table, and note that the import is whole."""
    read = ImportCounts(problems=plan.problem_counts, kinds=plan.problem_kinds, first_problems=plan.first_problems)
    counts = sum(parts, read)
    key = problems_key(plan.id, "all") if counts.problems else None
    if key:
        _keep_tables(store, plan, counts, key)
    report = ImportReport(
        import_id=plan.id,
        collection=plan.collection,
        name=plan.name,
        purpose=plan.purpose,
        format=plan.format,
        kind=plan.kind,
        medium=plan.medium,
        classes=plan.classes,
        batch_id=plan.batch_id if plan.purpose == TRUTH else None,
        read=plan.facts,
        counts=counts,
        names=plan.names,
        problems_at=str(store.local_path(key)) if key else None,
    )
    row = {**_noted(report), "problems_key": key, "ended_at": utc_now()}
    with writing(engine) as session:
        known = session.get_one(LabelImport, plan.id)
        for name, value in row.items():
            setattr(known, name, value)
        session.add(known)
    store.put(_report_key(plan.id), report.model_dump_json().encode(), "application/json")
    return report


def _keep_tables(store: Store, plan: ImportPlan, counts: ImportCounts, key: str) -> None:
    """Put all problems into one table, and how many there are of each kind into another one."""
    with tempfile.TemporaryDirectory(prefix="labelline-problems-") as folder:
        table = Path(folder, "problems.csv")
        with table.open("wb") as out:
            for at, text in enumerate(_tables(store, plan)):
                out.write(text if at == 0 else text.partition(b"\n")[2])
        store.put(key, table, "text/csv")
        kinds = Path(folder, "kinds.csv")
        write_tallies(kinds, counts.kinds)
        store.put(problems_key(plan.id, "by-kind"), kinds, "text/csv")


def read_report(store: Store, import_id: str) -> ImportReport:
    """Return what an import came to when it was last run.

    Raises:
        ObjectMissing: It has never been run to its end.
    """
    return ImportReport.model_validate_json(store.get(_report_key(import_id)))


def _report_key(import_id: str) -> str:
    return f"imports/{import_id}/report.json"


def _noted(report: ImportReport) -> dict[str, object]:
    return {"counts": {"read": report.read, **report.counts.model_dump(mode="json", exclude={"first_problems"})}}


def _chunks(pictures: Iterator[PlannedPicture]) -> Iterator[list[PlannedPicture]]:
    while chunk := list(islice(pictures, PICTURES_IN_PART)):
        yield chunk


def _tables(store: Store, plan: ImportPlan) -> Iterable[bytes]:
    yield store.get(problems_key(plan.id, "read"))
    for number in range(len(plan.parts)):
        yield store.get(problems_key(plan.id, f"{number:04d}"))


def _table(problems: Problems) -> bytes:
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow([each.name for each in fields(Problem)])
    table.writerows(astuple(problem) for problem in problems)
    return out.getvalue().encode("utf-8", "backslashreplace")
