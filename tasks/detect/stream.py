"""One stream of tiles over many images: read ahead in threads, full batches across images, merged as they come back.

Three things happen at once: reader threads decode the next images, a thread for each lane of the detector runs the
network, and the caller's thread cuts and merges. What is held is bounded by pixels, not by images: the images read
ahead, a few batches, and the boxes of images whose last tile is still out.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from blocks.errors import BadInput, ObjectMissing
from tasks.detect.models import DROPPED, EMBEDDING, Detector
from tasks.detect.options import TilingOptions
from tasks.detect.seams import Merged, Seen, merge_views
from tasks.detect.tiles import Flags, Floats, Ints, Regions, regions_of
from tasks.detect.views import Placement, View, cut_views, squared
from tasks.intake.images import Pixels

BATCHES_WAITING = 2
"""Batches that wait for one of the detector's lanes while as many as there are lanes run, so that none idles."""

_LARGE_SHARE = 0.125
"""An image that takes more of the bound than this is let go of entirely before the next one is decoded."""


@dataclass(frozen=True, slots=True)
class Source:
    """An image to look at.

    Attributes:
        name: Whatever tells the caller which image it was.
        size_wh: Width and height in pixels that reading it will take, to bound what is read ahead.
        read: Returns its pixels; called once, in a reader thread.
    """

    name: str
    size_wh: tuple[int, int]
    read: Callable[[], Pixels]


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in one image.

    Attributes:
        name: Of its source.
        regions: What the views saw of it.
        seen: Every detection of the classes asked for.
        merged: One box per object.
        dropped: Detections that are no boxes (not finite, or without area) or of unknown class.
        embedding: Pooled features (d,) float32 of the whole image, where it was looked at as a whole.
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


@dataclass(frozen=True, slots=True)
class Unseen:
    """An image that could not be looked at, and why."""

    name: str
    reason: str


@dataclass(slots=True)
class _Image:
    """An image on its way: boxes collect here until no view is out any more."""

    name: str
    regions: Regions
    views_out: int
    dropped: int = 0
    seen: list[Seen] = field(default_factory=list)
    embedding: Any = None


_Ticket = tuple[_Image, int, View]
_Batch = tuple["Future[list[Any]]", list[tuple[_Image, int, Placement]]]


def find_objects(
    sources: Iterable[Source], detector: Detector, class_ids: Sequence[int], options: TilingOptions
) -> Iterator[Found | Unseen]:
    """Look at images through tiles, and yield each as soon as its last tile is back, in the order they came.

    Args:
        sources: The images; taken one by one as room for them comes free. May be endless.
        detector: What finds boxes; its `imgsz` is the side of a tile.
        class_ids: The detector's classes that are wanted; others are left out before boxes compete.
        options: Tiles, thresholds and how much runs at once.

    Yields:
        `Found`, or `Unseen` where an image cannot be read: one bad image never stops the rest.
    """
    wanted = np.zeros(len(detector.classes), dtype=np.bool_)
    wanted[list(class_ids)] = True
    waiting: deque[_Ticket] = deque()
    running: deque[_Batch] = deque()
    size = min(options.batch_size, detector.batch_size or options.batch_size)
    with ThreadPoolExecutor(options.decode_threads) as readers, ThreadPoolExecutor(detector.lanes) as network:
        for source, pixels in _read_ahead(sources, readers, options):
            if isinstance(pixels, Unseen):
                yield pixels
                continue
            waiting.extend(_tickets(source.name, pixels, detector, options))
            while len(waiting) >= size:
                running.append(_send(waiting, size, network, detector, options))
                while len(running) > detector.lanes + BATCHES_WAITING:
                    yield from _collect(running.popleft(), wanted, options)
            if pixels.size > _LARGE_SHARE * 3_000_000 * options.decoded_megapixels:
                _copy_pixels(waiting)
                while running:
                    yield from _collect(running.popleft(), wanted, options)
            del pixels  # the next image is decoded before this name is bound again
        while waiting or running:
            if waiting:
                running.append(_send(waiting, size, network, detector, options))
            yield from _collect(running.popleft(), wanted, options)


