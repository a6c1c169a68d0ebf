"""Images read ahead of the detector, in threads, within a bound on pixels and not on images."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from blocks.errors import BadInput, ObjectMissing
from tasks.detect.options import TilingOptions
from tasks.intake.images import Pixels


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
class Unseen:
    """An image that could not be looked at, and why."""

    name: str
    reason: str


def read_ahead(
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
