"""Bytes of pictures from outside, made ready for a model: no pixel is unpacked before the header is looked at."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from blocks.errors import ImageTooLarge, UnreadableImage
from tasks.detect.scoring.protocol import NotScored
from tasks.detect.tiling.read_ahead import ImageSource
from tasks.intake.images import Pixels, decode_upright, size_in_header

DECODERS = 2

QUICK_PIXELS = 4_000_000
"""Of all pictures together: so many are decoded sooner than threads have begun."""


def sources_of(pictures: Sequence[bytes], most_pixels: int) -> tuple[list[ImageSource], list[NotScored | None]]:
    """Return pictures to look at, each named by its number, and for each why it is none to look at, or None.

    Args:
        pictures: Bytes of files.
        most_pixels: Of one.
    """
    sources: list[ImageSource] = []
    refused: list[NotScored | None] = [None] * len(pictures)
    for number, data in enumerate(pictures):
        try:
            width, height = size_in_header(data)
        except (UnreadableImage, ImageTooLarge) as error:
            refused[number] = NotScored(str(error))
            continue
        if width * height > most_pixels:
            refused[number] = NotScored(
                f"{width}×{height} pixels: expected at most {most_pixels:,}. Make the picture smaller, or cut it"
            )
            continue
        sources.append(ImageSource(str(number), (width, height), partial(decode_upright, data)))
    return sources, refused


def fitted_pictures(
    pictures: Sequence[bytes], most_pixels: int, fit: Callable[[Pixels], Pixels]
) -> list[Pixels | NotScored]:
    """Return each picture as a model sees it, or why it cannot; of large ones no more than a few are held at once.

    Args:
        pictures: Bytes of files.
        most_pixels: Of one.
        fit: Makes of upright pixels what the model sees.
    """
    sources, refused = sources_of(pictures, most_pixels)
    fitted: list[Pixels | NotScored] = [one or NotScored("not looked at") for one in refused]
    read = partial(_fit, fit)
    if sum(width * height for width, height in (source.size_wh for source in sources)) <= QUICK_PIXELS:
        seen = list(map(read, sources))
    else:
        with ThreadPoolExecutor(DECODERS, thread_name_prefix="decode") as decoders:
            seen = list(decoders.map(read, sources))
    for source, one in zip(sources, seen, strict=True):
        fitted[int(source.name)] = one
    return fitted


def _fit(fit: Callable[[Pixels], Pixels], source: ImageSource) -> Pixels | NotScored:
    try:
        return fit(source.read())
    except (UnreadableImage, ImageTooLarge) as error:
        return NotScored(str(error))
    except MemoryError:
        return NotScored("this machine had no memory to decode it: make it smaller, or come again later")
