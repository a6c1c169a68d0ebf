"""Items with labels and a detector that mostly agrees, drawn from a seed; faults are planted by the tests."""

import numpy as np

from tasks.audit.label_errors.scores import ItemBoxes

CLASSES = ("car", "truck")
World = dict[str, ItemBoxes]


def drawn_world(items: int = 30, boxes: int = 8, seed: int = 0) -> tuple[World, World]:
    """Labels in a row of places, and a detector's boxes a pixel off them, with high scores."""
    rng = np.random.default_rng(seed)
    labels, seen = {}, {}
    for number in range(items):
        places = np.array([(100 * k, 50.0, 100 * k + 60, 90.0) for k in range(boxes)])
        class_ids = rng.integers(0, 2, boxes).tolist()
        ids = [f"label-{k}" for k in range(boxes)]
        labels[f"item-{number}"] = ItemBoxes.of(ids, class_ids, places)
        near = places + rng.normal(0, 1, places.shape)
        seen[f"item-{number}"] = ItemBoxes.of(
            [f"box-{k}" for k in range(boxes)], class_ids, near, rng.uniform(0.7, 1, boxes)
        )
    return labels, seen


def changed(
    labels: World, item: str, *, drop: int | None = None, shift: int | None = None, swap: int | None = None
) -> World:
    """Return labels with one fault planted in one item."""
    mine = labels[item]
    ids, class_ids, boxes = list(mine.ids), mine.class_ids.tolist(), mine.xyxy_px.tolist()
    if shift is not None:
        boxes[shift] = [edge + (35 if place % 2 == 0 else 10) for place, edge in enumerate(boxes[shift])]
    if swap is not None:
        class_ids[swap] = 1 - class_ids[swap]
    if drop is not None:
        del ids[drop], class_ids[drop], boxes[drop]
    return labels | {item: ItemBoxes.of(ids, class_ids, boxes)}
