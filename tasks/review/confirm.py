"""The queue that asks "is this box right?" about proposals drawn by lot, and its questions.

One crop, one box, one key. People do not see the score, and the questions come in random order: neither what the
machine thinks nor what the last picture looked like tells them the answer. Doubles are not seen here: two boxes on one
object are both called right, so this is no measure of them.
"""

import hashlib
from collections.abc import Iterator, Sequence
from html import escape

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.audit_tables import Judgement
from blocks.database import reading
from blocks.tables import Item, Proposal
from tasks.review.drafts import PAGE_ITEMS, crop_around
from tasks.review.outbox import Draft
from tasks.review.queues import Queue
from tasks.review.regions import SAME_PX, AnsweredBox, ShownBox
from tasks.review.task_data import Payload

CONFIRM_BOX = "confirm-box"

MARGIN_SHARE = 0.5
"""How much of the box's longer side the crop shows around it."""


def confirm_box_queue(classes: Sequence[str], annotators: Sequence[str] = ()) -> Queue:
    """Build the queue in which people say whether single boxes are right.

    Args:
        classes: Class names of the boxes.
        annotators: E-mails of who should answer; empty means everybody.
    """
    names = ", ".join(classes)
    return Queue(
        name=CONFIRM_BOX,
        kind="confirm",
        title="Is this box right?",
        instructions=(
            f"<p><b>One box, one key.</b> The question names the class ({escape(names)}).</p>"
            "<p>1. <b>Right</b>: such an object is in the box, and the box fits it.</p>"
            "<p>2. <b>Wrong class or place</b>: something is there, but of another class, or the box misses half "
            "of it.</p>"
            "<p>3. <b>Nothing there</b>: no object of any of these classes.</p>"
            "<p>4. <b>Cannot tell</b>: too small, too dark, hidden. An honest answer is worth more than a guess.</p>"
            "<p>Boxes are drawn by lot, so most are easy. Each answer stands for many boxes that nobody looks at.</p>"
        ),
        classes=tuple(classes),
        annotators=tuple(annotators),
    )


def draft_confirms(engine: Engine, batch_id: str, round_: int = 0) -> Iterator[list[Draft]]:
    """Yield pages of questions about the proposals of a batch that were drawn by lot and are not judged yet."""
    drawn = (
        select(Proposal, Item.width, Item.height)
        .join(Judgement, col(Judgement.proposal_id) == col(Proposal.id))
        .join(Item, col(Item.id) == col(Proposal.item_id))
        .where(Judgement.batch_id == batch_id, col(Judgement.said).is_(None))
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


def _draft(batch_id: str, proposal: Proposal, width: int, height: int, round_: int) -> Draft:
    # A box outside its item is shown as a speck at the edge: people call it wrong, as it is.
    x_min = min(max(0.0, proposal.x_min), width - 1.0)
    y_min = min(max(0.0, proposal.y_min), height - 1.0)
    x_max = max(x_min + SAME_PX, min(float(width), proposal.x_max))
    y_max = max(y_min + SAME_PX, min(float(height), proposal.y_max))
    edges = {"x_min": x_min, "y_min": y_min, "x_max": x_max, "y_max": y_max}
    shown = ShownBox(id=proposal.id, class_name=proposal.class_name, score=0.0, **edges)
    answered = AnsweredBox(id=proposal.id, class_name=proposal.class_name, untouched=True, **edges)
    payload = Payload(
        type="confirm",
        width=width,
        height=height,
        crop=crop_around(answered, width, height, MARGIN_SHARE),
        class_name=proposal.class_name,
        boxes=[shown],
    )
    lot = hashlib.sha256(f"{batch_id}|{proposal.id}".encode()).digest()
    priority = int.from_bytes(lot[:6], "big") / 2**48
    return Draft(batch_id, proposal.item_id, payload.model_dump(mode="json"), proposal.id, round_, priority)
