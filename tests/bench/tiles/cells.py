"""Weights that know the cells of `bccd`, for want of any: fine-tuned on windows of the pictures that may train.

Windows are as large as the tiles through which they will look, one of each picture, and no cell that a window cuts in
half counts. How it is trained is what `anomalies_folds.py` found out. They are kept in `.labelline/bench/`, by what
made them.
"""

import hashlib
import json
import shutil
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np

from tasks.audit.label_errors.scores import ItemBoxes
from tasks.dataset.formats.published import Truth
from tasks.detect.backends.safe_weights import version_of
from tasks.intake.images import decode_upright
from tests.bench.anomalies_folds import BATCH, FREEZE, IMGSZ, LR0, Case, fine_tune

CASE = Case()
SEED = 5
LEAST_VISIBLE = 0.5
"""Share of a cell that must lie in a window to be one there."""


def learnt_cells(weights: Path, truth: Truth, bccd: Path, cache: Path) -> Path:
    """Return weights that learnt the training pictures of bccd; made within two minutes where there are none yet."""
    names = sorted(f"{stem}.jpg" for stem in (bccd / "ImageSets" / "Main" / "train.txt").read_text().split())
    how = [version_of(weights), asdict(CASE), names, IMGSZ, BATCH, LR0, FREEZE, SEED, LEAST_VISIBLE]
    kept = cache / f"bccd-cells-{hashlib.sha256(json.dumps(how).encode()).hexdigest()[:12]}.pt"
    if not kept.exists():
        with tempfile.TemporaryDirectory(prefix="labelline-cells-") as scratch:
            windows, labels = _windows(truth, names, Path(scratch))
            tuned = fine_tune(weights, windows, labels, CASE, Path(scratch))
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(tuned, kept)
    return kept


def _windows(truth: Truth, names: list[str], folder: Path) -> tuple[Truth, dict[str, ItemBoxes]]:
    """Write a window of each picture, and return where they are with their labels."""
    dice = np.random.default_rng(SEED)
    places, labels = {}, {}
    for name in names:
        pixels = decode_upright(truth.pictures[name].read_bytes())
        left, top = (int(dice.integers(0, side - IMGSZ + 1)) for side in (pixels.shape[1], pixels.shape[0]))
        places[name] = folder / f"{Path(name).stem}.png"
        cv2.imwrite(str(places[name]), pixels[top : top + IMGSZ, left : left + IMGSZ])
        boxes = np.array([box.box_xyxy_px for box in truth.boxes[name]]).reshape(-1, 4) - [left, top, left, top]
        inside = np.clip(boxes, 0, IMGSZ)
        shares = (inside[:, 2:] - inside[:, :2]).prod(axis=1) / (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        seen = np.flatnonzero(shares >= LEAST_VISIBLE)
        class_ids = [truth.classes.index(truth.boxes[name][place].class_name) for place in seen]
        labels[name] = ItemBoxes.of([f"cell-{place}" for place in seen], class_ids, inside[seen].tolist())
    return replace(truth, pictures=places), labels
