"""Asking again what people skipped or let lie: new questions of a further round; nothing that people did is lost.

The questions are those that were asked, word for word, in a round of their own like that of a label-error review. They
go through `ask` as any others: a run posts them, sleeps, and settles what came of them. Only pictures whose batch has
been settled are asked again: of the others a run still takes care.
"""

import difflib
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence

from pydantic import Field
from sqlalchemy import Engine
from sqlmodel import Session, col, func, select, update

from blocks.database.engine import reading, writing
from blocks.database.tables import Batch, BatchItem, Question
from blocks.errors import BadOption
from blocks.frozen import Frozen
from blocks.storage.stores import Store
from tasks.audit.label_errors.record import claim_round
from tasks.audit.missing_classes import refused_of
from tasks.audit.open_films import watched_items
from tasks.audit.risk_control.judgements import collect_judgements
from tasks.detect.refs import Scope
from tasks.detect.settled_evidence import triaged_by
from tasks.intake.label_kinds import noted_kind
from tasks.kinds.registry import KINDS
from tasks.review.drafts.box_checks import CONFIRM_QUEUES
from tasks.review.posting.outbox import Draft, write_rows
from tasks.review.questions.asked import note_asked, queue_asked
from tasks.review.questions.queue import Queue
from tasks.review.steps import QuestionsWritten
from tasks.settle.annotators.skipped import Skipped, in_pictures, skipped_of
from tasks.settle.identities import settle_tracks_again
from tasks.settle.labels import last_settled, settle_items
from tasks.triage.summary import escape_cell, table

LISTED = 50
"""So many pictures are named: the catalogue has them all."""

CHUNK_SIZE = 1000
"""Questions looked up at once: a database takes only so many values (SQLite 32,766), and a whole batch may be here."""

log = logging.getLogger(__name__)


class AskedAgain(Frozen):
    """Questions of one queue and batch that are asked again."""

    queue: Queue
    questions: QuestionsWritten


class Reopened(Frozen):
    """What a run asks again."""

    collection: str
    asked: tuple[AskedAgain, ...] = ()
    waiting: tuple[str, ...] = Field(default=(), description="Pictures left out, since a run still asks about them")
    watched: tuple[str, ...] = Field(default=(), description="Pictures left out, since they stand open in a film")


class ReopenReport(Frozen):
    """What became of what was asked again."""

    collection: str
    asked: int = Field(description="Questions asked again")
    revisions: int = Field(description="Labels added, corrected or retracted, each as a further revision")
    skipped: tuple[Skipped, ...] = Field(default=(), description="What still has no answer")


def skipped_named(engine: Engine, collection: str, names: Sequence[str] = ()) -> tuple[Skipped, ...]:
    """Return what is without an answer in a collection, of some pictures by file name, or of all.

    Raises:
        BadOption: A name is that of no picture without an answer.
    """
    skipped = (*skipped_of(engine, collection), *refused_of(engine, collection))
    known = sorted({one.name for one in skipped})
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise BadOption(
                f"{name!r} is no picture of {collection!r} without an answer (there are {len(known)}: "
                f"{', '.join(known[:5]) or 'none'}).{hint}"
            )
    return tuple(one for one in skipped if not names or one.name in names)


def reopen(engine: Engine, collection: str, names: Sequence[str], run_id: str) -> Reopened:
    """Write what is without an answer as questions of a further round; the same run writes the same once.

    Raises:
        BadOption: A name is that of no picture without an answer; or one was asked about labels of another kind than
            its collection was converted to since.
    """
    round_ = claim_round(engine, collection, f"reopened by {run_id}")
    with reading(engine) as session:
        before = _written(session, collection, round_)
        over = {
            batch_id
            for batch_id in session.exec(select(Batch.id).where(Batch.collection == collection))
            if last_settled(session, batch_id) is not None
        }
    if not before:
        found, films = skipped_named(engine, collection, names), watched_items(engine, collection)
        watched = tuple(sorted({one.name for one in found if one.item_id in films}))
        mine = [one for one in found if one.item_id not in films]
        waiting = tuple(sorted({one.name for one in mine if one.batch_id not in over}))
        _write(engine, collection, [one for one in mine if one.batch_id in over], round_)
        with reading(engine) as session:
            before = _written(session, collection, round_)
    else:
        waiting = watched = ()
    asked = []
    for (name, batch_id), count in sorted(before.items()):
        queue = queue_of(engine, name, batch_id, round_)
        asked.append(
            AskedAgain(
                queue=queue, questions=QuestionsWritten(queue=name, batch_id=batch_id, round=round_, count=count)
            )
        )
    return Reopened(collection=collection, asked=tuple(asked), waiting=waiting, watched=watched)


