"""Planted label faults in `bccd`: how many of them a detector that learned from the faulty labels sends back.

What is sent back is what the label-error review asks people, with its default options. Beside it: chance, what somebody
who knows all faults could do, and cleanlab alone.

The scoring was tried out on the first `TRIED_ON` pictures with seed 0: they are left out here, and seed 0 is refused.
How the detector is trained was chosen without any fault, see `anomalies_folds.py`.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from blocks.errors import BadOption
from tasks.audit.label_errors.find import ranked
from tasks.audit.label_errors.finding import LabelErrorOptions, LabelFinding
from tasks.audit.label_errors.scores import Fault, ItemBoxes
from tasks.dataset.formats.published import Truth, read_truth
from tests.bench.anomalies_folds import Case, boxes_by_folds
from tests.bench.anomalies_look import look_at
from tests.bench.anomalies_planting import Planted, World, at_best, by_chance, of_findings, of_items, of_sent, plant

SHARE = 0.1
BUDGET = LabelErrorOptions().budget
TRIED_ON = 60


def measure_faults(data: Path, case: Case, cache: Path) -> dict[str, Any]:
    """Plant faults, fine-tune on folds, and return precision and recall of what is sent back.

    Raises:
        BadOption: The seed is the one with which the scoring was tried out.
    """
    if case.seed == 0:
        raise BadOption("the scoring was tried out with seed 0: measure with another one")
    truth = read_truth(data / "bccd")
    names = sorted(truth.boxes)[TRIED_ON:][: case.items or None]
    labels = {name: labels_of(truth, name) for name in names}
    faulty, planted = plant(labels, len(truth.classes), SHARE, case.seed)
    boxes = boxes_by_folds(data / "weights" / "yolov8n-coco.pt", truth, faulty, case, cache)
    count = sum(len(mine) for mine in faulty.values())
    questions = round(BUDGET * count)
    report: dict[str, Any] = {
        **asdict(case),
        "left_out": TRIED_ON,
        "items": len(names),
        "labels": sum(len(mine) for mine in labels.values()),
        "planted": len(planted),
        "faulty_items": len({fault.item_id for fault in planted}),
        "by_item": _bounds_of_items(names, planted, case.seed),
        "by_question": {"random": by_chance(planted, count, questions), "best possible": at_best(planted, questions)},
    }
    for scores in _scores_here():
        look = look_at(truth.pictures, faulty, boxes, truth.classes, LabelErrorOptions(scores=scores))
        report["by_item"][scores] = of_sent(look.asked, planted)
        report["by_question"][scores] = of_findings(look.findings, planted, questions, boxes)
        report[f"look_{scores}"] = look.report.model_dump(include={"findings", "items_asked", "items_over_budget"})
    if "cleanlab" in report["by_question"]:
        from tasks.audit.label_errors.cleanlab_scores import item_scores

        quality = item_scores(faulty, boxes)
        order = sorted(names, key=lambda name: quality[name])
        report["by_item"]["cleanlab alone"] = of_items(order, planted, BUDGET)
        alone = cleanlab_findings(faulty, boxes, truth.classes)
        report["by_question"]["cleanlab alone"] = of_findings(alone, planted, questions, boxes)
    return report


def cleanlab_findings(labels: World, boxes: World, classes: Sequence[str]) -> list[LabelFinding]:
    """Return what cleanlab's scores alone speak against, one finding for each label and each box, the worst first.

    cleanlab ranks items only: that its three kinds of scores are put into one order as they are is our doing.
    """
    from tasks.audit.label_errors.cleanlab_scores import box_scores

    found = []
    for item_id, overlooked, placed, suited in zip(labels, *box_scores(labels, boxes), strict=True):
        misplaced = placed <= suited
        kinds = np.where(misplaced, Fault.MISPLACED, Fault.SWAPPED).tolist()
        parts = [
            (boxes[item_id], [Fault.OVERLOOKED] * len(overlooked), overlooked),
            (labels[item_id], kinds, np.minimum(placed, suited)),
        ]
        for owner, faults, scores in parts:
            for place in np.flatnonzero(~np.isnan(scores)).tolist():
                name = classes[int(owner.class_ids[place])]
                x_min, y_min, x_max, y_max = owner.xyxy_px[place].tolist()
                box, suspicion = (x_min, y_min, x_max, y_max), 1 - float(scores[place])
                found.append(
                    LabelFinding(item_id, Fault(faults[place]), owner.ids[place], name, box, suspicion, "cleanlab")
                )
    return ranked(found)


def _bounds_of_items(names: Sequence[str], planted: Sequence[Planted], seed: int) -> dict[str, dict[str, Any]]:
    """Return what chance comes to, and what somebody who knows all faults could do."""
    counts = {name: sum(fault.item_id == name for fault in planted) for name in names}
    rng = np.random.default_rng(seed)
    drawn = [of_items([names[place] for place in rng.permutation(len(names))], planted, BUDGET) for _ in range(200)]
    chance: dict[str, Any] = {
        key: float(np.mean([one[key] for one in drawn])) for key in ("precision", "recall", "share_of_faults")
    }
    chance["share_by_kind"] = {
        kind: float(np.mean([one["share_by_kind"][kind] for one in drawn])) for kind in drawn[0]["share_by_kind"]
    }
    return {"random": chance, "best possible": of_items(sorted(names, key=lambda n: -counts[n]), planted, BUDGET)}


def _scores_here() -> list[Any]:
    from tasks.detect.backends.choice import installed

    return ["plain", *installed("cleanlab")]


def labels_of(truth: Truth, name: str) -> ItemBoxes:
    """Return the published labels of a picture."""
    boxes = truth.boxes[name]
    class_ids = [truth.classes.index(box.class_name) for box in boxes]
    return ItemBoxes.of([f"label-{k}" for k in range(len(boxes))], class_ids, [box.box_xyxy_px for box in boxes])
