"""The detector that judges planted faults: fine-tuned on folds, so that it judges no picture it has learned from.

It learns from labels with the same share of faults, as it would in a line. Its boxes are kept in `.labelline/bench/`,
by what made them.

How it is trained was chosen without any planted fault, on one fold with the labels as published, by seconds of a core
and mAP50 on the pictures held out: with a frozen backbone, batches of 8 and a learning rate of 0.003, five epochs took
85 s for 0.857 and three took 53 s for 0.771; the defaults of a line (nothing frozen, 16, 0.001) took 70 s for three
epochs and gave 0.733. No epoch is measured: the last one stands.
"""

import hashlib
import json
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tasks.audit.label_errors.scores import ItemBoxes
from tasks.dataset.formats.published import Truth
from tests.bench.anomalies_planting import World

FOLDS = 3
IMGSZ = 320
MIN_SCORE = 0.05
BATCH, LR0, FREEZE = 8, 0.003, 10

Columns = dict[str, tuple[list[int], list[list[float]], list[float]]]
"""By item: class ids, edges and scores of boxes."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured: all of it, or a slice to try the bench with."""

    items: int = 0
    epochs: int = 5
    seed: int = 1
    """Of the faults and the folds."""


def boxes_by_folds(weights: Path, truth: Truth, faulty: World, case: Case, cache: Path) -> World:
    """Let each item be judged by a detector that was fine-tuned on the other folds of these labels.

    A fold that was judged before is read from the cache.
    """
    from tasks.detect.backends.safe_weights import version_of

    names = sorted(faulty)
    fold = np.random.default_rng(case.seed).permutation(len(names)) % FOLDS
    how = [FOLDS, IMGSZ, MIN_SCORE, BATCH, LR0, FREEZE]
    what = json.dumps([version_of(weights), asdict(case), how, _fingerprint(faulty)])
    kept = cache / f"bccd-boxes-{hashlib.sha256(what.encode()).hexdigest()[:12]}"
    kept.mkdir(parents=True, exist_ok=True)
    found: World = {}
    for number in range(FOLDS):
        path = kept / f"{number}.json"
        if not path.exists():
            out = [name for name, mine in zip(names, fold.tolist(), strict=True) if mine == number]
            columns = _judge_fold(weights, truth, faulty, out, case)
            path.write_text(json.dumps(columns))
            print(f"fold {number + 1} of {FOLDS} judged: {len(out)} pictures", flush=True)
        for name, (class_ids, edges, scores) in json.loads(path.read_text()).items():
            found[name] = ItemBoxes.of([f"box-{k}" for k in range(len(class_ids))], class_ids, edges, scores)
    return found


def _judge_fold(weights: Path, truth: Truth, faulty: World, out: list[str], case: Case) -> Columns:
    """Fine-tune on all items but these, and return what is seen in these."""
    from tasks.detect.backends.safe_weights import version_of
    from tasks.detect.models import load_detector
    from tasks.intake.images import decode_upright

    known = {name: mine for name, mine in faulty.items() if name not in set(out)}
    with tempfile.TemporaryDirectory(prefix="labelline-folds-") as scratch:
        tuned = fine_tune(weights, truth, known, case, Path(scratch))
        detector = load_detector(tuned, version_of(tuned), IMGSZ, "torch")
    images = [decode_upright(truth.pictures[name].read_bytes()) for name in out]
    seen = zip(out, detector.predict(images, MIN_SCORE), strict=True)
    return {name: (said.class_id.tolist(), said.xyxy.tolist(), said.confidence.tolist()) for name, said in seen}


def fine_tune(weights: Path, truth: Truth, labels: Mapping[str, ItemBoxes], case: Case, folder: Path) -> Path:
    """Fine-tune on labels, and return the weights of the last epoch; all files lie in a folder."""
    from tasks.detect.backends.safe_weights import quiet_ultralytics

    quiet_ultralytics()
    from ultralytics.utils import LOGGER

    from tasks.train.fitting.trainer import LineTraining, TrainingPictures, overrides_of
    from tasks.train.fitting.trainers.detector import DetectorTraining
    from tasks.train.options import TrainOptions

    LOGGER.setLevel(logging.ERROR)
    names = sorted(labels)
    # The last epoch stands, so nothing is measured on the val pictures; ultralytics wants some all the same.
    for split, some in (("train", names), ("val", names[:1])):
        for name in some:
            _write_picture(truth.pictures[name], labels[name], folder / "data", split)
    pictures = TrainingPictures(folder / "data/images/train", folder / "data/images/val", truth.classes)
    how = {"batch": BATCH, "lr0": LR0, "freeze": FREEZE, "mosaic": 0.0, "from_above": True}
    options = TrainOptions.model_validate({"epochs": case.epochs, "seed": case.seed, **how})
    overrides = overrides_of(options, DetectorTraining.further, IMGSZ, len(names), folder)
    trainer = LineTraining(weights, pictures, options.keep_norms, overrides, chooses_epoch=False)
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
