"""From what is true now and what was written before to the rows that must be added: labels are append-only.

Split from `labels.py` because this is arithmetic on rows, without a database.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from blocks.database.tables import Label
from blocks.shapes import Bounds
from tasks.kinds.geometry import same_edges
from tasks.settle.truth import Settlement, TrueLabel, TruthStatus

Row = TypeVar("Row", "LabelRow", Label)


@dataclass(frozen=True, slots=True)
class Home:
    """Where the labels of a batch belong: labels of other collections are none of its business."""

    batch_id: str
    batches_of_collection: frozenset[str]
    shapes: frozenset[str] = frozenset()
    """Types of shapes that labels of the collection have, as written down; empty: nothing is."""

    def strange(self, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """Return the types of shapes among rows of labels that the collection cannot have, each once."""
        return (
            sorted({type_of(row["shape"]) for row in rows if not row["retracted"]} - self.shapes) if self.shapes else []
        )


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A row of `Label`, without its time: lighter than the table's class, of which a batch has 100,000."""

    id: str
    item_id: str
    region: str
    revision: int
    retracted: bool
    class_name: str
    kind: str | None
    x_min: float
    y_min: float
    x_max: float
    y_max: float
    origin: str
    batch_id: str
    proposal_id: str | None
    answer_id: str | None
    kind_answer_id: str | None
    shape: dict[str, Any] | None = None
    track: str | None = None
    import_id: str | None = None
    import_file: str | None = None
    import_line: int | None = None


NO_EDGES: Any = (None,) * 4
"""Of what has no place; the columns are typed as numbers, as in `Label`."""

COLUMNS = tuple(field.name for field in fields(LabelRow))


def type_of(shape: Mapping[str, Any] | None) -> str:
    """Return the type of a shape as it stands in the catalogue."""
    return "box" if shape is None else str(shape["type"])


def label_id(item_id: str, region: str, revision: int) -> str:
    """Return a label's id: the hash of its natural key."""
    return hashlib.sha256(f"{item_id}|{region}|{revision}".encode()).hexdigest()


def new_revisions(home: Home, item_id: str, settlement: Settlement, latest: Sequence[LabelRow]) -> list[dict[str, Any]]:
    """Return the rows that make the catalogue say what is true of an item.

    A box that is as it was gets no row, so settling twice adds nothing; that an answer was submitted again without
    changing a box is no change of the box. A box that is no longer true gets a retraction. An item that is not settled
    loses what this batch said of it, and nothing else.

    Args:
        home: The batch, and all batches of its collection.
        item_id: The item.
        settlement: What is true now.
        latest: The rows of highest revision of all regions of the item, retracted ones included.

    Returns:
        Rows for `Label`, at most one per region.
    """
    by_region = {label.region: label for label in latest}
    rows, kept = [], set()
    for box in settlement.labels:
        region = _free_region(box.region, by_region, home)
        kept.add(region)
        before = by_region.get(region)
        if before is None or before.retracted or not _is_same(before, box):
            rows.append(_row(home, item_id, region, before, box))
    ours = home.batches_of_collection if settlement.standing is TruthStatus.SETTLED else {home.batch_id}
    gone = [label for label in latest if label.region not in kept and not label.retracted and label.batch_id in ours]
    return rows + [_retraction(home, settlement, label) for label in gone]


def _free_region(region: str, by_region: Mapping[str, LabelRow], home: Home) -> str:
    # The same image in two collections, scanned by the same detector, has the same proposals: their labels must differ.
    before = by_region.get(region)
    if before is None or before.batch_id in home.batches_of_collection:
        return region
    return f"{region}@{home.batch_id}"


def plain_region(region: str, batch_id: str) -> str:
    """Return a region without what tells it from that of another collection, which shares the item of the batch."""
    return region.removesuffix(f"@{batch_id}")


def _is_same(before: LabelRow, box: TrueLabel) -> bool:
    same_words = (before.class_name, before.kind, before.origin) == (box.class_name, box.kind, box.origin)
    if not same_words or before.shape != box.shape or (box.track and box.track != before.track):
        return False
    return box.box_px is None or same_edges((before.x_min, before.y_min, before.x_max, before.y_max), box.box_px)


def _row(home: Home, item_id: str, region: str, before: LabelRow | None, box: TrueLabel) -> dict[str, Any]:
    revision = before.revision + 1 if before else 0
    bounds: Bounds = box.box_px or NO_EDGES
    row = LabelRow(
        label_id(item_id, region, revision),
        item_id,
        region,
        revision,
        False,
        box.class_name,
        box.kind,
        *bounds,
        origin=box.origin,
        batch_id=home.batch_id,
        proposal_id=box.proposal_id,
        answer_id=box.answer_id,
        kind_answer_id=box.kind_answer_id,
        shape=box.shape,
        track=box.track or (before.track if before else None),
        import_id=box.place.import_id if box.place else None,
        import_file=box.place.file if box.place else None,
        import_line=box.place.line if box.place else None,
    )
    return as_columns(row)


def further_revision(label: LabelRow, track: str | None) -> dict[str, Any]:
    """Return the row that says the same of a label, and whose it is."""
    return as_columns(next_revision(label, {"track": track}))


def as_columns(row: LabelRow) -> dict[str, Any]:
    """Return a row by its columns."""
    return {
        name: getattr(row, name) for name in COLUMNS
    }  # not `asdict`, which copies all that is inside, at four times the cost


def next_revision(label: LabelRow, changes: Mapping[str, Any]) -> LabelRow:
    """Return the row that follows a label's newest one, with some of its columns changed."""
    revision = label.revision + 1
    return replace(label, id=label_id(label.item_id, label.region, revision), revision=revision, **changes)


def _retraction(home: Home, settlement: Settlement, label: LabelRow) -> dict[str, Any]:
    revision = label.revision + 1
    row = replace(
        label,
        id=label_id(label.item_id, label.region, revision),
        revision=revision,
        retracted=True,
        batch_id=home.batch_id,
        # Whose word took it away, where it was a person's.
        answer_id=_word_against(settlement, label) or label.answer_id,
        kind_answer_id=settlement.refused.get(label.region, label.kind_answer_id),
    )
    return as_columns(row)


def _word_against(settlement: Settlement, label: LabelRow) -> str | None:
    if not settlement.answer_by_part:
        return settlement.answer_id
    return settlement.answer_at((label.x_min, label.y_min, label.x_max, label.y_max))


def newest_per_region(labels: Iterable[Row]) -> list[Row]:
    """Return the row of highest revision of each (item, region), retracted ones included, in order of appearance."""
    newest: dict[tuple[str, str], Row] = {}
    for label in labels:
        key = (label.item_id, label.region)
        if key not in newest or label.revision > newest[key].revision:
            newest[key] = label
    return list(newest.values())
