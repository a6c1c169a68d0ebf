"""What merging keeps: the share of true objects that some view saw and that are still there once views are merged.

Whatever a network does not see is no fault of the tiles; what it saw in one of them and nobody is asked about is.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import supervision as sv

from tasks.detect.tiling.seams import Seen
from tasks.detect.tiling.tiles import Flags, Ints
from tasks.kinds.geometry import RIGHT_IOU
from tests.bench.tiles.precision import NUMBERS, judge_boxes, no_worse

BASELINE, PEERS = "labelline", ("sahi", "supervision")
GOAL = 0.995
MERGED_INTO = "merged_into"
"""Key in `metadata` of merged boxes: for each detection of the views, the row of the box that it became part of."""


def kept_share(boxes: Sequence[sv.Detections], seen: Sequence[Seen], truths: Sequence[sv.Detections]) -> dict[str, Any]:
    """Count the true objects that a view saw under any name asked for, and those of them that merging kept.

    An object is seen, or kept, where a box lies on it with an IoU of 0.5. `same_class` asks for the right name too.
    `moved` are those that are not kept by this measure, but of which a box that saw them became one that still lies on
    them more than on any other object: its edges differ, and nobody has lost anything. What is left was taken for
    another object.

    Args:
        boxes: Of each picture what merging made, with class ids of the truth, and `MERGED_INTO`.
        seen: Of each picture what its views saw, with class ids of the truth.
        truths: Of each picture the true boxes.
    """
    counts = np.zeros((2, 2), dtype=np.int64)
    moved = 0
    for merged, views, truth in zip(boxes, seen, truths, strict=True):
        for row, same_class in enumerate((False, True)):
            before = found_by(truth, views.boxes_xyxy_px, views.class_ids if same_class else None)
            after = found_by(truth, merged.xyxy, np.asarray(merged.class_id) if same_class else None)
            counts[row] += (before.sum(), (before & after).sum())
            if not same_class:
                moved += sum(_still_there(truth, merged, views, place) for place in np.flatnonzero(before & ~after))
    any_class, same = (
        {"seen": int(before), "kept": int(after), "share": float(after / before) if before else 1.0}
        for before, after in counts
    )
    return {**any_class, "moved": moved, "same_class": same}


def reached_goal(
    chosen: Mapping[str, Mapping[str, Any]], reported: Mapping[str, Mapping[str, Any]], least_kept: float = GOAL
) -> dict[str, Any]:
    """Return which of ours is the fastest that loses nothing on the pictures to choose by, and what it does on others.

    Args:
        chosen: By contestant, with `images_per_second`, `kept` and `against`, on the pictures to choose by.
        reported: The same on the others.
        least_kept: Share of seen objects that merging must keep.

    Returns:
        `who` it is, by peer how many `times` faster on the others, `against` the better peer there, and whether it
        `holds` there too; who is None where none of ours loses nothing, or no peer races.
    """
    sound = {name: row["images_per_second"] for name, row in chosen.items() if loses_nothing(row, least_kept)}
    if not sound:
        return {"who": None, "times": {}}
    who = max(sound, key=lambda name: sound[name])
    row, peers = reported[who], {name: reported[name] for name in PEERS if name in reported}
    times = {name: row["images_per_second"] / peer["images_per_second"] for name, peer in peers.items()}
    return {
        "who": who,
        "times": times,
        "holds": loses_nothing(row, least_kept),
        "kept": row["kept"],
        "against": row["against"],
    }


def loses_nothing(row: Mapping[str, Any], least_kept: float = GOAL) -> bool:
    """Whether merging keeps what was seen, and no number lies below the better peer's beyond the interval."""
    return "against" in row and "kept" in row and row["kept"]["share"] >= least_kept and no_worse(row)


