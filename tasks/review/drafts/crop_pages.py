"""Which boxes come onto pages, and what becomes of what people said there.

A page holds boxes of one class that triage accepted with a very high score on items that nobody else will look at, in
the order of the batch: crops of one scene look alike, and the gateway decodes each picture once. Where a line wants it,
further pages hold boxes in doubt, of items of which nothing else is odd (`narrow.py`).

What a person leaves is confirmed by them. What they remove is no label of the machine any more: it is asked among the
next questions, as a doubtful box of its item, or of its part of the item. Where those are already written, it is
dropped.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Answer, AnswerState, BatchItem, Outcome, Proposal, Question, Route, Verdict
from tasks.review.drafts.batch_items import DraftItem, pages_of_items
from tasks.review.drafts.cutting import PartOptions
from tasks.review.drafts.items_and_kinds import accepted_boxes, crop_around
from tasks.review.drafts.narrow import narrow_boxes
from tasks.review.posting.outbox import Draft
from tasks.review.questions.kinds.boxes.regions import AnsweredBox
from tasks.review.questions.kinds.page import PageCrop, PageOptions, PagePayload, PageWord
from tasks.review.questions.queue import CONFIRM_PAGE, Queue
from tasks.triage.reasons import confirmed_on_page, removed_from_page

MARGIN_SHARE = 0.25
"""How much of a box's longer side is shown around it: enough to see whether the box fits."""


@dataclass(frozen=True, slots=True)
class WordOnBox:
    """What a person said of one proposal on a page, and in which answer."""

    word: Literal["confirmed", "removed"]
    answer_id: str


def draft_confirm_pages(
    engine: Engine,
    queue: Queue,
    batch_id: str,
    options: PageOptions,
    round_: int = 0,
    parts: PartOptions | None = None,
) -> Iterator[list[Draft]]:
    """Yield questions about pages of crops, the most numerous class's as soon as a page is full.

    Args:
        engine: The catalogue.
        queue: Which asks.
        batch_id: Of which batch.
        options: Which boxes come on pages.
        round_: Of which round the questions are.
        parts: How whole items would be asked, which boxes in doubt are weighed against; None: never in parts.
    """
    sure = (
        _very_sure(engine, batch_id, places, options.least_score)
        for places in pages_of_items(engine, batch_id, (Route.SURE,))
    )
    yield from _filled(sure, queue, batch_id, options.crops, round_)
    if options.doubtful:
        yield from _filled(narrow_boxes(engine, batch_id, parts), queue, batch_id, options.crops, round_)


def _filled(
    boxes: Iterable[Iterable[tuple[DraftItem, AnsweredBox]]], queue: Queue, batch_id: str, size: int, round_: int
) -> Iterator[list[Draft]]:
    started: dict[str, list[PageCrop]] = defaultdict(list)
    for some in boxes:
        full = []
        for place, box in some:
            if box.class_name not in queue.classes:
                continue
            crops = started[box.class_name]
            crops.append(_crop_of(place, box))
            if len(crops) == size:
                full.append(_draft(batch_id, box.class_name, started.pop(box.class_name), round_))
        yield full
    yield [_draft(batch_id, class_name, crops, round_) for class_name, crops in sorted(started.items())]


def page_words(engine: Engine, batch_id: str) -> dict[str, WordOnBox]:
    """Return what people said on the pages of a batch, by proposal id; the last word counts."""
    with reading(engine) as session:
        return read_page_words(session, batch_id)


def read_page_words(session: Session, batch_id: str) -> dict[str, WordOnBox]:
    """Return the same, in a transaction that is already open."""
    query = (
        select(Answer.id, Answer.raw)
        .join(Question, col(Question.id) == col(Answer.question_id))
        .where(Question.queue == CONFIRM_PAGE, Question.batch_id == batch_id)
        .where(Answer.state == AnswerState.COUNTED.value)
        .order_by(col(Question.round), col(Answer.answered_at), col(Answer.id))
    )
    words: dict[str, WordOnBox] = {}
    for answer_id, raw in session.exec(query):
        for entry in map(PageWord.model_validate, raw):
            words[entry.proposal_id] = WordOnBox(entry.word, answer_id)
    return words


