"""Which proposals people have judged, and which objects nobody proposed: model and people side by side.

Only items that a person answered about count: a label that was accepted without a look agrees with its proposal by
birth. Blind answers (audits, held-out items) are the holdout; where people saw the proposals, they may have
followed them, so the two are never added up. The control group of time is neither: it is labelled blind, and was drawn
from what is in doubt, so a detector would look worse by it than it is. Nor are answers to questions whose proposals
were not shown although they should have been: they are blind, and no lot has drawn them.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Answer, AnswerState, Audit, Batch, BatchItem, Item, Question, Route, Scan
from blocks.shapes import shape_type
from tasks.audit.label_errors.record import REVIEW_ROUND
from tasks.detect.calibration import judge
from tasks.detect.proposals import proposals_of
from tasks.detect.settled_evidence import triaged_by
from tasks.detect.tiling.tiles import Flags, Floats
from tasks.kinds.registry import kind_with_shapes
from tasks.review.questions.kinds.registry import kinds_that_settle
from tasks.review.questions.slots import of_kinds
from tasks.settle.in_force import labels_in_force
from tasks.triage.audit import CONTROL
from tasks.triage.boxes import in_shards


@dataclass(frozen=True, slots=True)
class JudgedItem:
    """One item that people answered about, and what a detector had said of it."""

    item_id: str
    sequence: str
    detector: str
    blind: bool
    answered_at: datetime
    class_names: tuple[str, ...]
    """Of the proposals, best score first."""
    scores: Floats
    """Shape (n,), 0 to 1. n may be 0."""
    right: Flags
    """Shape (n,)."""
    objects: Counter[str]
    """By class, what people say is there."""

    def found(self, least_score: float, class_name: str | None = None) -> tuple[int, int, int]:
        """Return proposals from a score on, right ones among them, and objects; of one class, or of all."""
        mine = self.scores >= least_score
        if class_name is not None:
            mine &= np.array([name == class_name for name in self.class_names], dtype=np.bool_)
        objects = self.objects.total() if class_name is None else self.objects[class_name]
        return int(mine.sum()), int((mine & self.right).sum()), objects


@dataclass(frozen=True, slots=True)
class _Place:
    item_id: str
    sequence: str
    detector: str
    blind: bool
    answered_at: datetime


def read_judged(engine: Engine, collection: str) -> list[JudgedItem]:
    """Return the settled items of a collection that people answered about, in the order in which they did.

    Each stands with the detector and the recipe whose proposals routed its batch. An item that these have not scanned
    is left out: nothing was proposed to be judged.
    """
    found = [item for batch_id in _batches(engine, collection) for item in _judged_of(engine, collection, batch_id)]
    return sorted(found, key=lambda item: (item.answered_at, item.item_id))


def main_recipe(engine: Engine, batch_id: str) -> tuple[str, str] | None:
    """Return the detector and the recipe whose proposals people have seen of a batch; None where nothing was scanned.

    Those that triage gave verdicts on: a batch may have more scans by others, made to choose it from a pool, or for a
    label-error review. Where nothing was proposed there are no verdicts, and most scans by the batch's own detector
    decide.
    """
    triaged = triaged_by(engine, batch_id)
    if all(triaged):
        return triaged
    query = (
        select(Scan.detector, Scan.recipe)
        .join(BatchItem, col(BatchItem.item_id) == col(Scan.item_id))
        .join(Batch, (col(Batch.id) == col(BatchItem.batch_id)) & (col(Batch.detector) == col(Scan.detector)))
        .where(Batch.id == batch_id)
    )
    with reading(engine) as session:
        counts = Counter(session.exec(query).all())
    return max(counts, key=lambda key: (counts[key], key)) if counts else None


def _batches(engine: Engine, collection: str) -> list[str]:
    query = select(Batch.id).where(Batch.collection == collection).order_by(col(Batch.created_at), col(Batch.id))
    with reading(engine) as session:
        return list(session.exec(query).all())


def _judged_of(engine: Engine, collection: str, batch_id: str) -> Iterator[JudgedItem]:
    source = main_recipe(engine, batch_id)
    if source is None:
        return
    for part in in_shards(_answered_places(engine, batch_id, *source)):
        ids = [place.item_id for place in part]
        labels = labels_in_force(engine, ids, collection)
        proposals = proposals_of(engine, ids, *source)
        kind = kind_with_shapes(shape_type(label) for some in labels.values() for label in some)
        for place in part:
            judged = judge(proposals, {place.item_id: labels[place.item_id]}, kind)
            yield JudgedItem(
                place.item_id,
                place.sequence,
                place.detector,
                place.blind,
                place.answered_at,
                tuple(class_name for class_name, _ in judged.keys),
                judged.scores,
                judged.right,
                Counter(label.class_name for label in labels[place.item_id]),
            )


def _answered_places(engine: Engine, batch_id: str, detector: str, recipe: str) -> Sequence[_Place]:
    in_control = select(Audit.item_id).where(Audit.batch_id == batch_id, Audit.why == CONTROL)
    query = (
        select(Item.id, Item.sequence, BatchItem.route, Answer.answered_at)
        .join(BatchItem, col(BatchItem.item_id) == col(Item.id))
        .join(Scan, col(Scan.item_id) == col(Item.id))
        .join(Question, (col(Question.item_id) == col(Item.id)) & (col(Question.batch_id) == col(BatchItem.batch_id)))
        .join(Answer, col(Answer.question_id) == col(Question.id))
        .where(BatchItem.batch_id == batch_id, col(BatchItem.settled_at).is_not(None))
        .where(col(BatchItem.set_aside).is_(None))
        .where(Scan.detector == detector, Scan.recipe == recipe, col(Item.id).not_in(in_control))
        .where(of_kinds(kinds_that_settle("items")), Answer.state == AnswerState.COUNTED.value)
        # Label-error reviews go where the detector disagrees: who was asked only then says nothing about the others.
        .where(Question.round < REVIEW_ROUND)
        .where(col(Answer.saw_proposals).is_not(False))
        .order_by(col(BatchItem.position), col(Answer.answered_at))
    )
    with reading(engine) as session:
        rows = session.exec(query).all()
    # Of several answers to one item the last stands: the order is that of time.
    places = {row[0]: _Place(row[0], row[1], detector, row[2] == Route.AUDIT.value, row[3]) for row in rows}
    return list(places.values())
