"""A snapshot as a folder of YOLO tiles: what the detector trains on is what it will see on the line.

Tiles and the smaller whole image are cut by the detect station's own geometry. Boxes that a tile's edge cuts are kept
clipped where enough of them is visible.
"""

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml
from pydantic import Field

from blocks.frozen import Frozen
from blocks.storage.stores import Store
from tasks.dataset.manifest import Manifest, ManifestItem
from tasks.detect.options import TilingOptions
from tasks.detect.tiling.tiles import Floats, Regions, regions_of
from tasks.detect.tiling.views import Placement, cut_views, squared
from tasks.intake.images import encode_jpeg, read_item

TILE_QUALITY = 95
"""JPEG quality of tiles: high, since small objects live in what JPEG throws away first."""


class ExportOptions(Frozen):
    """Which tiles of a snapshot become training pictures, and which boxes stay in them."""

    min_visible: float = Field(
        default=0.4, ge=0.05, le=1.0, description="A box cut by a tile's edge is kept if this share of it is visible"
    )
    min_side_px: float = Field(
        default=3.0, ge=1.0, le=64.0, description="Boxes with a shorter side, as the network sees them, are left out"
    )
    background_share: float = Field(
        default=0.15, ge=0.0, le=0.9, description="At most this share of the pictures shows no object at all"
    )


@dataclass(frozen=True, slots=True)
class TileSplitCounts:
    """What one split came to."""

    items: int = 0
    pictures: int = 0
    background: int = 0
    boxes: int = 0


@dataclass(frozen=True, slots=True)
class TileExport:
    """A folder of training pictures in YOLO format."""

    data_yaml: Path
    classes: tuple[str, ...]
    counts: dict[str, TileSplitCounts]


def export_tiles(
    store: Store,
    manifest: Manifest,
    folder: Path,
    tiling: TilingOptions,
    options: ExportOptions | None = None,
    *,
    splits: Iterable[str] = ("train", "val"),
    side_px: int | None = None,
) -> TileExport:
    """Cut the items of a snapshot into tiles with clipped boxes, in YOLO format.

    Args:
        store: Where the items' bytes are.
        manifest: The snapshot.
        folder: Where `images/<split>/`, `labels/<split>/` and `data.yaml` go; made if absent.
        tiling: How the line cuts its images.
        options: Which boxes and which empty tiles stay.
        splits: Which splits to write. One without items is written as an empty folder.
        side_px: Side of the written pictures, where it is to be larger than a tile: the rest is grey.

    Returns:
        Where `data.yaml` is, and the counts by split.
    """
    class_ids = {name: number for number, name in enumerate(manifest.classes)}
    cutter = _Cutter(store, folder, class_ids, tiling, options or ExportOptions(), side_px or tiling.tile_px)
    counts = {}
    for split in splits:
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True, exist_ok=True)
        counts[split] = cutter.export(manifest, split)
    data_yaml = folder / "data.yaml"
    paths = {split: f"images/{split}" for split in counts}
    data = {"path": str(folder.resolve()), **paths, "names": dict(enumerate(manifest.classes))}
    data_yaml.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return TileExport(data_yaml, manifest.classes, counts)


def fold_in_val(export: TileExport) -> TileExport:
    """Train on the pictures of `val` as well, for a snapshot whose `val` is too small to choose an epoch by.

    They stay in `val` too, since a training wants to open it: with nothing there, one training picture is copied.
    """
    folder = export.data_yaml.parent
    for split, other, most in (("val", "train", None), ("train", "val", 0 if export.counts["val"].pictures else 1)):
        for picture in sorted((folder / "images" / split).iterdir())[:most]:
            labels = folder / "labels" / split / f"{picture.stem}.txt"
            shutil.copyfile(picture, folder / "images" / other / picture.name)
            shutil.copyfile(labels, folder / "labels" / other / labels.name)
    counts = export.counts | {split: _count(folder, split) for split in ("train", "val")}
    return TileExport(export.data_yaml, export.classes, counts)


def _count(folder: Path, split: str) -> TileSplitCounts:
    texts = [path.read_text(encoding="utf-8") for path in (folder / "labels" / split).glob("*.txt")]
    items = {path.name.partition("-")[0] for path in (folder / "images" / split).iterdir()}
    empty = sum(1 for text in texts if not text)
    return TileSplitCounts(len(items), len(texts), empty, sum(text.count("\n") for text in texts))


