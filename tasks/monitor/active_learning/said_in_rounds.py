"""What people said of sure items in a collection's rounds: on pages, and one by one of those drawn from a frame."""

import re
from collections.abc import Sequence

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import reading
from blocks.database.tables import Audit, Batch, Proposal
from tasks.review.drafts.page_words import words_on_pages
from tasks.settle.in_force import labels_in_force
from tasks.suggest.paging.plan import SaidOfSure
from tasks.triage.audit import FRAME


def rounds_of(engine: Engine, collection: str) -> list[Batch]:
    """Return the batches of a collection's rounds, oldest first, those of pages beside those that are asked singly."""
    query = select(Batch).where(Batch.collection == collection).order_by(col(Batch.created_at), col(Batch.id))
    with reading(engine) as session:
        return [batch for batch in session.exec(query) if batch.id.startswith(prefix_of(collection))]


def prefix_of(collection: str) -> str:
    """Return what the ids of its rounds' batches begin with."""
    return f"{collection}-round-"


FURTHER = "-drawn-"
"""What stands in the id of a batch that was drawn further from a round's frame, between the round's and a number."""


def name_further(round_id: str, number: int) -> str:
    """Return the id of what is drawn further from a round's frame, for the first time, the second, and so on."""
    return f"{round_id}{FURTHER}{number}"


def is_further(batch_id: str, round_id: str | None = None) -> bool:
    """Say whether a batch was drawn further from the frame of a round, or of any."""
    before = re.escape(round_id) if round_id else r".+-round-\d+"
    return re.fullmatch(rf"{before}{FURTHER}\d+", batch_id) is not None


def read_said(engine: Engine, collection: str) -> tuple[tuple[SaidOfSure, ...], tuple[SaidOfSure, ...]]:
    """Return what people said of sure items in the rounds of a collection: on pages, and asked blind."""
    pages: list[SaidOfSure] = []
    blind: list[SaidOfSure] = []
    for number, batch in enumerate(rounds_of(engine, collection)):
        with reading(engine) as session:
            for said in words_on_pages(session, batch.id):
                scores = _scores(session, [word.proposal_id for word in said])
                wrong = sum(word.word == "removed" for word in said)
                pages.append(SaidOfSure(number, len(said), wrong, _expected(scores)))
        if drawn := said_of_drawn(engine, collection, batch, number):
            blind.append(drawn)
    return tuple(pages), tuple(blind)


def said_of_drawn(engine: Engine, collection: str, batch: Batch, number: int = 0) -> SaidOfSure | None:
    """Return what people said of the items drawn from a round's frame; None where it had none.

    What was not answered counts as wrong, and so does what has no label any more: silence proves nothing.
    """
    query = (
        select(Audit.item_id, Proposal.class_name, Proposal.score)
        .outerjoin(
            Proposal, (col(Proposal.item_id) == col(Audit.item_id)) & (col(Proposal.detector) == (batch.detector or ""))
        )
        .where(Audit.batch_id == batch.id, Audit.why == FRAME)
        .order_by(col(Proposal.score))
    )
    with reading(engine) as session:
        proposed = {item_id: (name, score) for item_id, name, score in session.exec(query)}
    if not proposed:
        return None
    labels = labels_in_force(engine, list(proposed), collection)
    said = {item_id: some[0].class_name for item_id, some in labels.items() if some}
    wrong = sum(said.get(item_id) != name for item_id, (name, _) in proposed.items())
    return SaidOfSure(number, len(proposed), wrong, _expected([score or 0.0 for _, score in proposed.values()]))


def _expected(scores: Sequence[float]) -> float:
    return sum(1 - score for score in scores)


def _scores(session: Session, proposal_ids: Sequence[str]) -> list[float]:
    return list(session.exec(select(Proposal.score).where(col(Proposal.id).in_(proposal_ids))))
