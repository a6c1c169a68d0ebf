"""What people change in Label Studio after a batch has settled: its items are settled again, as further revisions.

A line settles its batch once, when asking is over, and so does a label-error review. An answer that is edited or taken
back later is heard by the doorbell or the sweep; what it means for the labels is seen here, at every sweep. What is
still being asked is left to the run that asks: it settles when people are done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import Field
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.apart import Failure, Failures
from blocks.database.engine import reading, writing
from blocks.database.tables import Answer, BatchItem, Label, Question, utc_now
from blocks.frozen import Frozen
from blocks.storage.stores import Store
from tasks.audit.risk_control.judgements import collect_judgements
from tasks.detect.refs import Scope
from tasks.detect.settled_evidence import triaged_by
from tasks.review.decide.aggregate import weigh_edited
from tasks.review.drafts.box_checks import CONFIRM_QUEUES
from tasks.review.questions.bookmarks import deleted_since, read_bookmarks, write_bookmarks
from tasks.review.questions.queue import CONFIRM_PAGE, NAME_KIND
from tasks.review.questions.queues.registry import ITEM_QUEUES
from tasks.review.questions.slots import asked_queue
from tasks.review.receiving.annotations import EARLIEST
from tasks.settle.identities import settle_tracks_again
from tasks.settle.labels import last_settled, settle_items
from tasks.triage.boxes import in_shards
from tasks.triage.summary import table

SETTLING = (*ITEM_QUEUES, NAME_KIND, CONFIRM_PAGE, *CONFIRM_QUEUES)
"""The queues whose answers make labels."""

OVERLAP = timedelta(minutes=10)
"""What was heard so shortly before is looked at once more: an answer carries the time at which somebody began to write
it down, and clocks differ. Settling twice changes nothing."""

LISTED = 20

_CURSOR = "audit edits settled up to"


class SettledAgain(Frozen):
    """What edited answers changed in one batch."""

    batch_id: str
    items: int = Field(description="Items whose labels changed")
    revisions: int = Field(description="Labels added, corrected or retracted, each as a further revision")
    waiting: int = Field(description="Of these items, those that nobody answers for any more: they have no labels")
    unreadable: tuple[str, ...] = Field(default=(), description="Items left as they were: the answer cannot be read")


class EditReport(Frozen):
    """What edited answers changed, by batch."""

    batches: tuple[SettledAgain, ...] = ()
    failures: tuple[Failure, ...] = Field(default=(), description="Batches that could not be settled again, and why")

    @property
    def revisions(self) -> int:
        """How many rows were added to the labels."""
        return sum(batch.revisions for batch in self.batches)


def edits_page(report: EditReport) -> str:
    """Return what edited answers changed, as an operator reads it."""
    rows = [(one.batch_id, one.items, one.revisions, one.waiting) for one in report.batches if one.revisions]
    head = ("batch", "images changed", "labels added, corrected or retracted", "images without an answer now")
    parts = [
        "## Answers changed after their batch had settled",
        table(head, rows) if rows else "None.",
        "Nothing is overwritten: what was true before stays in the catalogue as an earlier revision. An image whose "
        "only answer was taken back has no labels until somebody answers again.",
    ]
    aside = [item_id[:12] for one in report.batches for item_id in one.unreadable]
    if aside:
        more = f" and {len(aside) - LISTED:,} more" if len(aside) > LISTED else ""
        parts.append(f"Left as they were, since the answer cannot be read: {', '.join(aside[:LISTED])}{more}.")
    return "\n\n".join(parts)


@dataclass(frozen=True, slots=True)
class _Heard:
    """That something was said about an item, or taken back."""

    item_id: str
    question_id: str
    queue: str
    round: int
    asked_at: datetime
    heard_at: datetime


def settle_edited(engine: Engine, store: Store) -> EditReport:
    """Settle the items again of which people changed an answer after their batch had settled.

    Gold is none of it: its items are settled elsewhere. Idempotent: what brings nothing new adds no revision. Each
    batch is on its own; while one cannot be settled, the next call looks at the same answers again. Where labels are
    somebody's, it is then said anew whose they are.

    Args:
        engine: The catalogue.
        store: Where it is kept what was followed.

    Returns:
        The batches in which something was heard; those of an answer that was submitted again as it was have none.
    """
    began = utc_now()
    with reading(engine) as session:
        value = read_bookmarks(session, [_CURSOR]).get(_CURSOR)
        since = datetime.fromisoformat(value) - OVERLAP if value else EARLIEST
        gone = deleted_since(session, since)
        batches = _batches_heard(session, since, gone)
    found, failures = [], Failures()
    for batch_id in batches:
        with failures.apart(f"settling edited answers of batch {batch_id}"):
            with reading(engine) as session:
                heard = _after_settling(session, batch_id, _read_heard(session, batch_id, since, gone))
            if heard:
                found.append(_settle(engine, batch_id, heard))
                settle_tracks_again(engine, store, batch_id)
    if not failures.found:
        with writing(engine) as session:
            write_bookmarks(session, {_CURSOR: began.isoformat()})
    return EditReport(batches=tuple(found), failures=tuple(failures.found))


def _settle(engine: Engine, batch_id: str, heard: Sequence[_Heard]) -> SettledAgain:
    source = triaged_by(engine, batch_id)
    if any(one.queue in CONFIRM_QUEUES for one in heard):
        collect_judgements(engine, Scope(batch_id, *source))
    began = utc_now()
    whole = [one for one in heard if asked_queue(one.queue) in (*ITEM_QUEUES, NAME_KIND)]
    weigh_edited(engine, batch_id, {(one.queue, one.round) for one in whole})
    with reading(engine) as session:
        agreed = _read_heard(session, batch_id, began, {})
        items = {one.item_id for one in [*heard, *agreed]} | _on_pages(session, heard)
        items -= _asked_again(session, batch_id)
    report = settle_items(engine, batch_id, *source, items)
    changed = _changed_since(engine, batch_id, began)
    return SettledAgain(
        batch_id=batch_id,
        items=len(changed),
        revisions=report.revisions_written,
        waiting=sum(settled_at is None for settled_at in changed.values()),
        unreadable=tuple(one.item_id for one in report.set_aside),
    )


def _changed_since(engine: Engine, batch_id: str, began: datetime) -> dict[str, datetime | None]:
    """Return the items of a batch whose labels have changed since a time, and since when each is settled."""
    query = (
        select(BatchItem.item_id, BatchItem.settled_at)
        .join(Label, (col(Label.item_id) == col(BatchItem.item_id)) & (col(Label.batch_id) == col(BatchItem.batch_id)))
        .where(BatchItem.batch_id == batch_id, col(Label.created_at) >= began)
    )
    with reading(engine) as session:
        return dict(session.exec(query.distinct()).all())


def _batches_heard(session: Session, since: datetime, gone: Mapping[int, datetime]) -> list[str]:
    """Return the batches of which something was said or taken back since a time."""
    batches = select(Question.batch_id).join(Answer, col(Answer.question_id) == col(Question.id)).distinct()
    found = set(session.exec(batches.where(col(Answer.received_at) > since)).all())
    for part in in_shards(sorted(gone)):
        found |= set(session.exec(batches.where(col(Answer.annotation_id).in_(part))).all())
    return sorted(found)


def _read_heard(session: Session, batch_id: str, since: datetime, gone: Mapping[int, datetime]) -> list[_Heard]:
    """Return what was said of a batch, or taken back, since a time."""
    query = (
        select(  # type: ignore[call-overload]
            Question.item_id,
            Question.id,
            Question.queue,
            Question.round,
            Question.created_at,
            Answer.received_at,
            Answer.annotation_id,
        )
        .join(Answer, col(Answer.question_id) == Question.id)
        .where(Question.batch_id == batch_id, col(Question.gold_id).is_(None))
    )
    rows = [(_Heard(*row[:6]), gone.get(row[6], since)) for row in session.exec(query).all()]
    heard = [replace(one, heard_at=max(one.heard_at, gone_at)) for one, gone_at in rows]
    return [one for one in heard if one.heard_at > since and asked_queue(one.queue) in SETTLING]


def _after_settling(session: Session, batch_id: str, heard: Sequence[_Heard]) -> list[_Heard]:
    """Return what was heard after a batch had settled about what it had settled by then."""
    settled_at = last_settled(session, batch_id)
    if settled_at is None:
        return []
    return [one for one in heard if one.asked_at <= settled_at and one.heard_at > settled_at - OVERLAP]


def _asked_again(session: Session, batch_id: str) -> set[str]:
    """Return the items that somebody has been asked about since the batch settled: whoever asks settles them."""
    settled_at = last_settled(session, batch_id)
    asked = select(Question.item_id).where(Question.batch_id == batch_id, col(Question.gold_id).is_(None))
    return set(session.exec(asked.where(col(Question.created_at) > settled_at)).all())


def _on_pages(session: Session, heard: Sequence[_Heard]) -> set[str]:
    """Return the items of the crops on the pages among what was heard: a page stands at the item of its first crop."""
    pages = sorted({one.question_id for one in heard if one.queue == CONFIRM_PAGE})
    rows = session.exec(select(Question.payload).where(col(Question.id).in_(pages))).all()
    return {str(crop["item_id"]) for payload in rows for crop in payload.get("crops", ())}
