"""Which boxes come onto pages, and what becomes of what people said there.

A page holds boxes of one class that triage accepted with a very high score on items that nobody else will look at, in
the order of the batch: crops of one scene look alike, and the gateway decodes each picture once. Where a line wants it,
further pages hold boxes in doubt, of items of which nothing else is odd (`narrow.py`). Classes of whole items come onto
pages in the same way: the whole picture is the crop, and a text a card with its beginning.

What a person leaves is confirmed by them. What they remove is no label of the machine any more: it is asked among the
next questions, as a doubtful box of its item, or of its part of the item. Where those are already written, it is
dropped.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import BatchItem, Outcome, Proposal, Route, Verdict
from blocks.shapes import PLACED, shape_of, shape_type
from blocks.storage.stores import Store
from tasks.review.drafts.batch_items import DraftItem, pages_of_items, texts_of
from tasks.review.drafts.cutting import PartOptions
from tasks.review.drafts.items_and_kinds import as_answered, crop_around, proposed_of
from tasks.review.drafts.narrow import narrow_boxes
from tasks.review.drafts.page_words import ask_singly, read_page_words
from tasks.review.posting.outbox import Draft
from tasks.review.questions.kinds.boxes.regions import AnsweredBox
from tasks.review.questions.kinds.outlines.on_page import rings_of
from tasks.review.questions.kinds.page import CARD_CHARACTERS, PageCrop, PageOptions, PagePayload
from tasks.review.questions.queue import Queue
from tasks.triage.reasons import confirmed_on_page, removed_from_page

MARGIN_SHARE = 0.25
"""How much of a box's longer side is shown around it: enough to see whether the box fits."""


def draft_confirm_pages(
    engine: Engine,
    queue: Queue,
    batch_id: str,
    options: PageOptions,
    round_: int = 0,
    parts: PartOptions | None = None,
    store: Store | None = None,
) -> Iterator[list[Draft]]:
    """Yield questions about pages of crops, the most numerous class's as soon as a page is full.

    Args:
        engine: The catalogue.
        queue: Which asks.
        batch_id: Of which batch.
        options: Which boxes come on pages.
        round_: Of which round the questions are.
        parts: How whole items would be asked, which boxes in doubt are weighed against; None: never in parts.
        store: Where texts are; None: there are none among the items.
    """
    sure = (
        _very_sure(engine, batch_id, places, options.least_score, texts_of(store, places))
        for places in pages_of_items(engine, batch_id, (Route.SURE,))
    )
    yield from _filled(sure, queue, batch_id, options.crops, round_)
    if options.doubtful:
        doubtful = (
            [(box.class_name, _crop_of(place, box, proposal)) for place, box, proposal in some]
            for some in narrow_boxes(engine, batch_id, parts)
        )
        yield from _filled(doubtful, queue, batch_id, options.crops, round_)


def _filled(
    crops_by_class: Iterable[Iterable[tuple[str, PageCrop]]], queue: Queue, batch_id: str, size: int, round_: int
) -> Iterator[list[Draft]]:
    started: dict[str, list[PageCrop]] = defaultdict(list)
    for some in crops_by_class:
        full = []
        for class_name, crop in some:
            if class_name not in queue.classes:
                continue
            crops = started[class_name]
            crops.append(crop)
            if len(crops) == size:
                full.append(_draft(batch_id, class_name, started.pop(class_name), round_))
        yield full
    yield [_draft(batch_id, class_name, crops, round_) for class_name, crops in sorted(started.items())]


def send_back_removed(engine: Engine, batch_id: str) -> int:
    """Let people look at the whole items of which somebody removed a crop; a second call sends nothing back.

    Returns:
        How many boxes were sent back.
    """
    with writing(engine) as session:
        removed = [id_ for id_, said in read_page_words(session, batch_id).items() if said.word == "removed"]
        return ask_singly(session, batch_id, removed, (Outcome.ACCEPT, Outcome.ASK), removed_from_page())


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
    engine: Engine, batch_id: str, places: Sequence[DraftItem], least_score: float, texts: Mapping[str, str]
) -> Iterator[tuple[str, PageCrop]]:
    with reading(engine) as session:
        accepted = proposed_of(session, batch_id, [place.item_id for place in places], (Outcome.ACCEPT,))
    for place in places:
        sure = [one for one in accepted[place.item_id] if one.proposal.score >= least_score]
        placed = [one for one in sure if shape_type(one.proposal) in PLACED]
        known = {one.proposal.id: one.proposal for one in placed}
        yield from ((box.class_name, _crop_of(place, box, known[box.id])) for box in as_answered(place, placed))
        wholes = [one.proposal for one in sure if one not in placed]
        yield from ((one.class_name, _whole(place, one, texts.get(place.item_id))) for one in wholes)


def _whole(place: DraftItem, proposal: Proposal, text: str | None) -> PageCrop:
    if text is not None:
        return PageCrop(proposal_id=proposal.id, item_id=place.item_id, text=text[:CARD_CHARACTERS])
    return PageCrop(proposal_id=proposal.id, item_id=place.item_id, crop=(0, 0, place.width, place.height))


def _crop_of(place: DraftItem, box: AnsweredBox, proposal: Proposal) -> PageCrop:
    return PageCrop(
        proposal_id=box.id,
        item_id=place.item_id,
        crop=crop_around(box, place.width, place.height, MARGIN_SHARE),
        box=(box.x_min, box.y_min, box.x_max, box.y_max),
        rings=rings_of(shape_of(proposal)),
    )


def _draft(batch_id: str, class_name: str, crops: Sequence[PageCrop], round_: int) -> Draft:
    payload = PagePayload(class_name=class_name, crops=list(crops))
    first = crops[0]
    return Draft(batch_id, first.item_id, payload.model_dump(mode="json"), f"page from {first.proposal_id}", round_)
