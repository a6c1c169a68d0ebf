"""What of a snapshot a format has no room for, known before anything is written."""

from collections import Counter
from typing import Literal

from blocks.shapes import Span
from tasks.dataset.formats.writing.fitting import fit_labels
from tasks.dataset.manifest import Manifest, ManifestItem
from tasks.kinds.spans.extents import without_overlaps

Room = Literal["kind", "track", "origin", "score", "sequence", "overlap"]
"""What a format may have room for, beside class and shape."""

ROOMS: dict[Room, str] = {
    "kind": "labels with an exact kind",
    "track": "labels with a track",
    "origin": "labels with who or what made them (origin)",
    "overlap": "spans that share characters with a longer one",
}
"""What is counted in a snapshot, in the order in which it is told."""


def said_before(manifest: Manifest, name: str, rooms: frozenset[Room], able: dict[Room, list[str]]) -> list[str]:
    """Return what will be lost or changed when a snapshot is written in a format, as sentences.

    Args:
        manifest: What is to be written; it is read once.
        name: Of the format.
        rooms: What it has room for.
        able: Names of the formats that have room for each thing.
    """
    lost: Counter[Room] = Counter()
    changed: Counter[str] = Counter()
    for item in manifest.items():
        changed.update(fit_labels(item).notes)
        for label in item.labels:
            lost["kind"] += label.kind is not None
            lost["track"] += label.track is not None
            lost["origin"] += 1
        lost["overlap"] += _overlapping(item)
    said = [
        f"{lost[room]} {what}: {name} has no room for that (formats that have: {', '.join(able[room]) or 'none'})"
        for room, what in ROOMS.items()
        if lost[room] and room not in rooms
    ]
    return [*said, *(f"{count} {what}" for what, count in changed.items())]


def _overlapping(item: ManifestItem) -> int:
    extents = [(label.shape.start, label.shape.end) for label in item.labels if isinstance(label.shape, Span)]
    return len(extents) - len(without_overlaps(extents))
