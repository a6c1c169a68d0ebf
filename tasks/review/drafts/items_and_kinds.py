"""Which questions a batch gives rise to: whole items, and crops of settled boxes for name-kind.

Both yield drafts page by page, so that a batch of any size is written with the memory of one page.
"""

import hashlib
import logging
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from blocks.database.engine import reading, writing
from blocks.database.tables import Outcome, Proposal, Question, Route, Verdict
from blocks.errors import BadRegion
from blocks.shapes import Bounds, read_shape
from blocks.storage.links import Box
from blocks.storage.stores import Store
from tasks.kinds.geometry import bounds_of
from tasks.review.drafts.batch_items import DraftItem, pages_of_items, texts_of
from tasks.review.drafts.cutting import PartOptions
from tasks.review.drafts.in_parts import expected_seconds, items_to_ask, learn_experience
from tasks.review.drafts.strips import onto_strips
from tasks.review.gold.pool import hide_gold
from tasks.review.posting.outbox import Draft, write_questions
from tasks.review.questions.asked import note_asked
from tasks.review.questions.bookmarks import questions_written, read_bookmarks, write_bookmarks
from tasks.review.questions.kinds.boxes.part import is_middle_in
from tasks.review.questions.kinds.boxes.regions import AnsweredBox, ShownBox
from tasks.review.questions.kinds.choose import ChoosePayload
from tasks.review.questions.kinds.correct import shown_boxes
from tasks.review.questions.kinds.outlines.outline import OUTLINED, ShownOutline
from tasks.review.questions.kinds.protocol import ItemToAsk, SaidLabel, ToShow
from tasks.review.questions.kinds.registry import kind_named
from tasks.review.questions.queue import Queue
from tasks.review.questions.read_said import read_said
from tasks.review.questions.said import QuestionSoFar, WholeItemQuestion, answer_about
from tasks.suggest.shown import may_show
from tasks.triage.reasons import removed_from_page

LOG = logging.getLogger(__name__)

MIN_MARGIN_PX = 12
"""A crop shows at least this much around its box, however small that is: context tells a van from a truck."""


PART_AFTER_PART = 1e-9
"""By how much less urgent the next part of an item is: the eye stays in one scene, and no other item comes between."""


def write_once(engine: Engine, queue: Queue, batch_id: str, round_: int, pages: Iterable[list[Draft]]) -> int:
    """Write a batch's questions into the outbox, page by page; once all are written, a second call drafts none.

    Returns:
        How many questions the batch has in this queue and round, new or not.
    """
    name = questions_written(queue.name, batch_id, round_)
    with writing(engine) as session:
        note_asked(session, queue, batch_id, round_)
        written = read_bookmarks(session, [name]).get(name)
    if written is not None:
        return int(written)
    for page in pages:
        write_questions(engine, queue, page)
    hide_gold(engine, queue, batch_id, round_)
    ours = select(func.count()).where(
        col(Question.queue) == queue.name, col(Question.batch_id) == batch_id, col(Question.round) == round_
    )
    with writing(engine) as session:
        count = session.exec(ours).one()
        write_bookmarks(session, {name: str(count)})
    return count


def draft_missed(
    engine: Engine,
    queue: Queue,
    batch_id: str,
    round_: int = 0,
    order: Mapping[str, float] | None = None,
    parts: PartOptions | None = None,
    store: Store | None = None,
    quiet: Collection[str] = (),
) -> Iterator[list[Draft]]:
    """Yield pages of questions about items, or parts of them: those triage sent to people, audits without boxes.

    Highest priority have items with a box at the toss of a coin, and items in which the machine saw nothing; where an
    order is given (`ask_order`), it gives the priority of items whose proposals are shown. Audits are mixed in at
    random. The parts of an item follow each other in reading order. Where the queue has strips, neighbours of a
    sequence stand on one.

    Args:
        engine: The catalogue.
        queue: Which asks.
        batch_id: Of which batch.
        round_: Of which round the questions are.
        order: Priority by item id.
        parts: When an item is asked in parts; None: never.
        store: Where texts are; None: there are none among the items.
        quiet: Classes whose proposals are not shown.

    Raises:
        UnknownClass: A proposal has a class that the queue does not know.
    """
    kind = kind_named(queue.kind)
    is_cut = parts is not None and kind.is_cut
    known = learn_experience(engine, batch_id, queue.name, kind.draw_s[queue.drawing]) if is_cut else None
    for page in pages_of_items(engine, batch_id, (Route.ASK, Route.AUDIT)):
        with reading(engine) as session:
            boxes = proposed_of(session, batch_id, [place.item_id for place in page], (Outcome.ACCEPT, Outcome.ASK))
        drafts, texts, seconds = list[Draft](), texts_of(store, page), dict[str, float]()
        for place in page:
            item, hidden = _item_to_ask(place, boxes.get(place.item_id, []), texts.get(place.item_id), quiet)
            cut = [item] if known is None or parts is None else items_to_ask(item, hidden, parts, known)
            if removed_from_page() in place.reasons:  # the rest of it was sure, or is by now
                cut = [part for part in cut if part.part is None or any(not one.is_sure for one in part.proposed)]
            drafts += _draft_item(queue, batch_id, place, cut, order)
            if known is not None:
                seconds[place.item_id] = expected_seconds(item, hidden, known)
        if queue.stills > 1:
            drafts = onto_strips(drafts, page, queue.stills, seconds, parts.seconds if parts else math.inf)
        yield [replace(draft, round=round_) for draft in drafts]


