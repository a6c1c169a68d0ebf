"""One stream of tiles over many images: read ahead in threads, full batches across images, merged as they come back.

Three things happen at once: reader threads decode the next images, a thread for each lane of the detector runs the
network, and the caller's thread cuts and merges. What is held is bounded by pixels, not by images: the images read
ahead, a few batches, and the boxes of images whose last tile is still out.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from blocks.errors import BadOption
from tasks.detect.detector import DROPPED, EMBEDDING, Detector
from tasks.detect.options import TilingOptions
from tasks.detect.tiling.read_ahead import ImageSource, Unseen, read_ahead
from tasks.detect.tiling.seams import Merged, Seen, merge_views
from tasks.detect.tiling.tiles import Flags, Floats, Ints, Regions, regions_of, round_up
from tasks.detect.tiling.views import Placement, View, cut_views, rounded_up
from tasks.intake.images import Pixels

__all__ = ["Found", "ImageSource", "Unseen", "find_objects"]

BATCHES_WAITING = 2
"""Batches that wait for one of the detector's lanes while as many as there are lanes run, so that none idles."""

BATCHES_FILLING = 4
"""Batches that fill at once, one for each size of picture; with more waiting, the one begun first goes half full."""

_LARGE_SHARE = 0.125
"""An image that takes more of the bound than this is let go of entirely before the next one is decoded."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in one image.

    Attributes:
        name: Of its source.
        regions: What the views saw of it.
        seen: Every detection of the classes asked for.
        merged: One box per object.
        dropped: Detections that are no boxes (not finite, or without area) or of unknown class.
        embedding: Pooled features (d,) float32 of the whole image, where one view showed all of it.
    """

    name: str
    regions: Regions
    seen: Seen
    merged: Merged
    dropped: int
    embedding: Any = None

    def seen_whole(self, least_score: float) -> int:
        """Count what the whole-image pass alone found with at least this score."""
        whole = self.regions.whole[self.seen.views]
        return int((whole & (self.seen.scores >= least_score)).sum())


@dataclass(slots=True)
class _Image:
    """An image on its way: boxes collect here until no view is out any more."""

    name: str
    regions: Regions
    views_out: int
    dropped: int = 0
    seen: list[Seen] = field(default_factory=list)
    embedding: Any = None


_Size = tuple[int, ...]
_Ticket = tuple[_Image, int, View]
_Batch = tuple["Future[list[Any]]", list[tuple[_Image, int, Placement]]]


def find_objects(
    sources: Iterable[ImageSource], detector: Detector, class_ids: Sequence[int], options: TilingOptions
) -> Iterator[Found | Unseen]:
    """Look at images through tiles, and yield each as soon as its last tile is back.

    Images come back as they are done: one with less to look at, or of a rarer size, may overtake or lag behind.

    Args:
        sources: The images; taken one by one as room for them comes free. May be endless.
        detector: What finds boxes; its `imgsz` is the side of a tile.
        class_ids: The detector's classes that are wanted; others are left out before boxes compete.
        options: Tiles, thresholds and how much runs at once.

    Yields:
        `Found`, or `Unseen` where an image cannot be read: one bad image never stops the rest.

    Raises:
        BadOption: The detector's network sees only pictures smaller than a tile, or than joined tiles.
    """
    if options.tile_px > detector.imgsz:
        raise BadOption(
            f"tiles of {options.tile_px} px do not fit detector {detector.version}, whose network sees at most "
            f"{detector.imgsz} px: set tile_px to {detector.imgsz}"
        )
    if options.join > 1 and not detector.widens:
        raise BadOption(
            f"tiles cannot be joined for detector {detector.version}, whose network sees no picture larger than "
            f"{detector.imgsz} px as it runs here: set join to 1, or choose a back end and weights that see any size"
        )
    with ThreadPoolExecutor(options.decode_threads) as readers, ThreadPoolExecutor(detector.lanes) as network:
        belt = _Belt(network, detector, class_ids, options)
        for source, pixels in read_ahead(sources, readers, options):
            if isinstance(pixels, Unseen):
                yield pixels
                continue
            belt.load(source.name, pixels)
            yield from belt.run_full_batches()
            if pixels.size > _LARGE_SHARE * 3_000_000 * options.decoded_megapixels:
                yield from belt.let_go_of_pixels()
            del pixels  # the next image is decoded before this name is bound again
        yield from belt.run_out()


