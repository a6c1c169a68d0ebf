"""An item with much to do is asked about in parts, by what its proposals and people's earlier answers let expect."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Answer, AnswerState, Batch, Question
from blocks.published_times import DRAW_BOX
from tasks.kinds.geometry import Floats, edges_of
from tasks.review.drafts.cutting import Marks, PartOptions, cut_into_parts, spread_out
from tasks.review.questions.expected import LOOK_S, Experience
from tasks.review.questions.kinds.boxes.part import middles_in
from tasks.review.questions.kinds.protocol import ItemToAsk, ToShow

RECENT = 500
"""So many of the last answers are learnt from."""


def learn_experience(engine: Engine, batch_id: str, queue: str, draw_s: float = DRAW_BOX.seconds) -> Experience:
    """Return what the last answers to a queue have shown in the collection of a batch.

    Args:
        engine: The catalogue.
        batch_id: A batch of the collection.
        queue: The queue's name.
        draw_s: Seconds to draw one object, as people draw there.
    """
    collection = select(Batch.collection).where(Batch.id == batch_id).scalar_subquery()
    query = (
        select(Question.item_id, Question.subject, Question.payload, Answer.raw)
        .join(Answer, col(Answer.question_id) == col(Question.id))
        .join(Batch, col(Batch.id) == col(Question.batch_id))
        .where(Batch.collection == collection, Question.queue == queue)
        .where(Answer.state == AnswerState.COUNTED.value, col(Question.gold_id).is_(None))
        .order_by(col(Answer.answered_at).desc(), col(Answer.id))
        .limit(RECENT)
    )
    with reading(engine) as session:
        rows = session.exec(query).all()
    left = added = 0
    by_item: defaultdict[str, dict[str, int]] = defaultdict(dict)
    parts_of: dict[str, int] = {}
    for item_id, subject, payload, raw in rows:
        by_item[item_id].setdefault(subject, len(raw))
        parts_of[item_id] = (payload.get("part") or {}).get("of", 1)
        shown = {one["id"] for one in payload.get("boxes") or payload.get("outlines") or ()}
        if shown and not payload.get("blind"):
            left += len(raw)
            added += sum(box.get("id") not in shown for box in raw)
    whole = [sum(counts.values()) for item_id, counts in by_item.items() if len(counts) >= parts_of[item_id]]
    return Experience(left, added, float(np.mean(whole)) if whole else None, draw_s)


def items_to_ask(item: ItemToAsk, hidden: Sequence[ToShow], options: PartOptions, known: Experience) -> list[ItemToAsk]:
    """Return an item as it is asked about: as a whole, or in parts with the proposals of each.

    Args:
        item: The whole item, with what is shown of it; without proposals where people label blind.
        hidden: What was proposed and is not shown, since people label blind: it only says how much there is to do.
        options: What a part may hold.
        known: What people's answers have shown.
    """
    marks = _marks_of(item, hidden, known)
    parts = cut_into_parts(item.width, item.height, marks, options)
    if not parts:
        return [item]
    edges = _inside(item, item.proposed)
    mine = [middles_in(part.frame, edges) for part in parts]
    return [
        replace(item, part=part, proposed=[one for one, is_mine in zip(item.proposed, here, strict=True) if is_mine])
        for part, here in zip(parts, mine, strict=True)
    ]


def expected_seconds(item: ItemToAsk, hidden: Sequence[ToShow], known: Experience) -> float:
    """Return how long a question about a whole item is expected to take; see `items_to_ask`."""
    return LOOK_S + float(_marks_of(item, hidden, known).seconds.sum())


def _marks_of(item: ItemToAsk, hidden: Sequence[ToShow], known: Experience) -> Marks:
    if item.proposed:
        seconds = [known.seconds_of_box(one.proposal.score, one.is_sure) for one in item.proposed]
        return Marks(_inside(item, item.proposed), np.array(seconds, np.float64))
    if hidden:
        seconds = [known.seconds_of_hidden(1.0 if one.is_sure else one.proposal.score) for one in hidden]
        return Marks(_inside(item, hidden), np.array(seconds, np.float64))
    return spread_out(item.width, item.height, known.objects_per_item or 0.0, known.draw_s)


def _inside(item: ItemToAsk, some: Sequence[ToShow]) -> Floats:
    """Return the edges of proposals as they are shown: cut off at the picture's."""
    edges = edges_of([one.proposal for one in some])
    return np.clip(edges, 0.0, np.array([item.width, item.height] * 2, np.float64))
