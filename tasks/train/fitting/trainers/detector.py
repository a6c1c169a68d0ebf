"""Detectors of boxes: trained on tiles, and measured by what they find through tiles.

Where there is no model yet, a small network begins with random numbers: nothing is looked up or downloaded.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blocks.storage.stores import Store
from tasks.dataset.formats.yolo_tiles import TileExport, export_tiles, fold_in_val
from tasks.dataset.manifest import Manifest, ManifestItem
from tasks.detect.backends.safe_weights import Task
from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef
from tasks.detect.tiling.read_ahead import stored_images
from tasks.detect.tiling.tiles import Floats, Ints, round_up
from tasks.train.fitting.beginnings import NOTHING, Beginning, begin_with
from tasks.train.fitting.recipes import Recipe
from tasks.train.fitting.trainers.protocol import Cut, TrainingJob
from tasks.train.options import TrainOptions

if TYPE_CHECKING:
    import supervision as sv

log = logging.getLogger(__name__)

LEAST_SCORE = 0.01
"""Average precision needs the low end of the scores as well; below this it does not move any more."""


class DetectorTraining:
    """Ultralytics detectors."""

    name = "detector"
    task: Task = "detection"
    begins_anew = False
    further = Recipe(100, 8, 50, lr0=0.001, least_train=20, least_val=200)
    from_nothing = Recipe(600, 8, 300, lr0=0.002, least_train=100, least_val=200)

    def begin(self, store: Store, base: DetectorRef, classes: tuple[str, ...]) -> Beginning:
        """Open the first weights; see `begin_with`. Nobody brings nothing."""
        if base.is_nobody:
            return NOTHING
        return begin_with(store.local_path(base.weights_key), classes)

    def cut(self, job: TrainingJob) -> Cut:
        """Cut items into tiles of the line's size, or of the next one that the network can see."""
        side_px = round_up(job.tiling.tile_px, job.begins.stride)
        folder = job.scratch / "tiles"
        export = training_pictures(
            job.store, job.manifest, folder, job.tiling, job.options, chooses=job.chooses_epoch, side_px=side_px
        )
        counts = {f"{split}_{name}": value for split, of in export.counts.items() for name, value in asdict(of).items()}
        facts = job.tiling.model_dump(include={"tile_px", "overlap_share", "whole_image"}) | counts
        images = export.data_yaml.parent / "images"
        return Cut(images / "train", images / "val", export.counts["train"].pictures, facts)

    def loop(self, job: TrainingJob, cut: Cut) -> Any:
        """Return a detection training."""
        from tasks.train.fitting.trainer import LineTraining, TrainingPictures, overrides_of

        pictures = TrainingPictures(cut.train, cut.val, job.manifest.classes)
        side_px = round_up(job.tiling.tile_px, job.begins.stride)
        overrides = overrides_of(job.options, job.recipe, side_px, cut.pictures, job.scratch)
        weights = None if job.base.is_nobody else job.store.local_path(job.base.weights_key)
        return LineTraining(weights, pictures, job.options.keep_norms, overrides, job.chooses_epoch)

    def predict(
        self,
        store: Store,
        items: Sequence[ManifestItem],
        ref: DetectorRef,
        classes: tuple[str, ...],
        tiling: TilingOptions,
    ) -> tuple[list["sv.Detections"], tuple[str, ...]]:
        """Return for each item its boxes; see `detections_of`."""
        if ref.is_nobody:
            return [_no_boxes() for _ in items], classes
        return detections_of(store, items, ref, classes, tiling)

    def truth(self, item: ManifestItem, classes: Sequence[str]) -> "sv.Detections":
        """Return the true boxes of an item."""
        boxes = np.array([label.box_xyxy_px for label in item.labels], dtype=np.float64).reshape(-1, 4)
        class_ids = np.array([classes.index(label.class_name) for label in item.labels], dtype=np.int64)
        return _boxes(boxes, class_ids, np.ones(len(boxes)))

    def seen(self, tiling: TilingOptions) -> str:
        """Name the tiles."""
        return f"in tiles of {tiling.tile_px} px"


def training_pictures(
    store: Store,
    manifest: Manifest,
    folder: Path,
    tiling: TilingOptions,
    options: TrainOptions,
    *,
    chooses: bool,
    side_px: int | None = None,
) -> TileExport:
    """Cut what a training with these options sees; a val split that is not to choose an epoch is trained on."""
    export = export_tiles(store, manifest, folder, tiling, options.export, side_px=side_px)
    if chooses:
        return export
    boxes = export.counts["val"].boxes
    log.info("val has %d boxes, too few to choose an epoch by: the last one stands, trained on them too", boxes)
    return fold_in_val(export)


def detections_of(
    store: Store, items: Sequence[ManifestItem], ref: DetectorRef, classes: tuple[str, ...], tiling: TilingOptions
) -> tuple[list["sv.Detections"], tuple[str, ...]]:
    """Look at items through the line's tiles; the one place here that knows how detecting is done.

    Returns:
        For each item its boxes in pixels, with scores and class ids that count in `classes`; and those of `classes`
        that the detector does not know.
    """
    from tasks.detect.models import open_detector
    from tasks.detect.stream import Found, find_objects

    detector = open_detector(store, ref, tiling.tile_px, tiling.backend)
    unknown = tuple(name for name in classes if name not in detector.classes)
    wanted = {detector.classes.index(name): number for number, name in enumerate(classes) if name not in unknown}
    found = {item.id: _no_boxes() for item in items}
    if not wanted:
        return list(found.values()), unknown
    options = tiling.model_copy(update={"min_score": min(tiling.min_score, LEAST_SCORE)})
    for result in find_objects(stored_images(store, items), detector, tuple(wanted), options):
        if not isinstance(result, Found):
            log.warning("test item %s counts as missed altogether: %s", result.name, result.reason)
            continue
        class_ids = np.array([wanted[int(number)] for number in result.merged.class_ids], dtype=np.int64)
        found[result.name] = _boxes(result.merged.boxes_xyxy_px, class_ids, result.merged.scores)
    return [found[item.id] for item in items], unknown


def _no_boxes() -> "sv.Detections":
    return _boxes(np.zeros((0, 4)), np.zeros(0, dtype=np.int64), np.zeros(0))


def _boxes(boxes: Floats, class_ids: Ints, scores: Floats) -> "sv.Detections":
    import supervision as sv

    return sv.Detections(xyxy=boxes.astype(np.float32), class_id=class_ids, confidence=scores.astype(np.float32))
