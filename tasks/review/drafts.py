"""Which questions a batch gives rise to: whole items for mark-missed, crops of settled boxes for name-kind.

Both yield drafts page by page, so that a batch of any size is written with the memory of one page.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from blocks.database import reading, writing
from blocks.errors import UnknownClass
from blocks.links import Box
from blocks.tables import Answer, AnswerState, BatchItem, Item, Outcome, Proposal, Question, Route, Verdict
from tasks.review.bookmarks import questions_written, read_bookmarks, write_bookmarks
from tasks.review.gold_pool import hide_gold
from tasks.review.outbox import Draft, write_questions
from tasks.review.queues import MARK_MISSED, Queue
from tasks.review.regions import SAME_PX, AnsweredBox, ShownBox
from tasks.review.task_data import Payload
from tasks.triage.reasons import telling

PAGE_ITEMS = 200
"""Items per page: at 100 boxes an item, 20,000 boxes in memory."""

MIN_MARGIN_PX = 12
"""A crop shows at least this much around its box, however small that is: context tells a van from a truck."""


@dataclass(frozen=True, slots=True)
class Place:
    """An item of a batch, as far as a question needs it."""

    item_id: str
    width: int
    height: int
    route: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Judged:
    """A proposal, and what triage said of it."""

    proposal: Proposal
    outcome: str
    reasons: Sequence[str]


def write_once(engine: Engine, queue: Queue, batch_id: str, round_: int, pages: Iterable[list[Draft]]) -> int:
    """Write a batch's questions into the outbox, page by page; once all are written, a second call drafts none.

    Returns:
        How many questions the batch has in this queue and round, new or not.
    """
    name = questions_written(queue.name, batch_id, round_)
    with reading(engine) as session:
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
    engine: Engine, queue: Queue, batch_id: str, round_: int = 0, order: Mapping[str, float] | None = None
) -> Iterator[list[Draft]]:
    """Yield pages of questions about whole items: those triage sent to people, audits without boxes.

    Highest priority have items with a box at the toss of a coin, and items in which the machine saw nothing; where an
    order is given (`ask_order`), it gives the priority of items whose proposals are shown. Audits are mixed in by lot.

    Raises:
        UnknownClass: A proposal has a class that the queue does not know.
    """
    for page in pages_of_items(engine, batch_id, (Route.ASK, Route.AUDIT)):
        with reading(engine) as session:
            boxes = _proposed(session, batch_id, [place.item_id for place in page], (Outcome.ACCEPT, Outcome.ASK))
        drafts = [_draft_item(queue, batch_id, place, boxes.get(place.item_id, [])) for place in page]
        yield [replace(draft, round=round_, priority=_priority(draft, order)) for draft in drafts]


def _priority(draft: Draft, order: Mapping[str, float] | None) -> float:
    return draft.priority if order is None else order.get(draft.item_id, draft.priority)


def draft_kinds(
    engine: Engine, batch_id: str, kinds: Mapping[str, Sequence[str]], margin_share: float = 0.5, round_: int = 0
) -> Iterator[list[Draft]]:
    """Yield pages of questions about single boxes: what people left in the first queue, and what machines accepted.

    Args:
        engine: The catalogue.
        batch_id: Of which batch; its first queue should have been answered.
        kinds: Class name to finer kinds; boxes of other classes are not asked about.
        margin_share: How much of the box's longer side the crop shows around it.
        round_: Of which round the questions are.
    """
    for page in pages_of_items(engine, batch_id, tuple(Route)):
        ids = [place.item_id for place in page]
        with reading(engine) as session:
            answered = _answered(session, batch_id, ids)
            # An item sent to people and left unanswered settles with what the machine accepted; an audit never does.
            settling = [place.item_id for place in page if place.route != Route.AUDIT]
            accepted = _proposed(session, batch_id, settling, (Outcome.ACCEPT,))
        known = {place.item_id: _as_answered(place, accepted.get(place.item_id, [])) for place in page} | answered
        yield [
            replace(_draft_box(batch_id, place, box, kinds[box.class_name], margin_share), round=round_)
            for place in page
            for box in known[place.item_id]
            if box.class_name in kinds
        ]


def crop_around(box: AnsweredBox, width: int, height: int, margin_share: float) -> Box:
    """Return the part of an item that shows a box and some of its surroundings, in whole pixels inside the item."""
    margin = max(MIN_MARGIN_PX, margin_share * max(box.x_max - box.x_min, box.y_max - box.y_min))
    x_min, y_min = max(0, int(box.x_min - margin)), max(0, int(box.y_min - margin))
    return x_min, y_min, min(width, int(box.x_max + margin) + 1), min(height, int(box.y_max + margin) + 1)


def pages_of_items(engine: Engine, batch_id: str, routes: Sequence[Route]) -> Iterator[list[Place]]:
    """Yield the items of a batch that took one of these routes, in order, `PAGE_ITEMS` at a time."""
    wanted = (
        select(Item.id, Item.width, Item.height, BatchItem)
        .join(BatchItem, col(BatchItem.item_id) == col(Item.id))
        .where(BatchItem.batch_id == batch_id, col(BatchItem.set_aside).is_(None))
        .where(col(BatchItem.route).in_([route.value for route in routes]))
        .order_by(col(BatchItem.position))
    )
    start = 0
    while True:
        with reading(engine) as session:
            rows = session.exec(wanted.offset(start).limit(PAGE_ITEMS)).all()
        if rows:
            yield [Place(id_, width, height, one.route or "", tuple(one.reasons)) for id_, width, height, one in rows]
        if len(rows) < PAGE_ITEMS:
            return
        start += PAGE_ITEMS


def _proposed(
    session: Session, batch_id: str, item_ids: Sequence[str], outcomes: Sequence[Outcome]
) -> dict[str, list[_Judged]]:
    rows = session.exec(
        select(Proposal, Verdict.outcome, Verdict.reasons)
        .join(Verdict, col(Verdict.proposal_id) == col(Proposal.id))
        .where(Verdict.batch_id == batch_id, col(Proposal.item_id).in_(item_ids))
        .where(col(Verdict.outcome).in_([outcome.value for outcome in outcomes]))
        .order_by(col(Proposal.id))
    )
    boxes: dict[str, list[_Judged]] = defaultdict(list)
    for proposal, outcome, why in rows:
        boxes[proposal.item_id].append(_Judged(proposal, outcome, why))
    return boxes


def _answered(session: Session, batch_id: str, item_ids: Sequence[str]) -> dict[str, list[AnsweredBox]]:
    rows = session.exec(
        select(Question.item_id, Answer.raw)
        .join(Answer, col(Answer.question_id) == col(Question.id))
        .where(Question.queue == MARK_MISSED, Question.batch_id == batch_id, col(Question.item_id).in_(item_ids))
        .where(Answer.state == AnswerState.COUNTED.value)
        .order_by(col(Question.round), col(Answer.answered_at))
    )
    return {item_id: [AnsweredBox.model_validate(box) for box in raw] for item_id, raw in rows}


def accepted_boxes(
    engine: Engine, batch_id: str, places: Sequence[Place], least_score: float = 0.0
) -> dict[str, list[AnsweredBox]]:
    """Return the boxes of items that triage accepted with at least this score, by item id, also where there is none."""
    with reading(engine) as session:
        proposed = _proposed(session, batch_id, [place.item_id for place in places], (Outcome.ACCEPT,))
    sure = {item_id: [one for one in some if one.proposal.score >= least_score] for item_id, some in proposed.items()}
    return {place.item_id: _as_answered(place, sure.get(place.item_id, [])) for place in places}


def _as_answered(place: Place, accepted: Sequence[_Judged]) -> list[AnsweredBox]:
    return [AnsweredBox(untouched=True, **box.model_dump(exclude={"score", "sure"})) for box in _shown(place, accepted)]


def _shown(place: Place, proposed: Sequence[_Judged]) -> list[ShownBox]:
    """Return proposals as boxes to show, cut at the item's edges: doubtful ones first, the lowest score first."""
    boxes = [
        ShownBox(
            id=one.proposal.id,
            class_name=one.proposal.class_name,
            score=one.proposal.score,
            sure=one.outcome == Outcome.ACCEPT,
            x_min=max(0.0, one.proposal.x_min),
            y_min=max(0.0, one.proposal.y_min),
            x_max=min(float(place.width), one.proposal.x_max),
            y_max=min(float(place.height), one.proposal.y_max),
        )
        for one in proposed
    ]
    visible = [box for box in boxes if min(box.x_max - box.x_min, box.y_max - box.y_min) > SAME_PX]
    return sorted(visible, key=lambda box: (box.sure, box.score, box.id))


