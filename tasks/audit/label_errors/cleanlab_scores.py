"""cleanlab's scores for labels, in our shapes: an optional second opinion (the extra `faults`, Apache-2.0).

Where they fit: a label's place (ObjectLab's badly-located score) and its class (confident learning's normalized margin,
from the detector's scores over the label). Where they do not: ObjectLab holds an object for overlooked only where its
box touches no label at all, which in crowded pictures is hardly ever so; those keep our own suspicion.

Source:
    Tkachenko, Thyagarajan and Mueller, "ObjectLab: Automated Diagnosis of Mislabeled Images in Object Detection Data",
    2023, arXiv 2309.00832; Northcutt, Jiang and Chuang, "Confident Learning", JAIR 2021.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from blocks.errors import BadOption
from tasks.audit.label_errors.finding import LabelFinding
from tasks.audit.label_errors.scores import Fault, ItemBoxes
from tasks.kinds.geometry import RIGHT_IOU, iou_of_all
from tasks.triage.robust_z import Floats

CONFIDENT = 0.5
"""From this score on a box is evidence; cleanlab's own 0.95 is for detectors trained much longer than a line's."""

LEAST_PROBABILITY = 0.01


def weigh_by_cleanlab(
    findings: Sequence[LabelFinding], labels: Mapping[str, ItemBoxes], boxes: Mapping[str, ItemBoxes], classes: int
) -> list[LabelFinding]:
    """Return findings with the suspicion that cleanlab's scores give them, where it has one.

    Args:
        findings: Any number, also none.
        labels: By item id, one or more in all.
        boxes: A detector's, of the same items.
        classes: How many there are. With one, no class is judged.

    Raises:
        BadOption: cleanlab is not installed.
    """
    places = place_scores(labels, boxes)
    margins = class_scores(labels, boxes, classes)
    weighed = []
    for one in findings:
        scores = {Fault.MISPLACED: places, Fault.SWAPPED: margins}.get(one.fault, {})
        score = scores.get((one.item_id, one.subject), float("nan"))
        weighed.append(replace(one, suspicion=one.suspicion if np.isnan(score) else 1 - score))
    return weighed


def place_scores(labels: Mapping[str, ItemBoxes], boxes: Mapping[str, ItemBoxes]) -> dict[tuple[str, str], float]:
    """Return by item and label how well placed it is, 0 to 1 (nothing against it).

    Raises:
        BadOption: cleanlab is not installed.
    """
    rank = _cleanlab("object_detection.rank")
    scores = rank.compute_badloc_box_scores(auxiliary_inputs=in_cleanlab_words(labels, boxes)) if labels else []
    return {
        (item_id, label): float(score)
        for (item_id, mine), of_item in zip(labels.items(), scores, strict=True)
        for label, score in zip(mine.ids, of_item, strict=True)
    }


def class_scores(
    labels: Mapping[str, ItemBoxes], boxes: Mapping[str, ItemBoxes], classes: int
) -> dict[tuple[str, str], float]:
    """Return by item and label how well its class suits what is seen there, 0 to 1; labels where nothing is seen: none.

    Raises:
        BadOption: cleanlab is not installed.
    """
    rank = _cleanlab("rank")
    keys, given, rows = [], [], []
    for item_id, mine in labels.items():
        seen = _seen_classes(mine, boxes[item_id], classes)
        for place in np.flatnonzero(seen.sum(axis=1) > 0).tolist():
            keys.append((item_id, mine.ids[place]))
            given.append(int(mine.class_ids[place]))
            rows.append(seen[place])
    if classes < 2 or not rows:
        return {}
    likely = np.maximum(np.array(rows), LEAST_PROBABILITY)
    likely /= likely.sum(axis=1, keepdims=True)
    scores = rank.get_label_quality_scores(np.array(given), likely, method="normalized_margin")
    return dict(zip(keys, np.asarray(scores, dtype=np.float64).tolist(), strict=True))


def item_scores(labels: Mapping[str, ItemBoxes], boxes: Mapping[str, ItemBoxes]) -> dict[str, float]:
    """Return cleanlab's own quality of each item's labels, 0 to 1: what it gives alone, to compare with.

    Raises:
        BadOption: cleanlab is not installed.
    """
    if not labels:
        return {}
    rank = _cleanlab("object_detection.rank")
    worst = [np.asarray(rank.pool_box_scores_per_image(part), dtype=np.float64) for part in box_scores(labels, boxes)]
    # Source: cleanlab 2.9's own combination is the geometric mean of the three kinds.
    quality = np.exp(np.mean(np.log(np.maximum(worst, 1e-6)), axis=0))
    return dict(zip(labels, quality.tolist(), strict=True))


def box_scores(labels: Mapping[str, ItemBoxes], boxes: Mapping[str, ItemBoxes]) -> tuple[list[Floats], ...]:
    """Return cleanlab's own scores one by one, 0 to 1 (nothing against it), item by item in the order of `labels`.

    Returns:
        How little overlooked each box is (NaN where it is no evidence), how well placed each label is, and how well
        its class suits it. Boxes and labels in their own order.

    Raises:
        BadOption: cleanlab is not installed.
    """
    rank = _cleanlab("object_detection.rank")
    both = in_cleanlab_words(labels, boxes)
    return (
        rank.compute_overlooked_box_scores(auxiliary_inputs=both, high_probability_threshold=CONFIDENT),
        rank.compute_badloc_box_scores(auxiliary_inputs=both),
        rank.compute_swap_box_scores(auxiliary_inputs=both, high_probability_threshold=CONFIDENT),
    )


def in_cleanlab_words(labels: Mapping[str, ItemBoxes], boxes: Mapping[str, ItemBoxes]) -> list[dict[str, Any]]:
    """Return labels and boxes as cleanlab prepares them for its scores, with how alike each two are.

    cleanlab would compare each label with each box in plain Python, twice for every kind of score: minutes for some
    hundred crowded items. Here they are compared as arrays, once.
    """
    rank = _cleanlab("object_detection.rank")
    prepared: list[dict[str, Any]] = []
    least = 1.0
    for item_id, mine in labels.items():
        said = boxes[item_id]
        overlap = (
            iou_of_all(mine.xyxy_px, said.xyxy_px) if len(mine) and len(said) else np.zeros((len(mine), len(said)))
        )
        apart = np.linalg.norm(_centres(mine)[:, None] - _centres(said)[None], axis=2)
        alike = rank.ALPHA * overlap + (1 - rank.ALPHA) * np.exp(-rank.EUC_FACTOR * apart)
        least = min(least, float(alike[alike > 0].min(initial=1.0)))
        prepared.append(
            {
                "lab_bboxes": mine.xyxy_px,
                "lab_labels": mine.class_ids,
                "pred_bboxes": said.xyxy_px,
                "pred_labels": said.class_ids,
                "pred_label_probs": said.scores,
                "iou_matrix": overlap,
                "similarity_matrix": alike,
            }
        )
    return [{**one, "min_possible_similarity": least} for one in prepared]


def _centres(boxes: ItemBoxes) -> Floats:
    return np.asarray((boxes.xyxy_px[:, :2] + boxes.xyxy_px[:, 2:]) / 2)


def _seen_classes(labels: ItemBoxes, boxes: ItemBoxes, classes: int) -> Floats:
    """Return the best score of each class over each label, shape (labels, classes)."""
    seen = np.zeros((len(labels), classes))
    if len(labels) and len(boxes):
        over = np.where(iou_of_all(labels.xyxy_px, boxes.xyxy_px) >= RIGHT_IOU, boxes.scores[None, :], 0.0)
        for class_id in range(classes):
            mine = boxes.class_ids == class_id
            if mine.any():
                seen[:, class_id] = over[:, mine].max(axis=1)
    return seen


def _cleanlab(module: str) -> ModuleType:
    from importlib import import_module

    try:
        return import_module(f"cleanlab.{module}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "cleanlab":
            raise
        raise BadOption(
            "cleanlab's scores are asked for, but cleanlab is not installed: install the extra `faults` "
            "(pip install 'labelline[faults]'), or choose the plain scores"
        ) from error