def clip_to_view(
    boxes_xyxy_px: Floats, view_xyxy_px: Floats, min_visible: float
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Cut boxes at the edges of a view, and keep those of which enough is left.

    Args:
        boxes_xyxy_px: Shape (n, 4), pixels of the image. n may be 0.
        view_xyxy_px: Shape (4,), what the view sees of the image.
        min_visible: Least visible share of a box's area, above 0 to 1.

    Returns:
        The kept boxes, shape (m, 4), still in pixels of the image, and which of the n they are, shape (m,).
    """
    low = np.maximum(boxes_xyxy_px[:, :2], view_xyxy_px[:2])
    high = np.minimum(boxes_xyxy_px[:, 2:], view_xyxy_px[2:])
    sides = boxes_xyxy_px[:, 2:] - boxes_xyxy_px[:, :2]
    visible = np.clip(high - low, 0.0, None).prod(axis=1)
    area = np.clip(sides, 0.0, None).prod(axis=1)
    kept = np.flatnonzero((visible > 0) & (visible >= min_visible * area))
    return np.hstack([low, high])[kept], kept


@dataclass(frozen=True, slots=True)
class _View:
    """One picture to be: where it lies on its item, and the YOLO lines of what it shows."""

    index: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Cutter:
    """Writes the pictures and labels of one export."""

    store: Store
    folder: Path
    class_ids: dict[str, int]
    tiling: TilingOptions
    options: ExportOptions
    side_px: int

    def export(self, manifest: Manifest, split: str) -> TileSplitCounts:
        """Write one split; two passes, so that the share of empty tiles is known before a picture is read."""
        shown = empty = 0
        for item in manifest.items(split):
            views = list(self.views_of(item))
            shown += sum(1 for view in views if view.lines)
            empty += sum(1 for view in views if not view.lines)
        wanted = shown * self.options.background_share / (1 - self.options.background_share) if shown else empty
        keep_empty = min(1.0, wanted / empty) if empty else 0.0
        items = pictures = background = boxes = 0
        for item in manifest.items(split):
            items += 1
            views = [view for view in self.views_of(item) if view.lines or _draw(item, view) < keep_empty]
            self.write(item, views, split)
            pictures += len(views)
            background += sum(1 for view in views if not view.lines)
            boxes += sum(len(view.lines) for view in views)
        return TileSplitCounts(items, pictures, background, boxes)

    def views_of(self, item: ManifestItem) -> Iterator[_View]:
        """Yield what each view of an item shows, from the manifest alone."""
        regions = _regions(item, self.tiling)
        boxes: Floats = np.array([label.box_xyxy_px for label in item.labels], dtype=np.float64).reshape(-1, 4)
        boxes = np.clip(boxes, 0.0, np.array([item.width, item.height] * 2, dtype=np.float64))
        classes = [self.class_ids[label.class_name] for label in item.labels]
        for index, placement in enumerate(placements(regions, self.side_px)):
            clipped, kept = clip_to_view(boxes, regions.xyxy_px[index], self.options.min_visible)
            drawn = placement.to_picture(clipped)
            large = (drawn[:, 2:] - drawn[:, :2]).min(axis=1, initial=np.inf) >= self.options.min_side_px
            if len(kept) and large.mean() < 0.5:
                continue  # most of what it shows is too small to see: it would teach that objects are background
            numbers = [classes[number] for number in kept[large]]
            yield _View(index, tuple(_yolo_lines(drawn[large], numbers, self.side_px)))

    def write(self, item: ManifestItem, views: list[_View], split: str) -> None:
        """Cut the pictures of an item's views and write them with their labels."""
        if not views:
            return
        side_px = self.side_px
        pictures = cut_views(read_item(self.store, item.key), _regions(item, self.tiling), side_px)
        for view in views:
            name = f"{item.id[:24]}-{view.index:04d}"
            data = encode_jpeg(squared(pictures[view.index].pixels, side_px), TILE_QUALITY)
            (self.folder / "images" / split / f"{name}.jpg").write_bytes(data)
            text = "".join(f"{line}\n" for line in view.lines)
            (self.folder / "labels" / split / f"{name}.txt").write_text(text, encoding="utf-8")


def _yolo_lines(boxes_xyxy_px: Floats, class_ids: list[int], side_px: int) -> Iterator[str]:
    centre = (boxes_xyxy_px[:, :2] + boxes_xyxy_px[:, 2:]) / 2 / side_px
    size = (boxes_xyxy_px[:, 2:] - boxes_xyxy_px[:, :2]) / side_px
    for class_id, (x, y), (width, height) in zip(class_ids, centre, size, strict=True):
        yield f"{class_id} {x:.6f} {y:.6f} {width:.6f} {height:.6f}"


def _regions(item: ManifestItem, tiling: TilingOptions) -> Regions:
    return regions_of((item.width, item.height), tiling.tile_px, tiling.overlap_share, tiling.whole_image)


def placements(regions: Regions, side_px: int) -> Iterator[Placement]:
    """Say where the views of an image will lie in their pictures, without the image (as `cut_views` does with it)."""
    for edges, whole in zip(regions.xyxy_px, regions.whole, strict=True):
        size = (float(edges[2] - edges[0]), float(edges[3] - edges[1]))
        if not whole:
            yield Placement((int(size[0]), int(size[1])), offset_xy=(float(edges[0]), float(edges[1])))
            continue
        gain = min(side_px / size[0], side_px / size[1])
        new_wh = tuple(max(round(side * gain), 1) for side in size)
        pads = tuple(float(round((side_px - new) / 2 - 0.1)) for new in new_wh)
        gains = (new_wh[0] / size[0], new_wh[1] / size[1])
        yield Placement((int(size[0]), int(size[1])), (0.0, 0.0), gains, (pads[0], pads[1]))


def _draw(item: ManifestItem, view: _View) -> float:
    """Return a number from 0 to 1 that is random, but always the same for one view of one item."""
    digest = hashlib.sha256(f"{item.id}|{view.index}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
