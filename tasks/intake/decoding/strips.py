"""An image file's pixels, strip by strip: besides the decoder's own copy there is only the result, and no second one.

Pillow decodes most of it. OpenCV decodes colours of more than eight bits, of which Pillow keeps the upper eight, and
large JPEGs, for which it takes less than half of the memory.
"""

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from blocks.errors import UnreadableImage
from tasks.intake.decoding.headers import DEEP_MODES, Header, open_image
from tasks.intake.decoding.jpeg import mended
from tasks.intake.decoding.stretch import SAMPLE, Stretch, stretch_of

Pixels = npt.NDArray[np.uint8]
"""Shape (height, width, 3), uint8, blue green red, upright."""

STRIP_PIXELS = 1_000_000
"""So many are brought to three channels at a time."""


def decode(data: bytes, header: Header) -> Pixels:
    """Return a file's pixels upright; raises what the libraries raise."""
    if header.reader == "jpeg":
        found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        if found is None:
            raise UnreadableImage(f"broken or truncated image ({len(data):,} bytes): OpenCV cannot decode it")
        upright = lying_view(found, _BACK.get(header.orientation, 1))
        return np.ascontiguousarray(upright, dtype=np.uint8)
    result = np.empty((header.height, header.width, 3), dtype=np.uint8)
    lying = lying_view(result, 1 if header.turned else header.orientation)
    top = 0
    for strip in _deep_strips(data, header) if header.reader == "deep" else _strips(data, header):
        lying[top : top + len(strip)] = strip
        top += len(strip)
    return result


_BACK = {6: 8, 8: 6}
"""Turning back is turning the other way; all other orientations undo themselves."""


def lying_view(upright: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Return an upright picture as a camera held that way stores it, as a view: writing into it turns what is written.

    Args:
        upright: Shape (height, width, channels).
        orientation: As in EXIF, 1 to 8.
    """
    turns: dict[int, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {
        2: lambda each: each[:, ::-1],
        3: lambda each: each[::-1, ::-1],
        4: lambda each: each[::-1],
        5: lambda each: each.transpose(1, 0, 2),
        6: lambda each: np.rot90(each, 1),
        7: lambda each: each[::-1, ::-1].transpose(1, 0, 2),
        8: lambda each: np.rot90(each, -1),
    }
    return turns[orientation](upright) if orientation in turns else upright


def _strips(data: bytes, header: Header) -> Iterator[Pixels]:
    """Yield what Pillow decodes, as blue green red, from the top."""
    image, _ = load(data)
    with image:
        stretch = stretch_of_image(image, header) if image.mode in DEEP_MODES else None
        rows = max(1, STRIP_PIXELS // image.width)
        for top in range(0, image.height, rows):
            strip = image.crop((0, top, image.width, min(top + rows, image.height)))
            if stretch:
                yield np.asarray(cv2.cvtColor(stretch(np.asarray(strip)), cv2.COLOR_GRAY2BGR), dtype=np.uint8)
            else:
                yield _bgr_of(strip, header)


def _bgr_of(strip: Image.Image, header: Header) -> Pixels:
    if ("A" in strip.mode or "a" in strip.mode or "transparency" in strip.info) and not header.opaque:
        white = Image.new("RGBA", strip.size, "white")
        strip = Image.alpha_composite(white, strip.convert("RGBA"))
    rgb = np.asarray(strip if strip.mode == "RGB" else strip.convert("RGB"))
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), dtype=np.uint8)


def stretch_of_image(image: Image.Image, header: Header) -> Stretch:
    """Return how an image of one deep channel, as Pillow has loaded it, becomes eight bits."""
    step = max(1, image.width * image.height // SAMPLE)
    rows = [np.asarray(image.crop((0, row, image.width, row + 1))) for row in range(0, image.height, step)]
    return stretch_of(np.concatenate(rows), header.no_data)


def _deep_strips(data: bytes, header: Header) -> Iterator[Pixels]:
    """Yield what OpenCV decodes of more than eight bits a channel, as blue green red, from the top."""
    values = deep_values(data, header)
    stretch = deep_stretch(values, header)
    rows = max(1, STRIP_PIXELS // values.shape[1])
    for top in range(0, len(values), rows):
        strip = values[top : top + rows]
        shown = stretch(strip[..., :3])
        if shown.shape[2] == 1:
            shown = np.repeat(shown, 3, axis=2)
        if strip.shape[2] == 4 and not header.opaque:
            full = float(np.iinfo(strip.dtype).max) if strip.dtype.kind == "u" else 1.0
            alpha = np.clip(strip[..., 3:].astype(np.float32) / full, 0, 1)
            shown = (shown * alpha + 255 * (1 - alpha)).astype(np.uint8)
        yield shown


def deep_stretch(values: npt.NDArray[Any], header: Header) -> Stretch:
    """Return how deep colours become eight bits."""
    step = max(1, values.shape[0] * values.shape[1] // SAMPLE)
    return stretch_of(values[::step, :, :3], header.no_data)


def deep_values(data: bytes, header: Header) -> npt.NDArray[Any]:
    """Return the values (height, width, channels) that OpenCV reads: blue green red, as deep as they are stored."""
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    as_upright = header.turned or header.orientation < 5
    size = (header.height, header.width) if as_upright else (header.width, header.height)
    if values is None or values.shape[:2] != size:
        raise UnreadableImage(
            f"broken or truncated image ({len(data):,} bytes): OpenCV cannot decode this {header.kind}"
        )
    deep: npt.NDArray[Any] = values[..., None] if values.ndim == 2 else values
    return deep


def load(data: bytes, *, draft: bool = False) -> tuple[Image.Image, bool]:
    """Return an image with its pixels read, and whether the end of its file had to be mended."""
    image = open_image(data)
    try:
        if draft:
            # Reads the whole stream but builds an eighth of the size, where the format can (JPEG): a third of the time.
            image.draft(None, (1, 1))
        image.load()
    except OSError:
        image.close()
        whole = mended(data)
        if whole is None:
            raise
        image = open_image(whole)
        image.load()
        return image, True
    return image, False
