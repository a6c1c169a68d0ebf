"""What people said on the pages of a batch: the one place where its answers are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import reading, upsert
from blocks.database.tables import Answer, AnswerState, BatchItem, Outcome, Proposal, Question, Route, Verdict
from tasks.review.questions.kinds.page import PageWord
from tasks.review.questions.queue import CONFIRM_PAGE


@dataclass(frozen=True, slots=True)
class WordOnBox:
    """What a person said of one proposal on a page, and in which answer."""

    word: Literal["confirmed", "removed"]
    answer_id: str


def words_on_pages(session: Session, batch_id: str) -> list[list[PageWord]]:
    """Return what was said on each page of a batch that somebody answered, in the order of rounds and answers."""
    return [words for _, words in _answered(session, batch_id)]


def page_words(engine: Engine, batch_id: str) -> dict[str, WordOnBox]:
    """Return what people said on the pages of a batch, by proposal id; the last word counts."""
    with reading(engine) as session:
        return read_page_words(session, batch_id)


def read_page_words(session: Session, batch_id: str) -> dict[str, WordOnBox]:
    """Return the same, in a transaction that is already open."""
    return {
        one.proposal_id: WordOnBox(one.word, answer_id)
        for answer_id, words in _answered(session, batch_id)
        for one in words
    }


def ask_singly(
    session: Session, batch_id: str, proposal_ids: Sequence[str], outcomes: Sequence[Outcome], why: str
) -> int:
    """Let people be asked about the items of some proposals, and keep why; a second call changes nothing.

    Args:
        session: Of a transaction that writes.
        batch_id: Of which batch.
        proposal_ids: Of what is doubted now.
        outcomes: Only where triage had decided so.
        why: In words, one of `tasks/triage/reasons.py`.

    Returns:
        How many proposals are doubted now and were not before.
    """
    query = (
        select(Verdict, BatchItem)
        .join(Proposal, col(Proposal.id) == col(Verdict.proposal_id))
        .join(BatchItem, col(BatchItem.item_id) == col(Proposal.item_id))
        .where(Verdict.batch_id == batch_id, BatchItem.batch_id == batch_id)
        .where(col(Verdict.proposal_id).in_(proposal_ids))
        .where(col(Verdict.outcome).in_([outcome.value for outcome in outcomes]))
    )
    verdicts, routes = {}, {}
    for verdict, place in session.exec(query).all():
        if why in verdict.reasons:
            continue
        verdicts[verdict.proposal_id] = {
            **verdict.model_dump(),
            "outcome": Outcome.ASK.value,
            "reasons": [*verdict.reasons, why],
        }
        routes[place.item_id] = {
            **place.model_dump(),
            "route": Route.ASK.value,
            "reasons": [*place.reasons, why],
        }
    upsert(session, Verdict, list(verdicts.values()), update=("outcome", "reasons"))
    upsert(session, BatchItem, list(routes.values()), update=("route", "reasons"))
    return len(verdicts)


def _answered(session: Session, batch_id: str) -> list[tuple[str, list[PageWord]]]:
    query = (
        select(Answer.id, Answer.raw)
        .join(Question, col(Question.id) == col(Answer.question_id))
        .where(Question.queue == CONFIRM_PAGE, Question.batch_id == batch_id)
        .where(Answer.state == AnswerState.COUNTED.value)
        .order_by(col(Question.round), col(Answer.answered_at), col(Answer.id))
    )
    return [(id_, [PageWord.model_validate(word) for word in raw]) for id_, raw in session.exec(query)]