def _draft_item(queue: Queue, batch_id: str, place: Place, proposed: Sequence[_Judged]) -> Draft:
    blind = place.route == Route.AUDIT
    boxes = [] if blind else _shown(place, proposed)
    for box in boxes:
        if box.class_name not in queue.classes:
            raise UnknownClass.named(box.class_name, queue.classes, f"queue {queue.name!r}")
    payload = Payload(
        type="boxes",
        width=place.width,
        height=place.height,
        blind=blind,
        prefill=[box.id for box in boxes],
        boxes=boxes,
        reasons={} if blind else _reasons(place, boxes, proposed),
    )
    priority = _spread(place.item_id) if blind else _doubt(boxes)
    return Draft(batch_id, place.item_id, payload.model_dump(mode="json"), priority=priority)


def _reasons(place: Place, boxes: Sequence[ShownBox], proposed: Sequence[_Judged]) -> dict[str, str]:
    """Say what is odd about the boxes that are shown, and ('') about the whole item, as far as that helps to look."""
    shown = {box.id for box in boxes}
    found = {one.proposal.id: telling(one.reasons) for one in proposed if one.proposal.id in shown}
    return {key: "; ".join(why) for key, why in {"": telling(place.reasons), **found}.items() if why}


def _doubt(boxes: Sequence[ShownBox]) -> float:
    """Return 1 for an item with a box at score 0.5 or with none at all, less the farther its doubtful boxes are."""
    doubts = [1 - abs(2 * box.score - 1) for box in boxes if not box.sure]
    if doubts:
        return max(doubts)
    return 0.5 if boxes else 1.0


def _spread(item_id: str) -> float:
    """Return a number from 0 to 1 that mixes audits evenly among the others, the same one every time."""
    return int(hashlib.sha256(item_id.encode()).hexdigest()[:8], 16) / 0xFFFFFFFF


def _draft_box(batch_id: str, place: Place, box: AnsweredBox, kinds: Sequence[str], margin_share: float) -> Draft:
    payload = Payload(
        type="kind",
        width=place.width,
        height=place.height,
        crop=crop_around(box, place.width, place.height, margin_share),
        class_name=box.class_name,
        kinds=list(kinds),
    )
    # Boxes of one item follow each other: the eye stays in one scene.
    return Draft(
        batch_id, place.item_id, payload.model_dump(mode="json"), subject=box.id, priority=_spread(place.item_id)
    )
