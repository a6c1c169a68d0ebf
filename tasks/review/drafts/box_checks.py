"""The queue that asks "is this box right?" about randomly sampled proposals, and its questions.

One crop, one box, one key; of outlines and masks the outline is shown and judged, and no box. People do not see the
score, and the questions come in random order: neither what the machine thinks nor what the last picture looked like
tells them the answer. Doubles are not seen here: two boxes on one object are both called right, so this is no measure
of them.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from html import escape
from typing import Any

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.audit_tables import Judgement, Said
from blocks.database.engine import reading
from blocks.database.tables import Answer, AnswerState, Item, Proposal, Question
from blocks.shapes import shape_of, shape_type
from tasks.kinds.geometry import SAME_PX
from tasks.review.drafts.batch_items import PAGE_ITEMS
from tasks.review.drafts.items_and_kinds import crop_around
from tasks.review.posting.outbox import Draft
from tasks.review.questions.kinds.boxes.regions import AnsweredBox, ShownBox
from tasks.review.questions.kinds.outlines.outline import OUTLINED, ShownOutline
from tasks.review.questions.kinds.outlines.verify_outline import VERIFY_OUTLINE, VerifyOutlinePayload
from tasks.review.questions.kinds.verify import VERIFY, VerifyPayload
from tasks.review.questions.queue import Queue

CONFIRM_BOX = "confirm-box"
CONFIRM_AGAIN = "confirm-again"
"""The same question, to other people, about the boxes that were not called right: a slip of the key is as frequent as
the errors that are looked for, so the second word counts. A slip of both people makes a wrong box right: of 100 wrong
ones, 3 to 6 with people who slip 3 times in 100."""

CONFIRM_QUEUES = (CONFIRM_BOX, CONFIRM_AGAIN)

MARGIN_SHARE = 0.5
"""How much of the box's longer side the crop shows around it."""


def confirm_box_queue(classes: Sequence[str], annotators: Sequence[str] = (), *, shapes: Collection[str] = ()) -> Queue:
    """Build the queue in which people say whether single boxes, or outlines, are right.

    Args:
        classes: Class names of what is asked about.
        annotators: E-mails of who should answer; empty means everybody.
        shapes: Types of the shapes that it has; empty: boxes.
    """
    names, is_outlined = ", ".join(classes), bool(OUTLINED & set(shapes))
    kind, one = (VERIFY_OUTLINE, "outline") if is_outlined else (VERIFY, "box")
    return Queue(
        name=CONFIRM_BOX,
        kind=kind.name,
        title=f"Is this {one} right?",
        instructions=(
            f"<p><b>One {one}, one key.</b> The question names the class ({escape(names)}).</p>"
            f"<p>1. <b>Right</b>: such an object is in the {one}, and the {one} fits it.</p>"
            f"<p>2. <b>Wrong class or place</b>: something is there, but of another class, or the {one} misses half "
            "of it.</p>"
            "<p>3. <b>Nothing there</b>: no object of any of these classes.</p>"
            "<p>4. <b>Cannot tell</b>: too small, too dark, hidden. An honest answer is worth more than a guess.</p>"
            "<p>They are a random sample, so most are easy. Each answer stands for many that nobody looks at.</p>"
        ),
        classes=tuple(classes),
        annotators=tuple(annotators),
    )


def confirm_again_queue(
    classes: Sequence[str], annotators: Sequence[str] = (), *, shapes: Collection[str] = ()
) -> Queue:
    """Build the queue in which other people look at what was not called right."""
    queue = confirm_box_queue(classes, annotators, shapes=shapes)
    return queue.model_copy(update={"name": CONFIRM_AGAIN})


