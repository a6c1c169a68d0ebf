"""What is drawn of pictures: their labels in force, and of one picture the proposals and its whole history."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import reading
from blocks.database.tables import (
    Answer,
    Batch,
    BatchItem,
    Item,
    Label,
    Proposal,
    Question,
    SequenceSplit,
    Snapshot,
    Verdict,
)
from blocks.errors import BadOption
from blocks.frozen import Frozen
from blocks.shapes import Bounds
from tasks.detect.options import SHOW_SCORE
from tasks.detect.refs import NOBODY
from tasks.intake.texts.text_items import is_text
from tasks.settle.in_force import labels_in_force


class Mark(Frozen):
    """One label or proposal as it is drawn."""

    class_name: str
    box_px: Bounds | None
    """x_min, y_min, x_max, y_max of the upright picture; None: all of it."""
    origin: str
    """person, machine, import; of a proposal its outcome: accept, ask, drop, or model where triage said nothing."""
    score: float | None = None


class Thumbnail(Frozen):
    """One picture with its labels."""

    item_id: str
    name: str
    size_wh: tuple[int, int]
    settled: bool
    set_aside: str | None
    labels: tuple[Mark, ...]
    text_key: str | None = None
    """Where in the object store a text is; None: it is a picture."""


class Event(Frozen):
    """One thing that happened to a picture."""

    at: datetime | None
    what: str
    who: str = ""
    detail: str = ""
    url: str = ""
    """A path in Label Studio: `/projects/7/data?task=12`."""


class PicturePage(Frozen):
    """All that is known of one picture in a collection."""

    picture: Thumbnail
    sequence: str
    split: str | None
    route: str | None
    reasons: tuple[str, ...]
    model: str | None
    proposals: tuple[Mark, ...]
    history: tuple[Event, ...]


def thumbnails(engine: Engine, collection: str, item_ids: Sequence[str]) -> list[Thumbnail]:
    """Return pictures with their labels in force, in the order asked for; those that are gone are left out."""
    labels = labels_in_force(engine, item_ids, collection)
    with reading(engine) as session:
        rows = session.exec(
            select(Item, BatchItem)
            .join(BatchItem, col(BatchItem.item_id) == col(Item.id))
            .join(Batch, col(Batch.id) == col(BatchItem.batch_id))
            .where(Batch.collection == collection, col(Item.id).in_(list(item_ids)))
            .order_by(col(Batch.created_at))
        ).all()
    newest = {item.id: (item, place) for item, place in rows}
    return [_thumbnail(*newest[id_], labels[id_]) for id_ in item_ids if id_ in newest]


def _thumbnail(item: Item, place: BatchItem, labels: Sequence[Label]) -> Thumbnail:
    return Thumbnail(
        item_id=item.id,
        name=item.name,
        size_wh=(item.width or 1, item.height or 1),
        settled=place.settled_at is not None,
        set_aside=place.set_aside,
        text_key=item.key if is_text(item) else None,
        labels=tuple(Mark(class_name=label.class_name, box_px=_box(label), origin=label.origin) for label in labels),
    )


def _box(row: Label | Proposal) -> Bounds | None:
    return None if row.x_min is None else (row.x_min, row.y_min, row.x_max, row.y_max)


def picture_page(engine: Engine, collection: str, item_id: str) -> PicturePage:
    """Return all that is known of one picture.

    Raises:
        BadOption: The collection has no such picture.
    """
    found = thumbnails(engine, collection, [item_id])
    if not found:
        raise BadOption(f"collection {collection!r} has no picture {item_id[:12]!r}: it may have been deleted")
    with reading(engine) as session:
        item = session.get_one(Item, item_id)
        batch, place = session.exec(
            select(Batch, BatchItem)
            .join(BatchItem, col(BatchItem.batch_id) == col(Batch.id))
            .where(Batch.collection == collection, BatchItem.item_id == item_id)
            .order_by(col(Batch.created_at).desc())
        ).first() or (None, None)
        split = session.get(SequenceSplit, (collection, item.sequence))
        return PicturePage(
            picture=found[0],
            sequence=item.sequence,
            split=split.split if split else None,
            route=place.route if place else None,
            reasons=tuple(place.reasons) if place else (),
            model=batch.detector if batch and batch.detector != NOBODY else None,
            proposals=_proposals(session, batch, item_id),
            history=_history(session, collection, item_id),
        )


def _proposals(session: Session, batch: Batch | None, item_id: str) -> tuple[Mark, ...]:
    if batch is None or batch.detector is None:
        return ()
    rows = session.exec(
        select(Proposal, Verdict.outcome)
        .outerjoin(Verdict, (col(Verdict.proposal_id) == col(Proposal.id)) & (col(Verdict.batch_id) == batch.id))
        .where(Proposal.item_id == item_id, Proposal.detector == batch.detector, Proposal.score >= SHOW_SCORE)
        .order_by(col(Proposal.score))
    ).all()
    judged = [(one, outcome) for one, outcome in rows if outcome] or rows  # of the recipe that the batch used
    return tuple(
        Mark(class_name=one.class_name, box_px=_box(one), origin=outcome or "model", score=one.score)
        for one, outcome in judged
    )


def _history(session: Session, collection: str, item_id: str) -> tuple[Event, ...]:
    mine = select(Batch.id).where(Batch.collection == collection)
    events = [
        *_batches(session, collection, item_id),
        *_asked(session, item_id, mine),
        *_revisions(session, item_id, mine),
    ]
    settled = [event.at for event in events if event.what.startswith("label") and event.at]
    if settled:
        events += _snapshots(session, collection, min(settled))
    return tuple(sorted(events, key=lambda event: (event.at is None, event.at or datetime.min)))


def _batches(session: Session, collection: str, item_id: str) -> list[Event]:
    rows = session.exec(
        select(Batch, BatchItem)
        .join(BatchItem, col(BatchItem.batch_id) == col(Batch.id))
        .where(Batch.collection == collection, BatchItem.item_id == item_id)
    ).all()
    found = []
    for batch, place in rows:
        why = "; ".join(place.reasons)
        no_model = batch.detector in (None, NOBODY)
        model = "no model looked at it" if no_model else f"looked at by {batch.detector}"
        found.append(Event(at=batch.created_at, what="batch", who=batch.id, detail=model))
        if place.route:
            found.append(Event(at=batch.created_at, what=f"triage: {place.route}", detail=why))
        if place.set_aside:
            found.append(Event(at=place.settled_at or batch.created_at, what="set aside", detail=place.set_aside))
    return found


def _asked(session: Session, item_id: str, mine: object) -> list[Event]:
    questions = session.exec(
        select(Question).where(Question.item_id == item_id, col(Question.batch_id).in_(mine))  # type: ignore[arg-type]
    ).all()
    answers = session.exec(select(Answer).where(col(Answer.question_id).in_([one.id for one in questions]))).all()
    queue_of = {one.id: one.queue for one in questions}
    found = []
    for one in questions:
        url = f"/projects/{one.project_id}/data?task={one.task_id}" if one.project_id and one.task_id else ""
        at = one.posted_at or one.created_at
        found.append(Event(at=at, what=f"asked: {one.queue}", who=f"round {one.round}", detail=one.state, url=url))
    for answer in answers:
        told = f"{answer.seconds:,.1f} s, {answer.state}" + (f": {answer.reason}" if answer.reason else "")
        event = Event(
            at=answer.answered_at, what=f"answer: {queue_of[answer.question_id]}", who=answer.person, detail=told
        )
        found.append(event)
    return found


def _revisions(session: Session, item_id: str, mine: object) -> list[Event]:
    rows = session.exec(
        select(Label)
        .where(Label.item_id == item_id, col(Label.batch_id).in_(mine))  # type: ignore[arg-type]
        .order_by(col(Label.region), col(Label.revision))
    ).all()
    found = []
    for row in rows:
        what = "label taken back" if row.retracted else f"label: {row.class_name}"
        detail = f"region {row.region[:12]}, revision {row.revision}"
        detail += f", from proposal {row.proposal_id[:12]}" if row.proposal_id else ""
        found.append(Event(at=row.created_at, what=what, who=row.origin, detail=detail))
    return found


def _snapshots(session: Session, collection: str, since: datetime) -> list[Event]:
    rows = session.exec(select(Snapshot).where(Snapshot.collection == collection)).all()
    return [
        Event(
            at=one.created_at, what="snapshot", who=one.id[:12], detail=f"{one.items:,} pictures, {one.labels:,} labels"
        )
        for one in rows
        if one.created_at >= since
    ]
