"""What the settled labels are worth: compared, box by box, with a truth that the line never saw."""

from pydantic import BaseModel, ConfigDict, computed_field
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database import reading
from blocks.tables import Batch, BatchItem
from infra.annotators.matching import match
from infra.annotators.truth import KnownWorld
from tasks.settle.in_force import labels_in_force

RIGHT_IOU = 0.5


class Worth(BaseModel):
    """Labels against truth: a label is right with the same class at IoU 0.5 or more."""

    model_config = ConfigDict(frozen=True, extra="ignore")  # ignore: the computed shares come along when read back

    labels: int
    truths: int
    right: int
    machine_labels: int
    machine_right: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def precision(self) -> float:
        """Share of the labels that are right."""
        return round(self.right / self.labels, 4) if self.labels else 0.0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def recall(self) -> float:
        """Share of the true objects that have a right label."""
        return round(self.right / self.truths, 4) if self.truths else 0.0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def machine_precision(self) -> float:
        """Share of the labels without people that are right: what nobody checked."""
        return round(self.machine_right / self.machine_labels, 4) if self.machine_labels else 0.0


def worth_of_labels(engine: Engine, collection: str, world: KnownWorld) -> Worth:
    """Compare the labels in force of a collection's settled items with the truth."""
    query = (
        select(BatchItem.item_id)
        .join(Batch, col(Batch.id) == col(BatchItem.batch_id))
        .where(Batch.collection == collection, col(BatchItem.settled_at).is_not(None))
    )
    with reading(engine) as session:
        items = [item_id for item_id in session.exec(query) if item_id in world.pictures]
    labels = labels_in_force(engine, items, collection)
    counts = dict.fromkeys(("labels", "truths", "right", "machine_labels", "machine_right"), 0)
    for item_id in items:
        found, true = labels.get(item_id, []), world.pictures[item_id].boxes
        pairs = match([(box.x_min, box.y_min, box.x_max, box.y_max) for box in found], [box.xyxy for box in true])
        right = {
            row
            for row, (column, overlap) in pairs.items()
            if overlap >= RIGHT_IOU and found[row].class_name == true[column].class_name
        }
        by_machine = {row for row, label in enumerate(found) if label.origin == "machine"}
        for name, count in (
            ("labels", len(found)),
            ("truths", len(true)),
            ("right", len(right)),
            ("machine_labels", len(by_machine)),
            ("machine_right", len(by_machine & right)),
        ):
            counts[name] += count
    return Worth(**counts)
