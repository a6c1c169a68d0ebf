"""What people spent, answer by answer: seconds, with the item, the classes and the queue they went to.

Label Studio's lead time of an edited annotation includes what it was before the edit, so the longest version counts,
as in `tasks/settle/effort.py`. A time that is not above 0 was not measured, or a clock ran backwards: it is counted as
such and never added.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Answer, AnswerState, Audit, Batch, BatchItem, Question
from blocks.naming.emails import normal_email
from tasks.review.questions.kinds.boxes.part import is_part

NO_OBJECT = "(no object)"
"""Where the seconds go of an answer that neither left nor took away a box."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What one person spent on one question."""

    queue: str
    person: str
    item_id: str
    batch_id: str
    subject: str
    """'' where the whole item was asked about; else a part of it, or a box."""
    seconds: float | None
    """None: not measured."""
    received_at: datetime
    """By this machine's clock, as snapshots are: when we first heard of it."""
    shares: Mapping[str, float]
    """By class, summing to 1: see `class_shares`."""
    boxes: int
    """Boxes that the answer left; 0 where it was not counted."""
    counted: bool
    blind: bool
    saw_proposals: bool
    """Whether the person was shown what the question proposes, as far as anybody knows; of a blind one it says nothing.
    """
    why: str | None
    """Why the item was audited; None: it was not."""

    @property
    def is_about_item(self) -> bool:
        """Whether the question was about all that is on the item, or on a part of it, and not about one box."""
        return not self.subject or is_part(self.subject)


def read_spent(engine: Engine, collection: str) -> Iterator[Spent]:
    """Yield what people spent on a collection, skipped and deleted answers included; memory holds one answer at a time.

    Args:
        engine: The catalogue.
        collection: Whose questions; one that does not exist yields nothing.
    """
    query = (
        select(Question, Answer, Audit.why)
        .join(Answer, col(Answer.question_id) == col(Question.id))
        .join(Batch, col(Batch.id) == col(Question.batch_id))
        .outerjoin(Audit, (col(Audit.batch_id) == Question.batch_id) & (col(Audit.item_id) == Question.item_id))
        .where(Batch.collection == collection)
        .order_by(col(Question.id), col(Answer.person), col(Answer.annotation_id), col(Answer.answered_at))
        .execution_options(yield_per=500)
    )
    with reading(engine) as session:
        rows = session.exec(query)
        for _, versions in groupby(rows, key=lambda row: (row[0].id, row[1].person, row[1].annotation_id)):
            yield _spent(list(versions))


def _spent(versions: Sequence[Any]) -> Spent:
    question, last, why = versions[-1]
    measured = [answer.seconds for _, answer, _ in versions if is_measured(answer.seconds)]
    counted = next((answer for _, answer, _ in versions if answer.state == AnswerState.COUNTED.value), None)
    shown = counted or last
    return Spent(
        queue=question.queue,
        person=normal_email(last.person),
        item_id=question.item_id,
        batch_id=question.batch_id,
        subject=question.subject,
        seconds=max(measured, default=None),
        received_at=min(answer.received_at for _, answer, _ in versions),
        shares=class_shares(question.payload, shown.raw),
        boxes=len(_named(counted.raw)) if counted else 0,
        counted=counted is not None,
        blind=bool(question.payload.get("blind", False)) or why is not None,
        saw_proposals=shown.saw_proposals is not False,
        why=why,
    )


def is_measured(seconds: float) -> bool:
    """Say whether a time can be one: finite and above 0."""
    return math.isfinite(seconds) and seconds > 0


def class_shares(payload: Mapping[str, Any], raw: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Divide an answer among classes: equally over the boxes that it left and those that it took away.

    A question about one box goes to that box's class; an answer without a box to `NO_OBJECT`.

    Args:
        payload: The question's.
        raw: What was said, in our form or, where it could not be read, in Label Studio's.

    Returns:
        Shares by class, summing to 1.
    """
    if payload.get("class_name"):
        return {str(payload["class_name"]): 1.0}
    left = _named(raw)
    taken = [(box["id"], box["class_name"]) for box in payload.get("boxes", ()) if "class_name" in box]
    names = Counter(left.values()) + Counter(str(name) for id_, name in taken if id_ not in left)
    total = names.total()
    return {name: count / total for name, count in names.items()} if total else {NO_OBJECT: 1.0}


def _named(raw: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the classes of the boxes of an answer by their id."""
    return {str(box.get("id", at)): str(box["class_name"]) for at, box in enumerate(raw) if box.get("class_name")}


def settled_items(engine: Engine, collection: str) -> dict[str, str]:
    """Return the settled items of a collection with the batch that settled each last; empty where there is none."""
    query = (
        select(BatchItem.item_id, BatchItem.batch_id)
        .join(Batch, col(Batch.id) == col(BatchItem.batch_id))
        .where(Batch.collection == collection)
        .where(col(BatchItem.settled_at).is_not(None), col(BatchItem.set_aside).is_(None))
        .order_by(col(Batch.created_at), col(Batch.id), col(BatchItem.position))
    )
    with reading(engine) as session:
        return dict(session.exec(query).all())
