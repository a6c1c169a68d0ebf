"""Pages of a round in two waves: the others follow only where none of the first is bad, and else are asked singly.

What is on the pages that are not asked goes to people one by one, as what was taken off a page does, but with the class
that is suggested.
"""

from collections.abc import Iterator
from itertools import chain

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Answer, AnswerState, BatchItem, Outcome, Proposal, Question, Route, Verdict
from blocks.storage.stores import Store
from tasks.review.drafts.crop_pages import draft_confirm_pages
from tasks.review.posting.outbox import Draft
from tasks.review.questions.kinds.page import PageOptions, PageWord
from tasks.review.questions.queue import CONFIRM_PAGE, Queue
from tasks.suggest.paging.plan import SaidOfSure, first_wave
from tasks.triage.reasons import page_before_was_bad


def draft_wave(
    engine: Engine,
    queue: Queue,
    batch_id: str,
    options: PageOptions,
    least_chance: float,
    wave: int = 0,
    store: Store | None = None,
) -> Iterator[list[Draft]]:
    """Yield the pages of a wave; of the second none where a page of the first was bad: then its items are asked singly.

    Args:
        engine: The catalogue.
        queue: Which asks.
        batch_id: Of which batch.
        options: How many items are on a page.
        least_chance: What share of the items of a page is right at least, if it is not bad.
        wave: 0 or 1.
        store: Where texts are; None: there are none among the items.
    """
    drafts = list(chain.from_iterable(draft_confirm_pages(engine, queue, batch_id, options, wave, store=store)))
    drafts.sort(key=lambda draft: -len(draft.payload["crops"]))
    with reading(engine) as session:
        said = _said(session, batch_id)
    if wave == 0:
        yield drafts[: first_wave(len(drafts))]
    elif not any(page.is_bad(least_chance) for page in said):
        yield drafts[first_wave(len(drafts)) :]
    else:
        later = drafts[first_wave(len(drafts)) :]
        _ask_singly(engine, batch_id, [crop["proposal_id"] for draft in later for crop in draft.payload["crops"]])


def _said(session: Session, batch_id: str) -> list[SaidOfSure]:
    query = (
        select(Answer.raw)
        .join(Question, col(Question.id) == col(Answer.question_id))
        .where(Question.queue == CONFIRM_PAGE, Question.batch_id == batch_id)
        .where(Answer.state == AnswerState.COUNTED.value)
    )
    pages = [[PageWord.model_validate(word) for word in raw] for raw in session.exec(query)]
    return [SaidOfSure(0, len(page), sum(one.word == "removed" for one in page), 0.0) for page in pages]


def _ask_singly(engine: Engine, batch_id: str, proposal_ids: list[str]) -> None:
    why = page_before_was_bad()
    with writing(engine) as session:
        verdicts = session.exec(
            select(Verdict, BatchItem)
            .join(Proposal, col(Proposal.id) == col(Verdict.proposal_id))
            .join(BatchItem, col(BatchItem.item_id) == col(Proposal.item_id))
            .where(Verdict.batch_id == batch_id, BatchItem.batch_id == batch_id)
            .where(col(Verdict.proposal_id).in_(proposal_ids), Verdict.outcome == Outcome.ACCEPT.value)
        ).all()
        asked = [
            {**one.model_dump(), "outcome": Outcome.ASK.value, "reasons": [*one.reasons, why]} for one, _ in verdicts
        ]
        routes = [{**at.model_dump(), "route": Route.ASK.value, "reasons": [*at.reasons, why]} for _, at in verdicts]
        upsert(session, Verdict, asked, update=("outcome", "reasons"))
        upsert(session, BatchItem, routes, update=("route", "reasons"))
