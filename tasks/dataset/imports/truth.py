"""Truth from elsewhere becomes labels: settled, with file and line behind each, and never over a person's word.

A picture of the import has a place in the batch of the import, on a route of its own; which of two pictures with the
same bytes has it is decided by that place, so that a second run decides alike.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import upsert, writing
from blocks.database.tables import (
    Answer,
    AnswerState,
    Batch,
    BatchItem,
    Label,
    Question,
    Route,
    utc_now,
)
from blocks.shapes import WHOLE
from tasks.dataset.formats.reading.faults import Oddity
from tasks.dataset.formats.reading.problems import Problems
from tasks.dataset.imports.placing import PlacedPicture
from tasks.dataset.imports.plan import ImportPlan
from tasks.dataset.imports.regions import as_it_was, as_true_labels
from tasks.dataset.imports.report import (
    ASKED,
    CHANGED,
    DOUBLED,
    KEPT,
    NEW,
    SAME,
    SETTLED,
    TAKEN_BACK,
    TO_LABEL,
    UNCHANGED,
    ImportCounts,
)
from tasks.kinds.registry import label_kind
from tasks.settle.labels import newest_rows
from tasks.settle.revisions import Home, LabelRow, new_revisions
from tasks.settle.truth import IMPORT, Settlement, TruthStatus


@dataclass(frozen=True, slots=True)
class _Standing:
    """What is known of some items before their truth comes in."""

    people: frozenset[str]
    asked: frozenset[str]
    places: dict[str, int]
    """Position in the import's batch, of those that have one."""
    came_in: frozenset[str]
    """Those that an earlier import, or an earlier run of this one, has settled."""
    latest: dict[str, list[LabelRow]]


def bring_in_truth(
    engine: Engine, plan: ImportPlan, placed: Sequence[PlacedPicture], problems: Problems
) -> ImportCounts:
    """Settle pictures as the import says, in one transaction; a second time changes nothing.

    Args:
        engine: The catalogue.
        plan: Of the import.
        placed: Some of its pictures.
        problems: Where is noted what people's words, or other pictures of the same bytes, keep out.
    """
    pictures: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    with writing(engine) as session:
        home = _open_batch(session, plan)
        standing = _standing(session, plan, home, [one.item_id for one in placed])
        _claim(session, plan, placed, standing)
        for one in placed:
            what = _refusal(one, standing, problems)
            if what is None:
                rows = _revisions(plan, one, home, standing.latest.get(one.item_id, []))
                _write(session, one, rows, labels)
                what = SETTLED if rows or one.item_id not in standing.came_in else UNCHANGED
            pictures[what] += 1
    return ImportCounts(pictures=dict(pictures), labels={name: count for name, count in labels.items() if count})


def _open_batch(session: Session, plan: ImportPlan) -> Home:
    # It is settled from the first on: no run has to go on with it.
    upsert(session, Batch, [{"id": plan.batch_id, "collection": plan.collection, "settled_at": utc_now()}])
    siblings = session.exec(select(Batch.id).where(Batch.collection == plan.collection)).all()
    return Home(plan.batch_id, frozenset(siblings))


def _standing(session: Session, plan: ImportPlan, home: Home, item_ids: Sequence[str]) -> _Standing:
    return _Standing(
        people=_of_people(session, home, item_ids),
        asked=_being_asked(session, plan, item_ids),
        places=_places(session, plan, item_ids),
        came_in=_came_in(session, home, item_ids),
        latest=newest_rows(session, item_ids),
    )


def _of_people(session: Session, home: Home, item_ids: Sequence[str]) -> frozenset[str]:
    """Return the items of which a person has said something that counts, in any batch of the collection."""
    answered = (
        select(Question.item_id)
        .join(Answer, col(Answer.question_id) == col(Question.id))
        .where(col(Question.item_id).in_(item_ids), col(Question.batch_id).in_(home.batches_of_collection))
        .where(Answer.state == AnswerState.COUNTED.value, col(Question.gold_id).is_(None))
    )
    by_person = (
        select(Label.item_id)
        .where(col(Label.item_id).in_(item_ids), col(Label.batch_id).in_(home.batches_of_collection))
        .where(col(Label.answer_id).is_not(None) | col(Label.kind_answer_id).is_not(None))
    )
    return frozenset([*session.exec(answered).all(), *session.exec(by_person).all()])