def send_back_removed(engine: Engine, batch_id: str) -> int:
    """Let people look at the whole items of which somebody removed a crop; a second call sends nothing back.

    Returns:
        How many boxes were sent back.
    """
    with writing(engine) as session:
        removed = [id_ for id_, said in read_page_words(session, batch_id).items() if said.word == "removed"]
        query = (
            select(Verdict, BatchItem)
            .join(Proposal, col(Proposal.id) == col(Verdict.proposal_id))
            .join(BatchItem, col(BatchItem.item_id) == col(Proposal.item_id))
            .where(Verdict.batch_id == batch_id, BatchItem.batch_id == batch_id)
            .where(col(Verdict.proposal_id).in_(removed))
            .where(col(Verdict.outcome).in_((Outcome.ACCEPT.value, Outcome.ASK.value)))
        )
        verdicts, routes = {}, {}
        for verdict, place in session.exec(query).all():
            if removed_from_page() in verdict.reasons:
                continue
            verdicts[verdict.proposal_id] = {
                **verdict.model_dump(),
                "outcome": Outcome.ASK.value,
                "reasons": [*verdict.reasons, removed_from_page()],
            }
            routes[place.item_id] = {
                **place.model_dump(),
                "route": Route.ASK.value,
                "reasons": [*place.reasons, removed_from_page()],
            }
        upsert(session, Verdict, list(verdicts.values()), update=("outcome", "reasons"))
        upsert(session, BatchItem, list(routes.values()), update=("route", "reasons"))
    return len(verdicts)


def accept_confirmed(engine: Engine, batch_id: str) -> int:
    """Accept the boxes in doubt that somebody left on a page; an item without any in doubt is sure then.

    A second call accepts nothing more.

    Returns:
        How many boxes were accepted.
    """
    with writing(engine) as session:
        left = [id_ for id_, said in read_page_words(session, batch_id).items() if said.word == "confirmed"]
        in_doubt = (Verdict.batch_id == batch_id, Verdict.outcome == Outcome.ASK.value)
        mine = select(Verdict, Proposal.item_id).join(Proposal, col(Proposal.id) == col(Verdict.proposal_id))
        rows = session.exec(mine.where(*in_doubt, col(Verdict.proposal_id).in_(left))).all()
        why = confirmed_on_page()
        accepted = [
            {**verdict.model_dump(), "outcome": Outcome.ACCEPT.value, "reasons": [*verdict.reasons, why]}
            for verdict, _ in rows
        ]
        upsert(session, Verdict, accepted, update=("outcome", "reasons"))
        items = {item_id for _, item_id in rows}
        doubted = select(Proposal.item_id).join(Verdict, col(Verdict.proposal_id) == col(Proposal.id)).where(*in_doubt)
        still = set(session.exec(doubted.where(col(Proposal.item_id).in_(items)).distinct()))
        places = session.exec(
            select(BatchItem)
            .where(BatchItem.batch_id == batch_id, BatchItem.route == Route.ASK.value)
            .where(col(BatchItem.item_id).in_(items - still))
        ).all()
        sure = [{**place.model_dump(), "route": Route.SURE.value, "reasons": [*place.reasons, why]} for place in places]
        upsert(session, BatchItem, sure, update=("route", "reasons"))
    return len(accepted)


def _very_sure(
    engine: Engine, batch_id: str, places: Sequence[DraftItem], least_score: float
) -> Iterator[tuple[DraftItem, AnsweredBox]]:
    boxes = accepted_boxes(engine, batch_id, places, least_score)
    for place in places:
        for box in boxes[place.item_id]:
            yield place, box


def _crop_of(place: DraftItem, box: AnsweredBox) -> PageCrop:
    return PageCrop(
        proposal_id=box.id,
        item_id=place.item_id,
        crop=crop_around(box, place.width, place.height, MARGIN_SHARE),
        box=(box.x_min, box.y_min, box.x_max, box.y_max),
    )


def _draft(batch_id: str, class_name: str, crops: Sequence[PageCrop], round_: int) -> Draft:
    payload = PagePayload(class_name=class_name, crops=list(crops))
    first = crops[0]
    return Draft(batch_id, first.item_id, payload.model_dump(mode="json"), f"page from {first.proposal_id}", round_)