class _Belt:
    """Tiles on their way through the network: those that wait for a full batch, and batches that are out."""

    def __init__(
        self, network: ThreadPoolExecutor, detector: Detector, class_ids: Sequence[int], options: TilingOptions
    ) -> None:
        self.network, self.detector, self.options = network, detector, options
        self.size = min(options.batch_size, detector.batch_size or options.batch_size)
        self.class_ids = list(class_ids)
        self.wanted = np.zeros(len(detector.classes), dtype=np.bool_)
        self.wanted[self.class_ids] = True
        # By size of picture, in the order in which they were begun.
        self.waiting: OrderedDict[_Size, deque[_Ticket]] = OrderedDict()
        self.running: deque[_Batch] = deque()

    def load(self, name: str, pixels: Pixels) -> None:
        """Cut an image and put its views on the belt."""
        height, width = pixels.shape[:2]
        options = self.options
        regions = regions_of(
            (width, height), options.tile_px, options.overlap_share, options.whole_image, options.snug, options.join
        )
        views = list(cut_views(pixels, regions, self.detector.imgsz, True, self.detector.stride))
        image = _Image(name, regions, views_out=len(views))
        for number, view in enumerate(views):
            self._wait((image, number, view))

    def run_full_batches(self) -> Iterator[Found]:
        """Hand on every batch that is full, and yield what is done once enough batches are out."""
        while (size := self._next_size()) is not None:
            self._send(size)
            while len(self.running) > self.detector.lanes + BATCHES_WAITING:
                yield from self._collect(self.running.popleft())

    def run_out(self) -> Iterator[Found]:
        """Hand on all that waits, full or not, until nothing is out."""
        while self.waiting or self.running:
            while self.waiting and len(self.running) <= self.detector.lanes + BATCHES_WAITING:
                self._send(self._next_size() or next(iter(self.waiting)))
            yield from self._collect(self.running.popleft())

    def let_go_of_pixels(self) -> Iterator[Found]:
        """Hold no more of a large image than copies of the few tiles that wait for the next batch."""
        while self.running:
            yield from self._collect(self.running.popleft())
            yield from self.run_full_batches()
        for tickets in self.waiting.values():
            for place, (image, number, view) in enumerate(tickets):
                tickets[place] = (image, number, replace(view, pixels=view.pixels.copy()))

    def _wait(self, ticket: _Ticket) -> None:
        height, width = ticket[2].pixels.shape[:2]
        self.waiting.setdefault(
            (round_up(height, self.detector.stride), round_up(width, self.detector.stride)), deque()
        ).append(ticket)

    def _next_size(self) -> _Size | None:
        """Return a size of which a batch is full; or, where too many batches are filling, the one begun first."""
        full = next((size for size, tickets in self.waiting.items() if len(tickets) >= self._batch_of(size)), None)
        return full or (next(iter(self.waiting)) if len(self.waiting) > BATCHES_FILLING else None)

    def _batch_of(self, size: _Size) -> int:
        """Return how many pictures of a size make a batch: of joined tiles fewer, so that it takes as much memory."""
        return max(1, min(self.size, self.size * self.options.tile_px**2 // (size[0] * size[1])))

    def _send(self, size: _Size) -> None:
        waiting = self.waiting[size]
        tickets = [waiting.popleft() for _ in range(min(self._batch_of(size), len(waiting)))]
        del self.waiting[size]
        if waiting:
            self.waiting[size] = waiting  # begun anew: behind the others
        pictures = [rounded_up(view.pixels, self.detector.stride) for _, _, view in tickets]
        places = [(image, number, view.placement) for image, number, view in tickets]
        found = self.network.submit(
            self.detector.predict, pictures, self.options.min_score, fitted=True, class_ids=self.class_ids
        )
        self.running.append((found, places))

    def _collect(self, batch: _Batch) -> Iterator[Found]:
        future, places = batch
        for detections, (image, number, placement) in zip(future.result(), places, strict=True):
            seen, dropped = _seen(detections, placement, number, len(self.wanted))
            image.dropped += dropped
            image.views_out -= 1
            if image.regions.whole[number] or len(image.regions.whole) == 1:
                image.embedding = detections.metadata.get(EMBEDDING)
            kept = self.wanted[seen.class_ids] & (seen.scores >= self.options.min_score)
            image.seen.append(seen[np.flatnonzero(kept)])
            if image.views_out == 0:
                yield _finish(image, self.options)


def _seen(detections: Any, placement: Placement, number: int, classes: int) -> tuple[Seen, int]:
    """Return what a view reported in pixels of the image, and how many of it were no boxes or of no known class."""
    scores = np.asarray(detections.confidence, dtype=np.float64).reshape(-1)
    class_ids = np.asarray(detections.class_id, dtype=np.int64).reshape(-1)
    boxes = placement.to_image(np.asarray(detections.xyxy, dtype=np.float64).reshape(-1, 4))
    usable = _are_boxes(boxes, scores, class_ids, classes)
    dropped = int((~usable).sum()) + int(detections.metadata.get(DROPPED, 0))
    views = np.full(int(usable.sum()), number, dtype=np.int64)
    return Seen(boxes[usable], scores[usable], class_ids[usable], views), dropped


def _are_boxes(boxes: Floats, scores: Floats, class_ids: Ints, classes: int) -> Flags:
    usable: Flags = np.isfinite(boxes).all(axis=1) & np.isfinite(scores)
    usable &= (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    usable &= (class_ids >= 0) & (class_ids < classes)
    return usable


def _finish(image: _Image, options: TilingOptions) -> Found:
    seen = Seen(
        boxes_xyxy_px=np.concatenate([part.boxes_xyxy_px for part in image.seen]),
        scores=np.concatenate([part.scores for part in image.seen]),
        class_ids=np.concatenate([part.class_ids for part in image.seen]),
        views=np.concatenate([part.views for part in image.seen]),
    )
    merged = merge_views(seen, image.regions, options)
    return Found(image.name, image.regions, seen, merged, image.dropped, image.embedding)