def draft_confirms_again(engine: Engine, batch_id: str, round_: int = 0) -> Iterator[list[Draft]]:
    """Yield pages of questions about the boxes of a batch that the first person did not call right.

    What was asked in earlier rounds is left out, here and in `draft_confirms`.
    """
    answered = (
        select(Question.subject, Answer.raw)
        .join(Answer, col(Answer.question_id) == Question.id)
        .where(Question.queue == CONFIRM_BOX, Question.batch_id == batch_id)
        .where(Answer.state == AnswerState.COUNTED.value)
    )
    answered = answered.where(col(Question.subject).not_in(_asked_before(CONFIRM_AGAIN, batch_id, round_)))
    with reading(engine) as session:
        rows = session.exec(answered).all()
    doubted = sorted({subject for subject, raw in rows if not _is_right(raw)})
    for start in range(0, len(doubted), PAGE_ITEMS):
        page = doubted[start : start + PAGE_ITEMS]
        with reading(engine) as session:
            found = session.exec(_with_sizes().where(col(Proposal.id).in_(page)).order_by(col(Proposal.id))).all()
        yield [_draft(batch_id, proposal, width, height, round_) for proposal, width, height in found]


def draft_confirms(engine: Engine, batch_id: str, round_: int = 0) -> Iterator[list[Draft]]:
    """Yield pages of questions about the proposals of a batch that were randomly sampled."""
    drawn = (
        _with_sizes()
        .join(Judgement, col(Judgement.proposal_id) == col(Proposal.id))
        .where(Judgement.batch_id == batch_id, col(Proposal.id).not_in(_asked_before(CONFIRM_BOX, batch_id, round_)))
        .order_by(col(Proposal.id))
    )
    start = 0
    while True:
        with reading(engine) as session:
            rows = session.exec(drawn.offset(start).limit(PAGE_ITEMS)).all()
        if rows:
            yield [_draft(batch_id, proposal, width, height, round_) for proposal, width, height in rows]
        if len(rows) < PAGE_ITEMS:
            return
        start += PAGE_ITEMS


def _with_sizes() -> Any:
    return select(Proposal, Item.width, Item.height).join(Item, col(Item.id) == col(Proposal.item_id))


def _asked_before(queue: str, batch_id: str, round_: int) -> Any:
    return select(Question.subject).where(
        Question.queue == queue, Question.batch_id == batch_id, col(Question.round) < round_
    )


def _is_right(raw: Sequence[Any]) -> bool:
    return len(raw) == 1 and isinstance(raw[0], dict) and raw[0].get("said") == Said.RIGHT


def _draft(batch_id: str, proposal: Proposal, width: int, height: int, round_: int) -> Draft:
    # A box outside its item is shown as a speck at the edge: people call it wrong, as it is.
    x_min = min(max(0.0, proposal.x_min), width - 1.0)
    y_min = min(max(0.0, proposal.y_min), height - 1.0)
    x_max = max(x_min + SAME_PX, min(float(width), proposal.x_max))
    y_max = max(y_min + SAME_PX, min(float(height), proposal.y_max))
    edges = {"x_min": x_min, "y_min": y_min, "x_max": x_max, "y_max": y_max}
    shown = ShownBox(id=proposal.id, class_name=proposal.class_name, score=0.0, **edges)
    answered = AnsweredBox(id=proposal.id, class_name=proposal.class_name, untouched=True, **edges)
    about = {
        "width": width,
        "height": height,
        "crop": crop_around(answered, width, height, MARGIN_SHARE),
        "class_name": proposal.class_name,
        "boxes": [shown],
    }
    payload = VerifyPayload.model_validate(about)
    if shape_type(proposal) in OUTLINED:
        one = ShownOutline(id=proposal.id, class_name=proposal.class_name, score=0.0, shape=shape_of(proposal))
        payload = VerifyOutlinePayload.model_validate({**about, "outlines": [one]})
    lot = hashlib.sha256(f"{batch_id}|{proposal.id}".encode()).digest()
    priority = int.from_bytes(lot[:6], "big") / 2**48
    return Draft(batch_id, proposal.item_id, payload.model_dump(mode="json"), proposal.id, round_, priority)
