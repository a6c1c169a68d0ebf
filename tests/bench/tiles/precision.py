"""How right contestants are on a set of pictures, and how sure that is: a bootstrap by picture.

pycocotools matches boxes with the truth, once, at ten overlaps. A resample counts each picture as often as it was
drawn, so precision and recall are sums with weights over matches that are known. All contestants are judged on the same
resamples: the difference between two of them, picture by picture, is surer than either.

Source:
    The COCO detection metric (101 recall points, IoU 0.5 to 0.95); Efron and Tibshirani, "An Introduction to the
    Bootstrap", 1993, chapters 13 and 16, as `scipy.stats.bootstrap` computes percentiles.
"""

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import supervision as sv
from scipy.stats import bootstrap

from tasks.detect.tiling.tiles import Flags, Floats, Ints
from tasks.kinds.boxes.average_precision import MOST_BOXES
from tasks.kinds.geometry import RIGHT_IOU, areas, intersections

NUMBERS = ("recall", "map50", "map50_95")
RESAMPLES, BATCH, SURE, SEED = 1000, 50, 0.95, 29
RECALL_POINTS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True)
class Matched:
    """Boxes of one class over all pictures, best score first, against the truth.

    Attributes:
        pictures: Shape (n,): the picture that each is in.
        right: Shape (10, n): it is on an object at each IoU.
        truths: Shape (p,): true boxes in each picture.
    """

    pictures: Ints
    right: Flags
    truths: Floats

    def average_precision(self, weights: Floats) -> Floats:
        """Return the average precision (r, 10) where pictures count as often as weights (r, p) say; nan: no truth."""
        each = weights[:, None, self.pictures]
        hits = np.cumsum(each * self.right, axis=-1)
        precision = hits / np.maximum(np.cumsum(each, axis=-1), 1e-12)
        precision = np.maximum.accumulate(precision[..., ::-1], axis=-1)[..., ::-1]
        positives = weights @ self.truths
        found = np.full((len(weights), len(self.right)), np.nan)
        for row in np.flatnonzero(positives):
            for level, (reached, best) in enumerate(zip(hits[row] / positives[row], precision[row], strict=True)):
                at = np.searchsorted(reached, RECALL_POINTS, side="left")
                found[row, level] = np.append(best, 0.0)[at].mean()
        return found


@dataclass(frozen=True, slots=True)
class Judged:
    """What is right of what one contestant found.

    Attributes:
        matched: By class.
        hits: Shape (p,): true boxes of each picture that some box of any class asked for is on.
        truths: Shape (p,): true boxes of each picture.
    """

    matched: tuple[Matched, ...]
    hits: Floats
    truths: Floats

    def numbers(self, weights: Floats) -> Floats:
        """Return recall, mAP50 and mAP50-95, shape (3, r), where pictures count as often as weights (r, p) say."""
        by_class = np.stack([each.average_precision(weights) for each in self.matched if each.truths.any()])
        mean = np.nanmean(by_class, axis=0)
        recall = (weights @ self.hits) / np.maximum(weights @ self.truths, 1e-12)
        return np.stack([recall, mean[:, 0], mean.mean(axis=1)])


def judge_boxes(found: Sequence[sv.Detections], truths: Sequence[sv.Detections], classes: int) -> Judged:
    """Match what was found in each picture with what is true there; class ids of both are those of the truth."""
    pairs = list(zip(found, truths, strict=True))
    hits = [_on_truth(said, truth).any(axis=0).sum() if len(said) else 0 for said, truth in pairs]
    counts = np.array([len(truth) for truth in truths], dtype=np.float64)
    return Judged(_matched(found, truths, classes), np.array(hits, dtype=np.float64), counts)


def without_cut(said: sv.Detections, truth: sv.Detections, cut: Floats) -> sv.Detections:
    """Leave out what is mostly on a part of a cut object, and on no true one: it is neither right nor wrong."""
    if not len(said) or not len(cut):
        return said
    boxes = said.xyxy.astype(np.float64)
    shared = np.stack([areas(intersections(boxes, np.tile(part, (len(boxes), 1)))) for part in cut], axis=1)
    on_part = (shared >= RIGHT_IOU * areas(boxes)[:, None]).any(axis=1)
    kept: sv.Detections = said[np.flatnonzero(~on_part | _on_truth(said, truth).any(axis=1))]
    return kept


