"""Labels as other programs take them: inside their picture, with an area, each once.

One box beyond the frame is why ultralytics ignores a whole picture, and doubled boxes are removed by some readers only.
"""

from collections import Counter
from dataclasses import dataclass

from blocks.shapes import HALF_PX, Bounds
from tasks.dataset.manifest import ManifestItem, ManifestLabel

CUT = "boxes beyond the border of their picture, cut at it"
WITHOUT_AREA = "labels without an area inside their picture, left out"
DOUBLED = "labels that another one says already (same class, kind and place), left out"


@dataclass(frozen=True, slots=True)
class Fitted:
    """The labels of an item that can be written, each with its box (None: of the whole picture), and what was done."""

    labels: tuple[tuple[ManifestLabel, Bounds | None], ...]
    notes: Counter[str]


def fit_labels(item: ManifestItem) -> Fitted:
    """Cut the boxes of an item at its border, and leave out what has no area there or is said twice."""
    labels: list[tuple[ManifestLabel, Bounds | None]] = []
    notes: Counter[str] = Counter()
    seen: set[tuple[object, ...]] = set()
    for label in item.labels:
        edges = label.bounds_px
        if edges is not None:
            wide, high = float(item.width), float(item.height)
            cut = (max(edges[0], 0.0), max(edges[1], 0.0), min(edges[2], wide), min(edges[3], high))
            if not (cut[2] > cut[0] and cut[3] > cut[1]):
                notes[WITHOUT_AREA] += 1
                continue
            if cut != edges:
                notes[CUT] += max(abs(after - before) for after, before in zip(cut, edges, strict=True)) > HALF_PX
            edges = cut
        same = (label.class_name, label.kind, label.track, edges, label.shape)
        if same in seen:
            notes[DOUBLED] += 1
            continue
        seen.add(same)
        labels.append((label, edges))
    return Fitted(tuple(labels), +notes)