def _being_asked(session: Session, plan: ImportPlan, item_ids: Sequence[str]) -> frozenset[str]:
    """Return the items that another batch of the collection carries and has not settled yet."""
    query = (
        select(BatchItem.item_id)
        .join(Batch, col(Batch.id) == col(BatchItem.batch_id))
        .where(Batch.collection == plan.collection, col(Batch.settled_at).is_(None))
        .where(col(BatchItem.item_id).in_(item_ids), col(BatchItem.set_aside).is_(None))
    )
    return frozenset(session.exec(query).all())


def _places(session: Session, plan: ImportPlan, item_ids: Sequence[str]) -> dict[str, int]:
    query = select(BatchItem.item_id, BatchItem.position).where(
        BatchItem.batch_id == plan.batch_id, col(BatchItem.item_id).in_(item_ids)
    )
    return dict(session.exec(query).all())


def _came_in(session: Session, home: Home, item_ids: Sequence[str]) -> frozenset[str]:
    query = (
        select(BatchItem.item_id)
        .where(col(BatchItem.item_id).in_(item_ids), BatchItem.route == Route.IMPORT.value)
        .where(col(BatchItem.batch_id).in_(home.batches_of_collection))
    )
    return frozenset(session.exec(query).all())


def _claim(session: Session, plan: ImportPlan, placed: Sequence[PlacedPicture], standing: _Standing) -> None:
    """Give pictures with known labels their place in the batch; the first with its bytes has it for good."""
    rows = []
    for one in placed:
        out = one.item_id in standing.people or one.item_id in standing.asked
        if one.planned.labels is None or out or one.item_id in standing.places:
            continue
        standing.places[one.item_id] = one.position
        rows.append(
            {
                "batch_id": plan.batch_id,
                "item_id": one.item_id,
                "position": one.position,
                "route": Route.IMPORT.value,
                "reasons": [f"labels of {plan.name}"],
                "settled_at": utc_now(),
            }
        )
    upsert(session, BatchItem, rows)


def _refusal(one: PlacedPicture, standing: _Standing, problems: Problems) -> str | None:
    """Say why a picture is left as it is; None: it is not."""
    if one.planned.labels is None:
        return TO_LABEL
    if one.item_id in standing.people:
        problems.add(Oddity.OF_PEOPLE, one.planned.name, "", "people have labelled it: their word stands", "note")
        return KEPT
    if one.item_id in standing.asked:
        problems.add(
            Oddity.BEING_ASKED, one.planned.name, "", "people are being asked about it: import again once that is over"
        )
        return ASKED
    if standing.places[one.item_id] != one.position:
        problems.add(
            Oddity.DOUBLED_PICTURE,
            one.planned.name,
            "",
            "the same bytes as another one of the import, whose labels stand",
        )
        return DOUBLED
    return None


def _revisions(plan: ImportPlan, one: PlacedPicture, home: Home, latest: Sequence[LabelRow]) -> list[dict[str, object]]:
    before = [
        row
        for row in latest
        if row.origin == IMPORT and not row.retracted and row.batch_id in home.batches_of_collection
    ]
    kind = label_kind(plan.kind)
    silent: list[LabelRow] = []
    if WHOLE not in kind.shapes and plan.speaks_of:
        silent = [row for row in before if row.class_name not in plan.speaks_of]
        before = [row for row in before if row.class_name in plan.speaks_of]
    labels = as_true_labels(kind, plan.id, one.item_id, one.planned.labels or (), before)
    labels += tuple(map(as_it_was, silent))
    return new_revisions(home, one.item_id, Settlement(TruthStatus.SETTLED, labels), latest)


def _write(session: Session, one: PlacedPicture, rows: list[dict[str, object]], labels: Counter[str]) -> None:
    upsert(session, Label, rows)
    gone = sum(bool(row["retracted"]) for row in rows)
    new = sum(row["revision"] == 0 for row in rows)
    changed = len(rows) - gone - new
    labels.update({NEW: new, CHANGED: changed, TAKEN_BACK: gone})
    labels[SAME] += len(one.planned.labels or ()) - new - changed
