"""Words inside pictures: what each box is called, and a legend whose colours are those that were drawn.

Inside, because an artifact is shown on a dark page or on a light one, and its text cannot be coloured.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

Pixels = npt.NDArray[np.uint8]
Bgr = tuple[int, int, int]

TAG_PX, LEGEND_PX = 11, 14
"""Height of the letters."""

PAPER, INK = (255, 255, 255), (32, 32, 32)
STRIP_PX = 30


def write_tags(image: Pixels, tags: Sequence[tuple[tuple[int, int], str, Bgr]]) -> Pixels:
    """Write names above boxes, each on the colour of its box; a name that would cover another one is left out.

    Args:
        image: BGR.
        tags: Left top corner of a box in pixels of the image, its name, its colour as BGR. May be empty.
    """
    from PIL import Image, ImageDraw

    if not tags:
        return image
    picture = Image.fromarray(image[:, :, ::-1])
    pen, font = ImageDraw.Draw(picture), _font(TAG_PX)
    written: list[tuple[float, float, float, float]] = []
    for (x, y), name, colour in tags:
        wide, high = pen.textlength(name, font) + 4, TAG_PX + 4
        left = min(max(0, x), max(0, picture.width - wide))
        top = y - high if y >= high else y
        place = (left, top, left + wide, top + high)
        if not any(_touch(place, other) for other in written):
            pen.rectangle(place, fill=colour[::-1])
            pen.text((left + 2, top + 1), name, fill=_ink_on(colour), font=font)
            written.append(place)
    return np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])


def add_legend(image: Pixels, entries: Sequence[tuple[str, Bgr]]) -> Pixels:
    """Return an image with a white strip under it: a patch of each colour, and what it stands for.

    Args:
        image: BGR.
        entries: Words and their colour as BGR, from left to right; what does not fit goes onto the next line.
    """
    from PIL import Image, ImageDraw

    font, width = _font(LEGEND_PX), image.shape[1]
    places: list[tuple[int, int]] = []
    x = y = 0
    for words, _ in entries:
        wide = round(font.getlength(words)) + 2 * LEGEND_PX + 12
        if x and x + wide > width:
            x, y = 0, y + STRIP_PX
        places.append((x, y))
        x += wide
    strip = Image.new("RGB", (width, y + STRIP_PX if entries else 0), PAPER)
    pen = ImageDraw.Draw(strip)
    for (left, top), (words, colour) in zip(places, entries, strict=True):
        edge = (STRIP_PX - LEGEND_PX) // 2
        patch = (left + 6, top + edge, left + 6 + LEGEND_PX, top + edge + LEGEND_PX)
        pen.rectangle(patch, fill=colour[::-1])
        pen.text((patch[2] + 6, top + edge - 2), words, fill=INK, font=font)
    return np.concatenate([image, np.asarray(strip)[:, :, ::-1]])


def _touch(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _ink_on(colour: Bgr) -> tuple[int, int, int]:
    blue, green, red = colour
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else PAPER


@cache
def _font(size: int) -> "FreeTypeFont":
    """DejaVu Sans, which matplotlib brings along: letters of most of Europe's languages."""
    from matplotlib.font_manager import findfont
    from PIL import ImageFont

    return ImageFont.truetype(findfont("DejaVu Sans"), size)
