"""What calibration does to scores: the starter detector on drawn parking lots, judged by what was drawn.

Curves are fitted on half of the scenes and judged on the other half, which they have never seen.
"""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from blocks.database.tables import Label
from infra.demo.scenes.drawing import draw_scenes
from tasks.dataset.formats.published import Truth, TruthBox, read_truth
from tasks.detect.backends.safe_weights import version_of
from tasks.detect.calibration import Judged, fit_calibration, judge
from tasks.detect.models import load_detector
from tasks.detect.options import TilingOptions
from tasks.detect.proposers.tiles import proposals_in
from tasks.detect.stream import Found, ImageSource, find_objects
from tasks.detect.tiling.tiles import Flags
from tasks.kinds.metrics import expected_calibration_error
from tests.bench.tiles.contestants import read

SCENES, TILE_PX = 12, 320


def measure_calibration(weights: Path) -> dict[str, Any]:
    """Return the expected calibration error on scenes held out, before and after: in all, and by way of being seen."""
    with tempfile.TemporaryDirectory(prefix="labelline-bench-") as folder:
        draw_scenes(Path(folder), SCENES, seed=31)
        truth = read_truth(Path(folder))
        judged = _judged(weights, truth)
    fitting = np.isin(judged.items, sorted(truth.boxes)[::2])
    fitted = fit_calibration(_some(judged, fitting))
    fresh = _some(judged, ~fitting)
    mended = fitted.scores_at(fresh.keys, fresh.scores)
    ways: dict[str, Flags] = {"all": np.ones(len(fresh.scores), dtype=np.bool_)}
    ways |= {how: np.array([key[1] == how for key in fresh.keys]) for how in ("tile", "several", "whole")}
    return {
        name: {
            "boxes": int(mine.sum()),
            "before": expected_calibration_error(fresh.scores[mine], fresh.right[mine]),
            "after": expected_calibration_error(mended[mine], fresh.right[mine]),
        }
        for name, mine in ways.items()
    }


def _judged(weights: Path, truth: Truth) -> Judged:
    detector = load_detector(weights, version_of(weights), TILE_PX)
    sources = [ImageSource(name, (1, 1), partial(read, truth.pictures[name])) for name in sorted(truth.boxes)]
    options = TilingOptions(tile_px=TILE_PX)
    asked = [detector.classes.index(name) for name in truth.classes]  # what is scored, and nothing else
    found = find_objects(sources, detector, asked, options)
    proposals = {each.name: proposals_in(each, detector.classes) for each in found if isinstance(each, Found)}
    return judge(proposals, {name: [_label(name, box) for box in boxes] for name, boxes in truth.boxes.items()})


def _label(name: str, box: TruthBox) -> Label:
    x_min, y_min, x_max, y_max = box.box_xyxy_px
    key = {"id": "", "item_id": name, "region": "", "class_name": box.class_name, "origin": "person", "batch_id": ""}
    return Label.model_validate({**key, "x_min": x_min, "y_min": y_min, "x_max": x_max, "y_max": y_max})


def _some(judged: Judged, chosen: Flags) -> Judged:
    places = np.flatnonzero(chosen)
    keys = tuple(judged.keys[place] for place in places)
    items = tuple(judged.items[place] for place in places)
    return Judged(keys, judged.scores[places], judged.right[places], items)