def draft_kinds(
    engine: Engine,
    batch_id: str,
    kinds: Mapping[str, Sequence[str]],
    margin_share: float = 0.5,
    round_: int = 0,
    outlined: bool = False,
) -> Iterator[list[Draft]]:
    """Yield pages of questions about single boxes: what people left in the first queue, and what machines accepted.

    Args:
        engine: The catalogue.
        batch_id: Of which batch; its first queue should have been answered.
        kinds: Class name to finer kinds; boxes of other classes are not asked about.
        margin_share: How much of the box's longer side the crop shows around it.
        round_: Of which round the questions are.
        outlined: Whether the outlines of what has one are shown, and not boxes around them.
    """
    for page in pages_of_items(engine, batch_id, tuple(Route)):
        ids = [place.item_id for place in page]
        with reading(engine) as session:
            said = read_said(session, batch_id, ids)
            # An item sent to people and left unanswered settles with what the machine accepted; an audit never does.
            settling = [place.item_id for place in page if place.route != Route.AUDIT]
            accepted = proposed_of(session, batch_id, settling, (Outcome.ACCEPT,))
        known = {
            place.item_id: _left(said[place.item_id].get("items", []), place, accepted[place.item_id]) for place in page
        }
        yield [
            replace(
                _draft_box(batch_id, place, box, shape if outlined else None, kinds[box.class_name], margin_share),
                round=round_,
            )
            for place in page
            for box, shape in known[place.item_id]
            if box.class_name in kinds
        ]


def crop_around(box: AnsweredBox, width: int, height: int, margin_share: float) -> Box:
    """Return the part of an item that shows a box and some of its surroundings, in whole pixels inside the item."""
    margin = max(MIN_MARGIN_PX, margin_share * max(box.x_max - box.x_min, box.y_max - box.y_min))
    x_min, y_min = max(0, int(box.x_min - margin)), max(0, int(box.y_min - margin))
    return x_min, y_min, min(width, int(box.x_max + margin) + 1), min(height, int(box.y_max + margin) + 1)


def proposed_of(
    session: Session, batch_id: str, item_ids: Sequence[str], outcomes: Sequence[Outcome]
) -> defaultdict[str, list[ToShow]]:
    """Return the proposals of some items with one of these outcomes, by item id."""
    rows = session.exec(
        select(Proposal, Verdict.outcome, Verdict.reasons)
        .join(Verdict, col(Verdict.proposal_id) == col(Proposal.id))
        .where(Verdict.batch_id == batch_id, col(Proposal.item_id).in_(item_ids))
        .where(col(Verdict.outcome).in_([outcome.value for outcome in outcomes]))
        .order_by(col(Proposal.id))
    )
    boxes = defaultdict[str, list[ToShow]](list)
    for proposal, outcome, why in rows:
        boxes[proposal.item_id].append(ToShow(proposal, outcome == Outcome.ACCEPT, why))
    return boxes


_Left = tuple[AnsweredBox, Mapping[str, Any] | None]
"""A box, and its shape where that is another one."""