def settle_reopened(engine: Engine, store: Store, reopened: Reopened) -> ReopenReport:
    """Settle what people said to what was asked again; what they did not answer stays as it was, and is listed.

    Where labels are somebody's, it is then said anew whose they are, by what was followed, which the store keeps.
    """
    revisions = 0
    for batch_id in sorted({one.questions.batch_id for one in reopened.asked}):
        mine = [one.questions for one in reopened.asked if one.questions.batch_id == batch_id]
        source = triaged_by(engine, batch_id)
        if any(one.queue in CONFIRM_QUEUES for one in mine):
            collect_judgements(engine, Scope(batch_id, *source))
        of_round = Question.batch_id == batch_id, col(Question.round).in_({one.round for one in mine})
        with reading(engine) as session:
            items = set(session.exec(select(Question.item_id).where(*of_round)))
        revisions += settle_items(engine, batch_id, *source, items).revisions_written
        settle_tracks_again(engine, store, batch_id)
    count = sum(one.questions.count for one in reopened.asked)
    return ReopenReport(
        collection=reopened.collection,
        asked=count,
        revisions=revisions,
        skipped=skipped_of(engine, reopened.collection),
    )


def reopened_page(report: ReopenReport) -> str:
    """Return what became of what was asked again, as an operator reads it."""
    parts = [
        f"## Asked again in {escape_cell(report.collection)}",
        f"{report.asked:,} questions were asked again; {report.revisions:,} labels were added, corrected or retracted.",
    ]
    pictures = list(in_pictures(report.skipped).items())
    if pictures:
        more = f"\n\n{len(pictures) - LISTED:,} more are in the catalogue." if len(pictures) > LISTED else ""
        listed = table(("image", "why it has no answer"), pictures[:LISTED])
        parts.append(f"{len(pictures):,} images still have no answer:\n\n{listed}{more}")
    return "\n\n".join(parts)


def queue_of(engine: Engine, name: str, batch_id: str, round_: int) -> Queue:
    """Return the queue in which a batch was asked last.

    Raises:
        BadOption: Nothing of it was ever posted.
    """
    for number in range(round_, -1, -1):
        queue = queue_asked(engine, name, batch_id, number)
        if queue is not None:
            return queue
    raise BadOption(f"queue {name!r} of batch {batch_id!r} was never posted: run its line again, which asks it")


def _refuse_former_kind(engine: Engine, collection: str, queues: Mapping[tuple[str, str], Queue]) -> None:
    """Refuse to ask about whole items in queues of another kind of label than the collection has by now."""
    kind = noted_kind(engine, collection)
    if kind is None:
        return
    others = {one.asked_as for one in KINDS.values()} - {kind.asked_as}
    former = sorted({queue.kind for queue in queues.values()} & others)
    if former:
        raise BadOption(
            f"some pictures of {collection!r} were asked about {' and '.join(former)}, and its labels were converted "
            f"to {kind.name} since: name pictures that were asked about {kind.name}, or label these in a collection of "
            "their own"
        )


def _write(engine: Engine, collection: str, skipped: Sequence[Skipped], round_: int) -> None:
    by_queue: dict[tuple[str, str], list[Skipped]] = defaultdict(list)
    for one in skipped:
        by_queue[one.queue, one.batch_id].append(one)
    queues = {key: queue_of(engine, *key, round_) for key in by_queue}
    _refuse_former_kind(engine, collection, queues)
    with writing(engine) as session:
        for (name, batch_id), some in by_queue.items():
            queue = note_asked(session, queues[name, batch_id], batch_id, round_)
            for start in range(0, len(some), CHUNK_SIZE):
                _write_part(session, queue, some[start : start + CHUNK_SIZE], batch_id, round_)
    log.info("%d questions are asked again, in round %d", len(skipped), round_)


def _write_part(session: Session, queue: Queue, some: Sequence[Skipped], batch_id: str, round_: int) -> None:
    rows = session.exec(select(Question).where(col(Question.id).in_([one.question_id for one in some])))
    drafts = [Draft(batch_id, row.item_id, row.payload, row.subject, round_, row.priority) for row in rows.all()]
    write_rows(session, queue, drafts)
    mine = col(BatchItem.batch_id) == batch_id, col(BatchItem.item_id).in_([one.item_id for one in some])
    back = update(BatchItem).where(*mine, col(BatchItem.set_aside).like(f"nobody answered in queue {queue.name}%"))
    session.exec(back.values(set_aside=None))


def _written(session: Session, collection: str, round_: int) -> dict[tuple[str, str], int]:
    """Return how many questions a round has, by queue and batch."""
    query = (
        select(Question.queue, Question.batch_id, func.count())
        .join(Batch, col(Batch.id) == col(Question.batch_id))
        .where(Batch.collection == collection, Question.round == round_)
        .where(col(Question.asked_id).is_(None), col(Question.gold_id).is_(None))
        .group_by(col(Question.queue), col(Question.batch_id))
    )
    return {(queue, batch_id): count for queue, batch_id, count in session.exec(query)}
