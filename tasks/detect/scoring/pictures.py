"""Bytes of pictures from outside, to be read ahead of a model: no pixel is unpacked before the header is looked at."""

from collections.abc import Sequence
from functools import partial

from blocks.errors import ImageTooLarge, UnreadableImage
from tasks.detect.scoring.protocol import NotScored
from tasks.detect.tiling.read_ahead import ImageSource
from tasks.intake.images import decode_upright, size_in_header


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
