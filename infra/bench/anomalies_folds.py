"""The detector that judges planted faults: fine-tuned on folds, so that it judges no picture it has learned from.

It learns from labels with the same share of faults, as it would in a line. Its boxes are kept in `.labelline/bench/`,
by what made them.

TUNED
"""

import hashlib
import json
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from infra.bench.anomalies_planting import World
from tasks.audit.fault_scores import ItemBoxes
from tasks.dataset.truth import Truth

FOLDS = 3
IMGSZ = 320
MIN_SCORE = 0.05
BATCH, LR0, FREEZE = 8, 0.003, 10


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured: all of it, or a slice to try the bench with."""

    items: int = 0
    epochs: int = 3
    seed: int = 1
    """Of the faults and the folds."""


def cached_boxes(weights: Path, truth: Truth, faulty: World, case: Case, cache: Path) -> World:
    """Return the boxes of each item, from a detector that was fine-tuned on the other folds of these labels."""
    from tasks.detect.weights import version_of

    how = [FOLDS, IMGSZ, MIN_SCORE, BATCH, LR0, FREEZE]
    what = json.dumps([version_of(weights), asdict(case), how, _fingerprint(faulty)])
    path = cache / f"bccd-boxes-{hashlib.sha256(what.encode()).hexdigest()[:12]}.json"
    if not path.exists():
        found = _boxes_by_folds(weights, truth, faulty, case)
        cache.mkdir(parents=True, exist_ok=True)
        columns = {name: [m.class_ids.tolist(), m.xyxy_px.tolist(), m.scores.tolist()] for name, m in found.items()}
        path.write_text(json.dumps(columns))
    columns = json.loads(path.read_text())
    return {
        name: ItemBoxes.of([f"box-{k}" for k in range(len(ids))], ids, edges, scores)
        for name, (ids, edges, scores) in columns.items()
    }


def _boxes_by_folds(weights: Path, truth: Truth, faulty: World, case: Case) -> World:
    """Let each item be judged by a detector that was fine-tuned on the other folds."""
    from tasks.detect.models import load_detector
    from tasks.detect.weights import version_of
    from tasks.intake.images import decode_upright

    names = sorted(faulty)
    fold = np.random.default_rng(case.seed).permutation(len(names)) % FOLDS
    found: World = {}
    for number in range(FOLDS):
        out = [name for name, mine in zip(names, fold.tolist(), strict=True) if mine == number]
        known = {name: faulty[name] for name in names if name not in set(out)}
        with tempfile.TemporaryDirectory(prefix="labelline-folds-") as scratch:
            tuned = fine_tune(weights, truth, known, case, Path(scratch))
            detector = load_detector(tuned, version_of(tuned), IMGSZ, "torch")
            images = [decode_upright(truth.pictures[name].read_bytes()) for name in out]
            for name, said in zip(out, detector.predict(images, MIN_SCORE), strict=True):
                found[name] = ItemBoxes.of([""] * len(said), said.class_id, said.xyxy, said.confidence)
        print(f"fold {number + 1} of {FOLDS} judged: {len(out)} pictures", flush=True)
    return found


def fine_tune(weights: Path, truth: Truth, labels: Mapping[str, ItemBoxes], case: Case, folder: Path) -> Path:
    """Fine-tune on labels, and return the weights of the last epoch; all files lie in a folder."""
    from tasks.detect.weights import quiet_ultralytics

    quiet_ultralytics()
    from ultralytics.utils import LOGGER

    from tasks.train.options import TrainOptions
    from tasks.train.trainer import LineTraining, TrainingPictures, overrides_of

    LOGGER.setLevel(logging.ERROR)
    names = sorted(labels)
    # The last epoch stands, so nothing is measured on the val pictures; ultralytics wants some all the same.
    for split, some in (("train", names), ("val", names[:1])):
        for name in some:
            _write_picture(truth.pictures[name], labels[name], folder / "data", split)
    pictures = TrainingPictures(folder / "data/images/train", folder / "data/images/val", truth.classes)
    how = {"batch": BATCH, "lr0": LR0, "freeze": FREEZE, "mosaic": 0.0, "from_above": True}
    options = TrainOptions.model_validate({"epochs": case.epochs, "seed": case.seed, **how})
    trainer = LineTraining(
        weights, pictures, options.keep_norms, overrides_of(options, IMGSZ, folder), chooses_epoch=False
    )
    trainer.train()
    return Path(trainer.last)


def _fingerprint(labels: World) -> str:
    columns = [[name, mine.class_ids.tolist(), mine.xyxy_px.tolist()] for name, mine in sorted(labels.items())]
    return hashlib.sha256(json.dumps(columns).encode()).hexdigest()


def _write_picture(picture: Path, labels: ItemBoxes, folder: Path, split: str) -> None:
    from PIL import Image

    for part in ("images", "labels"):
        (folder / part / split).mkdir(parents=True, exist_ok=True)
    (folder / "images" / split / picture.name).symlink_to(picture.resolve())
    with Image.open(picture) as image:
        width, height = image.size
    lines = []
    for class_id, (x_min, y_min, x_max, y_max) in zip(labels.class_ids.tolist(), labels.xyxy_px.tolist(), strict=True):
        low_x, high_x, low_y, high_y = x_min / width, min(x_max / width, 1), y_min / height, min(y_max / height, 1)
        centre = f"{(low_x + high_x) / 2:.6f} {(low_y + high_y) / 2:.6f}"
        lines.append(f"{class_id} {centre} {high_x - low_x:.6f} {high_y - low_y:.6f}\n")
    (folder / "labels" / split / f"{picture.stem}.txt").write_text("".join(lines))
