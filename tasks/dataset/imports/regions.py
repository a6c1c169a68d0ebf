"""Which label of an earlier import a label is: the same one moved or renamed is a further revision, not another label.

Arithmetic on rows, without a database.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from blocks.shapes import SEVERAL, WHOLE, Bounds, Span, Whole, shape_columns
from tasks.dataset.imports.plan import PlannedLabel
from tasks.kinds.matching import ALONE, match_best_first
from tasks.kinds.protocol import LabelKind
from tasks.settle.revisions import LabelRow
from tasks.settle.truth import IMPORT, ImportPlace, TrueLabel

SAME_FROM = 0.5
"""From this similarity on a label is an earlier one that was moved."""


@dataclass(frozen=True, slots=True)
class _New:
    """A label that comes in, as kinds compare them."""

    class_name: str
    x_min: float
    y_min: float
    x_max: float
    y_max: float
    shape: dict[str, Any] | None


def as_true_labels(
    kind: LabelKind, import_id: str, item_id: str, labels: Sequence[PlannedLabel], before: Sequence[LabelRow]
) -> tuple[TrueLabel, ...]:
    """Return labels that come in for an item, each with the region of the earlier label that it is.

    Args:
        kind: Of the labels.
        import_id: Of the import.
        item_id: Of the item.
        labels: What comes in; none: the item is empty.
        before: Labels in force of the item that earlier imports brought.
    """
    regions = _regions(kind, item_id, labels, before)
    return tuple(
        _true_label(region, label, ImportPlace(import_id, label.file, label.line))
        for region, label in zip(regions, labels, strict=True)
    )


def as_it_was(row: LabelRow) -> TrueLabel:
    """Return a label of an earlier import that this one says nothing of: it stays as it is."""
    place = ImportPlace(row.import_id, row.import_file or "", row.import_line) if row.import_id else None
    edges = None if row.x_min is None else (row.x_min, row.y_min, row.x_max, row.y_max)
    return TrueLabel(
        row.region, row.class_name, edges, IMPORT, kind=row.kind, shape=row.shape, place=place, track=row.track
    )


def _true_label(region: str, label: PlannedLabel, place: ImportPlace) -> TrueLabel:
    columns = shape_columns(label.shape)
    edges: Bounds | None = label.shape.bounds()
    found = TrueLabel(region, label.class_name, edges, IMPORT, kind=label.kind, place=place, track=label.track)
    return replace(found, shape=columns["shape"])


def _regions(kind: LabelKind, item_id: str, labels: Sequence[PlannedLabel], before: Sequence[LabelRow]) -> list[str]:
    if any(isinstance(label.shape, Whole) for label in labels):
        several = len(labels) > 1 or labels[0].shape.type == SEVERAL
        return [f"{WHOLE}:{label.class_name}" if several else WHOLE for label in labels]
    partners = [ALONE] * len(labels)
    if labels and before:
        new = [_New(label.class_name, **shape_columns(label.shape)) for label in labels]
        partners = match_best_first(_worth(kind, new, before)).tolist()
    taken = {row.region for row in before}
    regions = []
    for label, partner in zip(labels, partners, strict=True):
        region = before[partner].region if partner != ALONE else _free_region(item_id, label, taken)
        taken.add(region)
        regions.append(region)
    return regions


def _worth(kind: LabelKind, new: Sequence[_New], before: Sequence[LabelRow]) -> Any:
    worth = kind.similarity(new, before) - SAME_FROM
    names = [np.array([one.class_name for one in some], dtype=object) for some in (new, before)]
    same_class = names[0][:, None] == names[1][None, :]
    worth[(worth >= 0) & same_class] += 1.0  # what kept its class comes before what was renamed
    return worth


def _free_region(item_id: str, label: PlannedLabel, taken: set[str]) -> str:
    edges = ",".join(f"{edge:.3f}" for edge in label.shape.bounds() or ())
    if isinstance(label.shape, Span):
        edges = f"{label.shape.start}-{label.shape.end}"
    for number in range(len(taken) + 1):
        digest = hashlib.sha256(f"import|{item_id}|{label.class_name}|{edges}|{number}".encode()).hexdigest()[:32]
        if digest not in taken:
            return digest
    raise AssertionError("more names than labels")