def _read_ahead(
    sources: Iterable[Source], readers: ThreadPoolExecutor, options: TilingOptions
) -> Iterator[tuple[Source, Pixels | Unseen]]:
    """Yield images in order while threads decode the next ones, within the bound on decoded pixels."""
    room = options.decoded_megapixels * 1_000_000
    coming = iter(sources)
    ahead: deque[tuple[Source, Future[Pixels | Unseen]]] = deque()
    following = next(coming, None)
    try:
        while following or ahead:
            while following and len(ahead) <= options.decode_threads:
                taken = sum(_pixels_of(source) for source, _ in ahead)
                if taken and taken + _pixels_of(following) > room:
                    break
                ahead.append((following, readers.submit(_read, following)))
                following = next(coming, None)
            source, image = ahead.popleft()
            pixels = image.result()
            del image  # a future keeps its result
            yield source, pixels
            del pixels
    finally:
        for _, unread in ahead:
            unread.cancel()


def _pixels_of(source: Source) -> int:
    return source.size_wh[0] * source.size_wh[1]


def _read(source: Source) -> Pixels | Unseen:
    try:
        return source.read()
    except (BadInput, ObjectMissing) as error:
        return Unseen(source.name, str(error))
    except MemoryError:
        width, height = source.size_wh
        return Unseen(
            source.name, f"{width}×{height} pixels do not fit this machine's memory: cut the image into parts"
        )


def _tickets(name: str, pixels: Pixels, detector: Detector, options: TilingOptions) -> list[_Ticket]:
    height, width = pixels.shape[:2]
    regions = regions_of((width, height), options.tile_px, options.overlap_share, options.whole_image)
    views = cut_views(pixels, regions, detector.imgsz)
    image = _Image(name, regions, views_out=len(views))
    return [(image, number, view) for number, view in enumerate(views)]


def _send(
    waiting: deque[_Ticket], size: int, network: ThreadPoolExecutor, detector: Detector, options: TilingOptions
) -> _Batch:
    tickets = [waiting.popleft() for _ in range(min(size, len(waiting)))]
    pictures = [squared(view.pixels, detector.imgsz) for _, _, view in tickets]
    places = [(image, number, view.placement) for image, number, view in tickets]
    return network.submit(detector.predict, pictures, options.min_score), places


def _copy_pixels(waiting: deque[_Ticket]) -> None:
    """Copy the few tiles of a large image that wait for the next batch, so that they do not keep all of it."""
    for place, (image, number, view) in enumerate(waiting):
        waiting[place] = (image, number, replace(view, pixels=view.pixels.copy()))


def _collect(batch: _Batch, wanted: Flags, options: TilingOptions) -> Iterator[Found]:
    future, places = batch
    for detections, (image, number, placement) in zip(future.result(), places, strict=True):
        scores = np.asarray(detections.confidence, dtype=np.float64).reshape(-1)
        class_ids = np.asarray(detections.class_id, dtype=np.int64).reshape(-1)
        boxes = placement.to_image(np.asarray(detections.xyxy, dtype=np.float64).reshape(-1, 4))
        usable = _are_boxes(boxes, scores, class_ids, len(wanted))
        image.dropped += int((~usable).sum()) + int(detections.metadata.get(DROPPED, 0))
        usable[usable] &= wanted[class_ids[usable]]
        count = int(usable.sum())
        image.seen.append(Seen(boxes[usable], scores[usable], class_ids[usable], np.full(count, number, np.int64)))
        if image.regions.whole[number]:
            image.embedding = detections.metadata.get(EMBEDDING)
        image.views_out -= 1
        if image.views_out == 0:
            yield _finish(image, options)


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
