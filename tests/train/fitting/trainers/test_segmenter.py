"""A network that segments begins with nobody: a real training on outlines, measured by mask AP, promoted, proposing."""

import cv2
import numpy as np
import pytest
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Label
from blocks.servers.experiments import Experiments
from blocks.shapes import Polygon, shape_columns
from blocks.storage.stores import Store
from tasks.dataset.snapshots import SnapshotRef, read_snapshot, take_snapshot
from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef
from tasks.kinds.outlines.raster import mask_iou, rasterised
from tasks.train.evaluate import compare
from tasks.train.fitting.trainers.segmenter import SegmenterTraining
from tasks.train.fitting.training import finetune
from tasks.train.options import PromoteOptions, TrainOptions
from tasks.train.promotion import promote
from tasks.train.registry import resolve_detector
from tests.dataset.scenes import Scene, label_row, settle_scenes

NOBODY = DetectorRef.nobody("lot")
SIDE = 96
COLOURS = {"blue": (200, 60, 30), "red": (40, 40, 210)}


def drawn(number: int) -> tuple[np.ndarray, list[tuple[str, Polygon]]]:  # type: ignore[type-arg]
    """Draw two leaning ovals that do not touch, and return their outlines."""
    rng = np.random.default_rng(number)
    pixels = np.clip(rng.normal(120, 6, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
    found = []
    for left in (26, 70):
        name = str(rng.choice(list(COLOURS)))
        middle, axes = (int(left + rng.integers(-3, 4)), int(rng.integers(26, 70))), (int(rng.integers(12, 18)), 9)
        lean = int(rng.integers(0, 180))
        cv2.ellipse(pixels, middle, axes, lean, 0, 360, COLOURS[name], -1)
        ring = cv2.ellipse2Poly(middle, axes, lean, 0, 360, 15)[:-1]
        found.append((name, Polygon(points=tuple((float(x) + 0.5, float(y) + 0.5) for x, y in ring))))
    return pixels, found


@pytest.fixture
def ovals(engine: Engine, store: Store) -> SnapshotRef:
    pictures = [drawn(number) for number in range(36)]
    scenes = [Scene(f"p{n}.png", f"s{n % 6}", pixels, ()) for n, (pixels, _) in enumerate(pictures)]
    ids = settle_scenes(engine, store, scenes, {"s0": "test"} | {f"s{n}": "train" for n in range(1, 6)})
    rows = [
        label_row(id_, f"r{at}", name, (0, 0, 1, 1)) | shape_columns(polygon)
        for id_, (_, outlines) in zip(ids, pictures, strict=True)
        for at, (name, polygon) in enumerate(outlines)
    ]
    with writing(engine) as session:
        upsert(session, Label, rows)
    return take_snapshot(engine, store, "lot")


@pytest.mark.slow
def test_from_nobody_to_champion(
    engine: Engine, experiments: Experiments, store: Store, ovals: SnapshotRef, tiling: TilingOptions
) -> None:
    options = TrainOptions(
        epochs=40, batch=8, lr0=0.004, scale=0.0, mosaic=0.0, min_train_boxes=1, min_test_boxes=1, device="cpu"
    )
    trained = finetune(experiments, store, ovals.id, NOBODY, options, tiling=tiling)
    comparison = compare(store, ovals.id, NOBODY, trained.detector, tiling, run_id=trained.run_id)
    report = promote(engine, store, experiments, comparison, PromoteOptions())
    assert report.promoted and report.after > 0.3, "it finds ovals"
    champion = resolve_detector(experiments, store, "lot", "champion", "polygons")
    assert champion == trained.detector
    items = [item for item in read_snapshot(store, ovals.id).items() if item.split == "test"]
    found, unknown = SegmenterTraining().predict(store, items, champion, ("blue", "red"), tiling)
    assert not unknown
    best = [
        max((mask_iou(rasterised(one.shape), rasterised(label.shape)) for one in mine), default=0.0)
        for item, mine in zip(items, found, strict=True)
        for label in item.labels
    ]
    assert np.median(best) > 0.7
