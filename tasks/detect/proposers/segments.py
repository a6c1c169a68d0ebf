"""Objects with their outlines: a network that segments looks through tiles, and what tiles cut is joined."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blocks.database.tables import Item
from blocks.errors import BadWeights
from blocks.shapes import Shape, shape_columns
from blocks.storage.stores import Store
from tasks.detect.models import fetch_weights
from tasks.detect.options import SHOW_SCORE, TilingOptions
from tasks.detect.proposers.protocol import Looked, UnreadItem
from tasks.detect.refs import DetectorRef
from tasks.detect.segmenting.seams import JoinedObject, SeenObject, join_objects
from tasks.detect.tiling.read_ahead import StoredImage, Unseen, read_ahead, stored_images
from tasks.detect.tiling.tiles import Regions, regions_of
from tasks.detect.tiling.views import cut_views
from tasks.intake.images import Pixels
from tasks.intake.texts.media import Medium
from tasks.kinds.outlines.raster import Raster
from tasks.kinds.outlines.simplify import simplified
from tasks.kinds.outlines.trace import mask_of, traced

if TYPE_CHECKING:
    from tasks.detect.segmenting.network import SegmentNetwork

WARM_AT_MOST = 4

_lock = threading.Lock()


@dataclass(slots=True)
class SegmentProposer:
    """A network that segments, over tiles and the whole picture; `shaped` says as what an object is proposed."""

    name: str
    shaped: Callable[[Raster], Shape]
    sees: Medium = "pictures"

    def fit(self, store: Store, ref: DetectorRef, options: TilingOptions) -> TilingOptions:  # noqa: ARG002  (protocol)
        """Return the options as they are, but for what is for boxes alone: tiles by object size, and calibration."""
        return options.model_copy(update={"fit_objects": False, "calibrated": False, "join": 1})

    def check(self, weights: Path, version: str) -> tuple[str, ...]:  # noqa: ARG002  (protocol)
        """Open a network's weights, see that they run, and return its class names."""
        from tasks.detect.segmenting.network import open_segment_network

        if weights.suffix != ".pt":
            raise BadWeights(f"weights {weights.name} do not segment here: expected an ultralytics -seg model (.pt)")
        return open_segment_network(weights).classes

    def open(self, store: Store, ref: DetectorRef, options: TilingOptions) -> "SegmentLooker":
        """Return the warm network of a reference."""
        return SegmentLooker(store, warm_network(store, ref), options, self.shaped)


@dataclass(frozen=True, slots=True)
class SeenItem:
    """What a network saw in an item."""

    name: str
    regions: Regions
    seen: Sequence[SeenObject]
    objects: Sequence[JoinedObject]


@dataclass(frozen=True, slots=True)
class SegmentLooker:
    """A network that segments, and looks through tiles."""

    store: Store
    network: "SegmentNetwork"
    options: TilingOptions
    shaped: Callable[[Raster], Shape]

    @property
    def classes(self) -> tuple[str, ...]:
        """What the network knows."""
        return self.network.classes

    def look(self, items: Sequence[Item], wanted: Sequence[str]) -> Iterator[Looked | UnreadItem]:
        """Look at items through tiles."""
        class_ids = [number for number, name in enumerate(self.classes) if name in wanted]
        for each in segment(self.store, items, self.network, class_ids, self.options):
            if isinstance(each, Unseen):
                yield UnreadItem(item_id=each.name, reason=each.reason)
            else:
                scan = {
                    "proposals": len(each.objects),
                    "whole_frame": sum(_is_whole(each, one) and one.score >= SHOW_SCORE for one in each.objects),
                    "tiles": int((~each.regions.whole).sum()),
                    "embedding": None,
                }
                yield Looked(each.name, scan, [self._row(each, one) for one in each.objects])

    def _row(self, item: SeenItem, one: JoinedObject) -> dict[str, Any]:
        best = item.seen[one.parts[0]].view
        return {
            "item_id": item.name,
            "class_name": self.classes[one.class_id],
            "score": round(one.score, 5),
            **shape_columns(self.shaped(one.raster)),
            "view": item.regions.kind(best),
            "tile": None if item.regions.whole[best] else item.regions.name(best),
            "seam": len({item.seen[part].view for part in one.parts}) > 1,
            "merged_from": [_part(item, part, self.classes) for part in one.parts],
        }


def segment(
    store: Store,
    items: Sequence[StoredImage],
    network: "SegmentNetwork",
    class_ids: Sequence[int],
    options: TilingOptions,
) -> Iterator[SeenItem | Unseen]:
    """Look at items through the line's tiles, one after the other; pictures are decoded ahead."""
    with ThreadPoolExecutor(options.decode_threads) as readers:
        for source, pixels in read_ahead(stored_images(store, items), readers, options):
            yield pixels if isinstance(pixels, Unseen) else _see(source.name, pixels, network, class_ids, options)
            del pixels


def _see(
    name: str, pixels: Pixels, network: "SegmentNetwork", class_ids: Sequence[int], options: TilingOptions
) -> SeenItem:
    size_wh = pixels.shape[1], pixels.shape[0]
    regions = regions_of(size_wh, options.tile_px, options.overlap_share, options.whole_image, options.snug)
    seen: list[SeenObject] = []
    for number, view in enumerate(cut_views(pixels, regions, options.tile_px, snug=True, step_px=network.stride)):
        seen += network.see(view, number, class_ids, options.min_score)
    return SeenItem(name, regions, seen, join_objects(seen, regions, options))


def warm_network(store: Store, ref: DetectorRef) -> "SegmentNetwork":
    """Return the network that a reference names, its weights fetched from the store and checked by hash.

    Raises:
        BadWeights: The stored file is not the one that the reference names, or cannot be used.
        ObjectMissing: The store has no such weights.
    """
    path = fetch_weights(store, ref)
    with _lock:  # a second thread waits for the first one's network instead of loading its own
        return _warm(path, ref.version)


@lru_cache(maxsize=WARM_AT_MOST)
def _warm(path: Path, version: str) -> "SegmentNetwork":  # noqa: ARG001  (part of what it is kept by)
    from tasks.detect.segmenting.network import open_segment_network

    return open_segment_network(path)


def as_polygon(raster: Raster) -> Shape:
    """Return an object's outline with few corners."""
    return simplified(traced(raster))


def _is_whole(item: SeenItem, one: JoinedObject) -> bool:
    return all(item.regions.whole[item.seen[part].view] for part in one.parts)


def _part(item: SeenItem, place: int, names: Sequence[str]) -> dict[str, Any]:
    one = item.seen[place]
    box = [float(edge) for edge in (one.raster.left, one.raster.top, one.raster.right, one.raster.bottom)]
    return {
        "index": place,
        "view": item.regions.kind(one.view),
        "tile": None if item.regions.whole[one.view] else item.regions.name(one.view),
        "class_name": names[one.class_id],
        "score": round(one.score, 5),
        "box": box,
    }


POLYGON_SEGMENTS = SegmentProposer("polygon-segments", as_polygon)
MASK_SEGMENTS = SegmentProposer("mask-segments", mask_of)
