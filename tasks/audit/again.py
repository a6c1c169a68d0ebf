"""Proofs are looked at again for as long as people may change what they said: bands end that it speaks against by then.

A line watches its bands when its batch has settled, and is over then. An answer that is edited or taken back later is
heard by the sweep; what it means for a band is seen here.
"""

import logging

from sqlalchemy import Engine, func
from sqlmodel import col, select

from blocks.audit_tables import Band
from blocks.database import reading, upsert, writing
from blocks.tables import Answer, Batch, Bookmark, Question, utc_now
from tasks.audit.bands import Standing
from tasks.audit.judgements import collect_judgements
from tasks.audit.options import ProofRef
from tasks.audit.proving import read_bands
from tasks.audit.watching import watch_bands
from tasks.review.bookmarks import deleted_since
from tasks.triage.boxes import Scope

log = logging.getLogger(__name__)


def note_proof(engine: Engine, of: ProofRef) -> None:
    """Keep by which options a batch is proven, so that it can be watched when its run is over; the first ones stay."""
    with writing(engine) as session:
        upsert(session, Bookmark, [{"name": _name(of.scope), "value": of.model_dump_json(), "updated_at": utc_now()}])


def watch_again(engine: Engine, collection: str) -> dict[str, tuple[str, ...]]:
    """Watch the bands in force of a collection's settled batches of which people have said something since.

    Returns:
        By batch, the classes whose band has ended now; nothing at a second call.
    """
    ended = {}
    for of in _proofs_in_force(engine, collection):
        began = utc_now()
        if not collect_judgements(engine, of.scope) and not _has_news(engine, of):
            continue
        before = _in_force(engine, of)
        watch_bands(engine, of.scope, of.classes, of.triage, of.proof)
        row = {"name": _name(of.scope), "value": of.model_dump_json(), "updated_at": began}
        with writing(engine) as session:
            upsert(session, Bookmark, [row], update=("updated_at",))
        if lost := before - _in_force(engine, of):
            ended[of.batch_id] = tuple(sorted(lost))
            log.warning("%s: the bands of %s have ended", of.batch_id, ", ".join(ended[of.batch_id]))
    return ended


def _proofs_in_force(engine: Engine, collection: str) -> list[ProofRef]:
    certified = (
        select(Band.batch_id, Band.detector, Band.recipe)
        .join(Batch, col(Batch.id) == col(Band.batch_id))
        .where(Band.collection == collection, Band.standing == Standing.CERTIFIED.value)
        .where(col(Batch.settled_at).is_not(None))
        .distinct()
    )
    with reading(engine) as session:
        kept = [session.get(Bookmark, _name(Scope(*row))) for row in sorted(session.exec(certified).all())]
    return [ProofRef.model_validate_json(one.value) for one in kept if one is not None]


def _has_news(engine: Engine, of: ProofRef) -> bool:
    newest = (
        select(func.max(Answer.received_at))
        .join(Question, col(Question.id) == col(Answer.question_id))
        .where(Question.batch_id == of.batch_id)
    )
    known = (
        select(Answer.annotation_id)
        .join(Question, col(Question.id) == col(Answer.question_id))
        .where(Question.batch_id == of.batch_id)
    )
    with reading(engine) as session:
        heard, looked = session.exec(newest).one(), session.get_one(Bookmark, _name(of.scope)).updated_at
        gone = deleted_since(session, looked)
        is_taken_back = bool(gone) and not gone.keys().isdisjoint(session.exec(known))
    return is_taken_back or (heard is not None and heard > looked)


def _in_force(engine: Engine, of: ProofRef) -> set[str]:
    return {name for name, band in read_bands(engine, of.scope).items() if band.accept_from is not None}


def _name(scope: Scope) -> str:
    return f"audit proof {scope.batch_id}|{scope.detector}|{scope.recipe}"