def _left(said: Sequence[QuestionSoFar], place: DraftItem, accepted: Sequence[ToShow]) -> Sequence[_Left]:
    """Return the boxes that people left on an item, and what was accepted where nobody answered."""
    shapes = {one.proposal.id: one.proposal.shape for one in accepted}
    proposed = [(box, shapes[box.id]) for box in as_answered(place, accepted)]
    try:
        about = answer_about(said)
    except BadRegion as error:
        LOG.warning("no exact kinds are asked of an item: %s", error)
        return ()
    if about.asked is not WholeItemQuestion.ANSWERED:
        return proposed
    left = [(_as_box(label, label.box_px), label.shape) for label in about.labels if label.box_px is not None]
    if not about.is_partial:
        return left
    known = {box.id for box, _ in left} | about.shown
    unasked = [one for one in proposed if not any(is_middle_in(part, bounds_of(one[0])) for part in about.by_part)]
    return [*left, *(one for one in unasked if one[0].id not in known)]


def _as_box(label: SaidLabel, bounds: Bounds) -> AnsweredBox:
    edges = dict(zip(("x_min", "y_min", "x_max", "y_max"), bounds, strict=True))
    return AnsweredBox(id=label.id, class_name=label.class_name, untouched=label.untouched, **edges)


def as_answered(place: DraftItem, accepted: Sequence[ToShow]) -> list[AnsweredBox]:
    """Return proposals as boxes that somebody left as they were, cut off at the item's edges."""
    boxes = shown_boxes(accepted, place.width, place.height)
    return [AnsweredBox(untouched=True, **box.model_dump(exclude={"score", "sure"})) for box in boxes]


def _item_to_ask(
    place: DraftItem, proposed: Sequence[ToShow], text: str | None, quiet: Collection[str]
) -> tuple[ItemToAsk, Sequence[ToShow]]:
    """Return an item with what is shown of it, and the proposals that are held back since people label it blind."""
    blind = place.route == Route.AUDIT
    shown = [one for one in proposed if may_show({"blind": blind}, place.item_id, one.proposal.class_name, quiet)]
    why = () if blind else place.reasons
    return ItemToAsk(place.width, place.height, shown, blind, why, text=text), proposed if blind else ()


def _draft_item(
    queue: Queue, batch_id: str, place: DraftItem, asked: Sequence[ItemToAsk], order: Mapping[str, float] | None
) -> list[Draft]:
    payloads = [kind_named(queue.kind).begin(item, queue) for item in asked]
    if place.route == Route.AUDIT:
        priority = _spread(place.item_id)
    else:
        prefilled = {id_ for payload in payloads for id_ in payload.prefill}
        priority = _doubt([one for item in asked for one in item.proposed if one.proposal.id in prefilled])
    priority = priority if order is None else order.get(place.item_id, priority)
    return [
        Draft(
            batch_id,
            place.item_id,
            payload.model_dump(mode="json"),
            subject=item.part.subject if item.part else "",
            priority=priority - PART_AFTER_PART * number,
        )
        for number, (item, payload) in enumerate(zip(asked, payloads, strict=True))
    ]


def _doubt(shown: Sequence[ToShow]) -> float:
    """Return 1 for an item with a proposal at score 0.5 or with none at all, less the farther its doubtful ones are."""
    doubts = [1 - abs(2 * one.proposal.score - 1) for one in shown if not one.is_sure]
    if doubts:
        return max(doubts)
    return 0.5 if shown else 1.0


def _spread(item_id: str) -> float:
    """Return a number from 0 to 1 that mixes audits evenly among the others, the same one every time."""
    return int(hashlib.sha256(item_id.encode()).hexdigest()[:8], 16) / 0xFFFFFFFF


def _draft_box(
    batch_id: str,
    place: DraftItem,
    box: AnsweredBox,
    shape: Mapping[str, Any] | None,
    kinds: Sequence[str],
    margin_share: float,
) -> Draft:
    outlines = list[ShownOutline]()
    if shape is not None and shape["type"] in OUTLINED:
        outlines.append(ShownOutline(id=box.id, class_name=box.class_name, score=1.0, shape=read_shape(shape)))
    payload = ChoosePayload(
        width=place.width,
        height=place.height,
        crop=crop_around(box, place.width, place.height, margin_share),
        class_name=box.class_name,
        boxes=[ShownBox(score=1.0, **box.model_dump(exclude={"untouched"}))],  # which object is meant
        outlines=outlines,
        kinds=list(kinds),
    )
    # Boxes of one item follow each other: the eye stays in one scene.
    return Draft(
        batch_id, place.item_id, payload.model_dump(mode="json"), subject=box.id, priority=_spread(place.item_id)
    )
