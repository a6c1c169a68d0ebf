"""Images read ahead of the detector, in threads, within a bound on pixels and not on images.

Memory is taken for an image before it is read, from the budget that all of this process's pictures share, and given
back when its caller asks for the next one: several shards in one process never hold two of the largest at once. It is
waited for only by a caller that holds none, so no two can wait for each other.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from blocks.errors import BadInput, ObjectMissing
from blocks.storage.stores import Store
from tasks.detect.options import TilingOptions
from tasks.intake.decoding.budget import DECODING, widest_bytes
from tasks.intake.images import Pixels, read_item


@dataclass(frozen=True, slots=True)
class ImageSource:
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
class Unseen:
    """An image that could not be looked at, and why."""

    name: str
    reason: str


class StoredImage(Protocol):
    """What is known of an image in the store: a row of the catalogue, or an item of a manifest."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def key(self) -> str:
        """Where it is."""

    @property
    def width(self) -> int:
        """In pixels."""

    @property
    def height(self) -> int:
        """In pixels."""


def stored_images(store: Store, items: Iterable[StoredImage]) -> Iterator[ImageSource]:
    """Yield items as images to look at, each read from the store when its turn comes; named by their ids."""
    for item in items:
        yield ImageSource(item.id, (item.width, item.height), partial(read_item, store, item.key))


def read_ahead(
    sources: Iterable[ImageSource], readers: ThreadPoolExecutor, options: TilingOptions
) -> Iterator[tuple[ImageSource, Pixels | Unseen]]:
    """Yield images in order while threads decode the next ones, within the bound on decoded pixels."""
    room = options.decoded_megapixels * 1_000_000
    coming = iter(sources)
    ahead: deque[tuple[ImageSource, Future[Pixels | Unseen], _Lease]] = deque()
    following = next(coming, None)
    try:
        while following or ahead:
            while following and len(ahead) <= options.decode_threads:
                taken = sum(_pixels_of(source) for source, _, _ in ahead)
                if taken and taken + _pixels_of(following) > room:
                    break
                lease = _take(following, waits=not ahead)
                if lease is None:
                    break
                ahead.append((following, readers.submit(_read, following), lease))
                following = next(coming, None)
            source, image, lease = ahead.popleft()
            try:
                pixels = image.result()
                del image  # a future keeps its result
                lease.keep(0 if isinstance(pixels, Unseen) else pixels.nbytes)
                yield source, pixels
                del pixels
            finally:
                lease.keep(0)
    finally:
        for _, unread, lease in ahead:
            if not unread.cancel():
                wait([unread])
            lease.keep(0)


@dataclass(slots=True)
class _Lease:
    """Memory that was taken for one image."""

    held: int

    def keep(self, count: int) -> None:
        """Give back what is above so many bytes."""
        DECODING.give_back(max(0, self.held - count))
        self.held = min(self.held, count)


def _take(source: ImageSource, *, waits: bool) -> _Lease | None:
    count = widest_bytes(*source.size_wh)
    taken = DECODING.take(count) if waits else DECODING.try_take(count)
    return None if taken is None else _Lease(taken)


def _pixels_of(source: ImageSource) -> int:
    return source.size_wh[0] * source.size_wh[1]


def _read(source: ImageSource) -> Pixels | Unseen:
    try:
        with DECODING.covered():  # the caller has taken it
            return source.read()
    except (BadInput, ObjectMissing) as error:
        return Unseen(source.name, str(error))
    except MemoryError:
        width, height = source.size_wh
        return Unseen(
            source.name, f"{width}×{height} pixels do not fit this machine's memory: cut the image into parts"
        )
