"""Networks that segment: trained on tiles with outlines clipped at their edges, and measured by mask AP through tiles.

A row of ultralytics' format is one ring: of an object in several parts the largest is trained on, and holes are filled.
What is measured keeps both.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from blocks.storage.stores import Store
from tasks.dataset.formats.yolo_tiles import TILE_QUALITY, ExportOptions, placements
from tasks.dataset.manifest import ManifestItem, ManifestLabel
from tasks.detect.backends.safe_weights import Task
from tasks.detect.options import TilingOptions
from tasks.detect.proposers.segments import segment, warm_network
from tasks.detect.refs import DetectorRef
from tasks.detect.tiling.read_ahead import Unseen
from tasks.detect.tiling.tiles import regions_of, round_up
from tasks.detect.tiling.views import Placement, cut_views, squared
from tasks.intake.images import encode_jpeg, read_item
from tasks.kinds.outlines.average_precision import FoundShape
from tasks.kinds.outlines.raster import rasterised
from tasks.kinds.outlines.trace import mask_of, traced
from tasks.kinds.outlines.valid import clipped
from tasks.train.fitting.beginnings import NOTHING, Beginning, begin_with
from tasks.train.fitting.recipes import Recipe
from tasks.train.fitting.trainers.detector import LEAST_SCORE
from tasks.train.fitting.trainers.protocol import Cut, TrainingJob

log = logging.getLogger(__name__)


class SegmenterTraining:
    """Ultralytics segmentation networks."""

    name = "segmenter"
    task: Task = "segmentation"
    begins_anew = False
    further = Recipe(100, 8, 50, lr0=0.001, least_train=20, least_val=200)
    from_nothing = Recipe(600, 8, 300, lr0=0.002, least_train=100, least_val=200)

    def begin(self, store: Store, base: DetectorRef, classes: tuple[str, ...]) -> Beginning:
        """Open the first weights; see `begin_with`. Nobody brings nothing."""
        if base.is_nobody:
            return NOTHING
        return begin_with(store.local_path(base.weights_key), classes, self.task)

    def cut(self, job: TrainingJob) -> Cut:
        """Cut items into tiles with their outlines; a val split that chooses no epoch is trained on."""
        folder, side_px = job.scratch / "tiles", _side_of(job)
        counts = dict.fromkeys(("train", "val"), 0)
        for item in job.manifest.items():
            split = item.split if item.split == "train" or job.chooses_epoch else "train"
            if item.split in counts:
                counts[split] += _write(job, item, folder, split, side_px)
        train, val = (folder / "images" / split for split in counts)
        facts = job.tiling.model_dump(include={"tile_px", "overlap_share", "whole_image"})
        facts |= {f"{split}_pictures": count for split, count in counts.items()}
        return Cut(train, val if counts["val"] else train, counts["train"], facts)

    def loop(self, job: TrainingJob, cut: Cut) -> Any:
        """Return a segmentation training."""
        from tasks.train.fitting.trainer import SegmentTraining, TrainingPictures, overrides_of

        pictures = TrainingPictures(cut.train, cut.val, job.manifest.classes)
        overrides = overrides_of(job.options, job.recipe, _side_of(job), cut.pictures, job.scratch)
        weights = None if job.base.is_nobody else job.store.local_path(job.base.weights_key)
        return SegmentTraining(weights, pictures, job.options.keep_norms, overrides, job.chooses_epoch)

    def predict(
        self,
        store: Store,
        items: Sequence[ManifestItem],
        ref: DetectorRef,
        classes: tuple[str, ...],
        tiling: TilingOptions,
    ) -> tuple[list[list[FoundShape]], tuple[str, ...]]:
        """Return for each item its objects with their pixels, as the line finds them."""
        found: dict[str, list[FoundShape]] = {item.id: [] for item in items}
        if ref.is_nobody:
            return list(found.values()), classes
        network = warm_network(store, ref)
        unknown = tuple(name for name in classes if name not in network.classes)
        wanted = [number for number, name in enumerate(network.classes) if name in classes]
        options = tiling.model_copy(update={"min_score": min(tiling.min_score, LEAST_SCORE)})
        for each in segment(store, items, network, wanted, options) if wanted else ():
            if isinstance(each, Unseen):
                log.warning("test item %s counts as missed altogether: %s", each.name, each.reason)
                continue
            found[each.name] = [
                FoundShape(network.classes[one.class_id], mask_of(one.raster), one.score) for one in each.objects
            ]
        return [found[item.id] for item in items], unknown

    def truth(self, item: ManifestItem, classes: Sequence[str]) -> list[FoundShape]:  # noqa: ARG002  (protocol)
        """Return the true objects of an item."""
        return [FoundShape(label.class_name, label.shape) for label in item.labels if label.shape is not None]

    def seen(self, tiling: TilingOptions) -> str:
        """Name the tiles."""
        return f"in tiles of {tiling.tile_px} px"


def _side_of(job: TrainingJob) -> int:
    return round_up(job.tiling.tile_px, job.begins.stride)


def _write(job: TrainingJob, item: ManifestItem, folder: Path, split: str, side_px: int) -> int:
    """Write the tiles of an item that show something, and one that shows nothing; returns how many."""
    tiling = job.tiling
    regions = regions_of((item.width, item.height), tiling.tile_px, tiling.overlap_share, tiling.whole_image)
    shown = {number: list(_lines(job, item.labels, regions.xyxy_px[number].tolist(), placement, side_px))
             for number, placement in enumerate(placements(regions, side_px))}  # fmt: skip
    empty = [number for number, lines in shown.items() if not lines]
    kept = [number for number, lines in shown.items() if lines] + empty[:1]
    views = cut_views(read_item(job.store, item.key), regions, side_px)
    for kind in ("images", "labels"):
        (folder / kind / split).mkdir(parents=True, exist_ok=True)
    for number in kept:
        name = f"{item.id[:24]}-{number:04d}"
        data = encode_jpeg(squared(views[number].pixels, side_px), TILE_QUALITY)
        (folder / "images" / split / f"{name}.jpg").write_bytes(data)
        text = "".join(f"{line}\n" for line in shown[number])
        (folder / "labels" / split / f"{name}.txt").write_text(text, encoding="utf-8")
    return len(kept)


def _lines(
    job: TrainingJob, labels: Sequence[ManifestLabel], view: Sequence[float], placement: Placement, side_px: int
) -> Iterator[str]:
    """Yield the rows of what a view shows, in shares of its picture."""
    options: ExportOptions = job.options.export
    for label in labels:
        if label.shape is None:
            continue
        polygon = label.shape if label.shape.type == "polygon" else traced(rasterised(label.shape))
        cut = clipped(polygon, (view[0], view[1], view[2], view[3]), options.min_visible)
        if cut is None:
            continue
        ring = (np.array(cut.points) - placement.offset_xy) * placement.gain_xy + placement.pad_xy
        if (ring.max(axis=0) - ring.min(axis=0)).min() < options.min_side_px:
            continue
        shares = " ".join(f"{value:.6f}" for value in np.clip(ring / side_px, 0, 1).ravel())
        yield f"{job.manifest.classes.index(label.class_name)} {shares}"