def lossless_everywhere(
    first: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]], least_kept: float = GOAL
) -> dict[str, Any]:
    """Return who of ours loses nothing on any set, the fastest on the first, and how much faster than its best peer."""
    sets = (first, *others.values())
    sound = [
        name
        for name in first
        if name.startswith(BASELINE) and all(name in each and loses_nothing(each[name], least_kept) for each in sets)
    ]
    peers = [first[name]["images_per_second"] for name in PEERS if name in first]
    if not sound or not peers:
        return {"who": None, "sound": sound}
    who = max(sound, key=lambda name: first[name]["images_per_second"])
    return {"who": who, "sound": sound, "times_better_peer": first[who]["images_per_second"] / max(peers)}


def merged_by_peers(seen: Sequence[Seen], truths: Sequence[sv.Detections], classes: int) -> dict[str, dict[str, Any]]:
    """Return what the peers' merges keep of what our views saw, and how precise what they make of it is."""
    found = {}
    for name, merge in (("supervision", _suppressed), ("sahi", _greedily_merged)):
        boxes = [merge(views) for views in seen]
        counts = np.zeros(2, dtype=np.int64)
        for merged, views, truth in zip(boxes, seen, truths, strict=True):
            before, after = found_by(truth, views.boxes_xyxy_px, None), found_by(truth, merged.xyxy, None)
            counts += (before.sum(), (before & after).sum())
        numbers = judge_boxes(boxes, truths, classes).numbers(np.ones((1, len(truths))))[:, 0]
        row = dict(zip(NUMBERS, map(float, numbers), strict=True))
        share = float(counts[1] / counts[0]) if counts[0] else 1.0
        found[name] = {"share": share, "boxes": sum(map(len, boxes)), **row}
    return found


def _suppressed(seen: Seen) -> sv.Detections:
    return _detections(seen).with_nms(threshold=0.5)


def _greedily_merged(seen: Seen) -> sv.Detections:
    from sahi.postprocess.combine import GreedyNMMPostprocess
    from sahi.prediction import ObjectPrediction

    said = [
        ObjectPrediction(bbox=box.tolist(), category_id=int(number), category_name=str(number), score=float(score))
        for box, number, score in zip(seen.boxes_xyxy_px, seen.class_ids, seen.scores, strict=True)
    ]
    if not said:
        return _detections(seen)
    merged = GreedyNMMPostprocess(match_threshold=0.5, match_metric="IOS", class_agnostic=False)(said)
    return sv.Detections(
        xyxy=np.array([each.bbox.to_xyxy() for each in merged], dtype=np.float32),
        confidence=np.array([each.score.value for each in merged], dtype=np.float32),
        class_id=np.array([each.category.id for each in merged]),
    )


def _detections(seen: Seen) -> sv.Detections:
    return sv.Detections(
        xyxy=seen.boxes_xyxy_px.astype(np.float32),
        confidence=seen.scores.astype(np.float32),
        class_id=seen.class_ids,
    )


def _still_there(truth: sv.Detections, merged: sv.Detections, views: Seen, place: int) -> bool:
    """Whether a box that saw a true object became part of one that is on it more than on any other."""
    saw = sv.box_iou_batch(truth.xyxy[[place]], views.boxes_xyxy_px.astype(np.float32))[0] >= RIGHT_IOU
    became = np.unique(np.asarray(merged.metadata[MERGED_INTO])[saw])
    overlaps = sv.box_iou_batch(truth.xyxy, merged.xyxy[became])
    return bool((overlaps.argmax(axis=0) == place)[overlaps.max(axis=0) > 0].any())


def found_by(truth: sv.Detections, boxes: npt.NDArray[np.floating], class_ids: Ints | None) -> Flags:
    """Return for each true box (t,) whether a box (n, 4) is on it, of its class where class ids (n,) are given."""
    if not len(truth) or not len(boxes):
        return np.zeros(len(truth), dtype=np.bool_)
    on = sv.box_iou_batch(truth.xyxy, boxes.astype(np.float32)) >= RIGHT_IOU
    if class_ids is not None:
        on &= np.asarray(truth.class_id)[:, None] == class_ids[None, :]
    found: Flags = on.any(axis=1)
    return found
