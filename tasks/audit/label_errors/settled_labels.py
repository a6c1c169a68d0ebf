"""The settled items of a collection whose labels a detector may judge, each with the batch whose word counts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Batch, BatchItem, Item, Label, Proposal, Route, Scan
from blocks.errors import BadOption
from blocks.shapes import PLACED
from tasks.audit.label_errors.record import LookScope
from tasks.audit.open_films import watched_items
from tasks.intake.label_kinds import label_kind_of
from tasks.settle.in_force import labels_in_force
from tasks.settle.truth import MACHINE
from tasks.triage.boxes import Boxes, boxes_from_rows, in_shards


@dataclass(frozen=True, slots=True)
class JudgedLabel:
    """A label in force, as far as it is judged."""

    region: str
    class_name: str
    box_px: tuple[float, float, float, float]
    proposal_id: str | None
    is_machines: bool


@dataclass(frozen=True, slots=True)
class SettledItem:
    """A settled item."""

    item_id: str
    batch_id: str
    key: str
    width: int
    height: int
    labels: tuple[JudgedLabel, ...]


@dataclass(frozen=True, slots=True)
class SettledItems:
    """Items that can be judged, and how many of the others there are and why, by field of the report."""

    items: list[SettledItem]
    left_out: Mapping[str, int] = field(default_factory=dict)


def find_settled(engine: Engine, scope: LookScope) -> tuple[list[Any], Counter[str]]:
    """Return rows (item, key, width, height, batch) of the items whose labels may be judged, newest batches first.

    An item of several batches stands with the newest that has settled it: that one's word is in force.

    Raises:
        BadOption: The batch that is asked for is not one of the collection, or its labels have no place.
    """
    kind = label_kind_of(engine, scope.collection, set())
    if not kind.shapes & PLACED:
        raise BadOption(
            f"collection {scope.collection!r} is labelled with {kind.name}, and a label-error review looks at boxes: "
            "choose a collection of boxes. `labelline reopen` asks again about pictures that nobody could answer."
        )
    with reading(engine) as session:
        batches = session.exec(
            select(Batch)
            .where(Batch.collection == scope.collection)
            .order_by(col(Batch.created_at).desc(), col(Batch.id).desc())
        ).all()
        if scope.batch_id is not None and scope.batch_id not in {batch.id for batch in batches}:
            raise BadOption(
                f"batch {scope.batch_id!r} is not in the catalogue as one of {scope.collection!r} (known: "
                f"{', '.join(batch.id for batch in batches[:5]) or 'none'}): name one of these, or none for all"
            )
        newest: dict[str, Any] = {}
        for batch in batches:
            for row in session.exec(_items_of(batch.id)).all():
                newest.setdefault(row[0], row)
    is_over = {batch.id: batch.settled_at is not None for batch in batches}
    mine = [row for row in newest.values() if scope.batch_id in (None, row[4])]
    shown = [row for row in mine if row[5] != Route.AUDIT.value]
    kept = [row[:5] for row in shown if is_over[row[4]]]
    return kept, Counter(items_audited=len(mine) - len(shown), items_unsettled=len(shown) - len(kept))


def read_settled(engine: Engine, scope: LookScope, most_items: int) -> SettledItems:
    """Return the settled items that this detector has looked at, with their labels; none that people watch just now.

    Memory: some 300 bytes a label.

    Raises:
        BadOption: The batch that is asked for is not one of the collection.
    """
    found, out = find_settled(engine, scope)
    watched = watched_items(engine, scope.collection)
    rows = [row for row in found if row[0] not in watched]
    out["items_watched"] = len(found) - len(rows)
    out["items_beyond"] = max(0, len(rows) - most_items)
    items: list[SettledItem] = []
    for part in in_shards(rows[:most_items]):
        scanned = _scanned(engine, scope, [row[0] for row in part])
        out["items_not_scanned"] += len(part) - len(scanned)
        items += _with_labels(engine, scope.collection, [row for row in part if row[0] in scanned])
    return SettledItems(items, dict(out))


def read_items(engine: Engine, collection: str, batch_id: str, item_ids: Sequence[str]) -> list[SettledItem]:
    """Return some settled items of a batch with their labels in force; those set aside meanwhile are left out."""
    found: list[SettledItem] = []
    for part in in_shards(item_ids):
        with reading(engine) as session:
            rows = session.exec(_items_of(batch_id).where(col(Item.id).in_(part))).all()
        found += _with_labels(engine, collection, [row[:5] for row in rows])
    return found


def as_boxes(settled: Sequence[SettledItem]) -> Boxes:
    """Return the labels of items as columns; those of one item together."""
    return boxes_from_rows(
        [
            (label.region, one.item_id, label.class_name, 1.0, *label.box_px, one.width, one.height)
            for one in settled
            for label in one.labels
        ]
    )


def count_own(engine: Engine, detector: str, settled: Sequence[SettledItem]) -> int:
    """Count the labels that a detector proposed itself and no person changed."""
    count = 0
    for part in in_shards(settled):
        query = select(Proposal.id).where(
            col(Proposal.item_id).in_([one.item_id for one in part]), Proposal.detector == detector
        )
        with reading(engine) as session:
            its_own = set(session.exec(query).all())
        count += sum(label.is_machines and label.proposal_id in its_own for one in part for label in one.labels)
    return count


def _items_of(batch_id: str) -> Any:
    return (
        select(Item.id, Item.key, Item.width, Item.height, BatchItem.batch_id, BatchItem.route)  # type: ignore[call-overload]
        .join(BatchItem, col(BatchItem.item_id) == Item.id)
        .where(BatchItem.batch_id == batch_id, col(BatchItem.set_aside).is_(None))
        .where(col(BatchItem.settled_at).is_not(None))
        .order_by(col(BatchItem.position))
    )


def _with_labels(engine: Engine, collection: str, rows: Sequence[Any]) -> list[SettledItem]:
    labels = labels_in_force(engine, [row[0] for row in rows], collection)
    return [
        SettledItem(item_id, batch_id, key, width, height, tuple(_given(label) for label in labels[item_id]))
        for item_id, key, width, height, batch_id in rows
    ]


def _scanned(engine: Engine, scope: LookScope, item_ids: Sequence[str]) -> set[str]:
    query = select(Scan.item_id).where(
        col(Scan.item_id).in_(item_ids), Scan.detector == scope.detector, Scan.recipe == scope.recipe
    )
    with reading(engine) as session:
        return set(session.exec(query).all())


def _given(label: Label) -> JudgedLabel:
    box = (label.x_min, label.y_min, label.x_max, label.y_max)
    return JudgedLabel(label.region, label.class_name, box, label.proposal_id, label.origin == MACHINE)
