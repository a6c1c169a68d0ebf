"""What the settled labels are worth: compared, box by box, with a truth that the line never saw."""

from pydantic import BaseModel, ConfigDict, computed_field
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Answer, AnswerState, Batch, BatchItem, Label, Question
from infra.annotators.matching import match
from infra.annotators.truth import KnownWorld
from tasks.kinds.geometry import RIGHT_IOU
from tasks.review.questions.queue import MARK_MISSED
from tasks.settle.in_force import labels_in_force


class Worth(BaseModel):
    """Labels against truth: a label is right with the same class at IoU 0.5 or more."""

    model_config = ConfigDict(frozen=True, extra="ignore")  # ignore: the computed shares come along when read back

    labels: int
    truths: int
    right: int
    unseen_labels: int
    unseen_right: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def precision(self) -> float | None:
        """Share of the labels that are right; None without labels."""
        return round(self.right / self.labels, 4) if self.labels else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def recall(self) -> float | None:
        """Share of the true objects that have a right label; None where there is no object."""
        return round(self.right / self.truths, 4) if self.truths else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def unseen_precision(self) -> float | None:
        """Share of right ones among the labels that nobody has looked at; None where there are none."""
        return round(self.unseen_right / self.unseen_labels, 4) if self.unseen_labels else None


def _is_unseen(label: Label) -> bool:
    """Say whether nobody has judged a label by itself: on a page, in a draw, or to name its kind."""
    return label.origin == "machine" and label.kind_answer_id is None


def worth_of_labels(engine: Engine, collection: str, world: KnownWorld) -> Worth:
    """Compare the labels in force of a collection's settled items with the truth."""
    query = (
        select(BatchItem.item_id)
        .join(Batch, col(Batch.id) == col(BatchItem.batch_id))
        .where(Batch.collection == collection, col(BatchItem.settled_at).is_not(None))
    )
    with reading(engine) as session:
        items = [item_id for item_id in session.exec(query) if item_id in world.pictures]
        answered = select(Question.item_id).join(Answer, col(Answer.question_id) == col(Question.id))
        answered = answered.where(col(Question.queue) == MARK_MISSED, col(Answer.state) == AnswerState.COUNTED.value)
        seen = set(session.exec(answered.distinct()))
    labels = labels_in_force(engine, items, collection)
    counts = dict.fromkeys(("labels", "truths", "right", "unseen_labels", "unseen_right"), 0)
    for item_id in items:
        found, true = labels.get(item_id, []), world.pictures[item_id].boxes
        pairs = match([(box.x_min, box.y_min, box.x_max, box.y_max) for box in found], [box.xyxy for box in true])
        right = {
            row
            for row, (column, overlap) in pairs.items()
            if overlap >= RIGHT_IOU and found[row].class_name == true[column].class_name
        }
        looked_at = item_id in seen
        unseen = {row for row, one in enumerate(found) if _is_unseen(one) and not looked_at}
        for name, count in (
            ("labels", len(found)),
            ("truths", len(true)),
            ("right", len(right)),
            ("unseen_labels", len(unseen)),
            ("unseen_right", len(unseen & right)),
        ):
            counts[name] += count
    return Worth(**counts)