def with_intervals(judged: Mapping[str, Judged], peers: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return by contestant its numbers, each with its interval, and the difference to the peer that is better at it.

    Args:
        judged: By contestant, on the same pictures.
        peers: Who of them is measured against; none may be there.
    """
    names = list(judged)
    pictures = len(judged[names[0]].truths)

    def numbers_at(places: Ints, axis: int = -1) -> Floats:
        drawn = places.reshape(-1, pictures)
        weights = np.stack([np.bincount(each, minlength=pictures) for each in drawn]).astype(np.float64)
        said = np.concatenate([judged[name].numbers(weights) for name in names])
        return said if places.ndim > 1 else said[:, 0]

    there = [name for name in peers if name in judged]
    exact = dict(zip(names, np.split(numbers_at(np.arange(pictures)), len(names)), strict=True))
    spread = bootstrap(
        (np.arange(pictures),),
        numbers_at,
        vectorized=True,
        axis=-1,
        n_resamples=RESAMPLES,
        batch=BATCH,
        method="percentile",
        rng=SEED,
    ).bootstrap_distribution
    drawn = dict(zip(names, np.split(spread, len(names)), strict=True))
    rows: dict[str, dict[str, Any]] = {}
    for name in names:
        row: dict[str, Any] = {key: float(exact[name][at]) for at, key in enumerate(NUMBERS)}
        row["interval"] = {key: _middle(drawn[name][at]) for at, key in enumerate(NUMBERS)}
        if there and name not in there:
            row["against"] = {key: _against(at, name, there, exact, drawn) for at, key in enumerate(NUMBERS)}
        rows[name] = row
    return rows


def no_worse(row: Mapping[str, Any]) -> bool:
    """Whether no number of a contestant lies below the better peer's by more than the interval of the difference."""
    return all(each["interval"][1] >= 0 for each in row["against"].values())


def _against(
    at: int, name: str, peers: Sequence[str], exact: Mapping[str, Floats], drawn: Mapping[str, Floats]
) -> dict[str, Any]:
    better = max(peers, key=lambda peer: exact[peer][at])
    difference = float(exact[name][at] - exact[better][at])
    return {"peer": better, "difference": difference, "interval": _middle(drawn[name][at] - drawn[better][at])}


def _middle(drawn: Floats) -> list[float]:
    tail = (1 - SURE) / 2
    return [float(edge) for edge in np.quantile(drawn, [tail, 1 - tail])]


def _on_truth(said: sv.Detections, truth: sv.Detections) -> Flags:
    return np.asarray(sv.box_iou_batch(said.xyxy, truth.xyxy) >= RIGHT_IOU).reshape(len(said), len(truth))


def _matched(found: Sequence[sv.Detections], truths: Sequence[sv.Detections], classes: int) -> tuple[Matched, ...]:
    """Let pycocotools match, and collect what it says by class."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        true, said = COCO(), COCO()
        for coco, boxes in ((true, truths), (said, found)):
            coco.dataset = {
                "images": [{"id": number} for number in range(len(truths))],
                "categories": [{"id": number} for number in range(classes)],
                "annotations": list(_rows(boxes)),
            }
            coco.createIndex()
        judge = COCOeval(true, said, "bbox")
        judge.params.maxDets = [MOST_BOXES]
        judge.params.areaRng = [[0, 1e10]]
        judge.params.areaRngLbl = ["all"]
        judge.evaluate()
    by_class = [judge.evalImgs[start : start + len(truths)] for start in range(0, classes * len(truths), len(truths))]
    return tuple(_of_class(rows) for rows in by_class)


def _of_class(rows: Sequence[Mapping[str, Any] | None]) -> Matched:
    there = [(number, row) for number, row in enumerate(rows) if row is not None]
    truths = np.zeros(len(rows))
    for number, row in there:
        truths[number] = len(row["gtIds"])
    scores = np.concatenate([np.zeros(0), *(np.array(row["dtScores"]) for _, row in there)])
    order = np.argsort(-scores, kind="stable")
    pictures = np.repeat([number for number, _ in there], [len(row["dtIds"]) for _, row in there]).astype(np.int64)
    right = np.concatenate([np.zeros((10, 0)), *(np.array(row["dtMatches"]) for _, row in there)], axis=1) > 0
    return Matched(pictures[order], right[:, order], truths)


def _rows(boxes: Sequence[sv.Detections]) -> Any:
    number = 0
    for picture, mine in enumerate(boxes):
        for edges, score, class_id in zip(mine.xyxy.tolist(), mine.confidence, mine.class_id, strict=True):
            number += 1  # from 1: pycocotools takes 0 for no match
            sides = [edges[2] - edges[0], edges[3] - edges[1]]
            yield {
                "id": number,
                "image_id": picture,
                "category_id": int(class_id),
                "bbox": [*edges[:2], *sides],
                "area": sides[0] * sides[1],
                "iscrowd": 0,
                "score": float(score),
            }
