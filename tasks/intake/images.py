"""Image bytes to pixels, always the same way: upright, three channels, eight bits, whole or refused.

Every station reads pictures through this file, so boxes, crops and what people see agree to the pixel. The rules:

- EXIF orientation is applied. Grey and palette become three channels, CMYK becomes RGB.
- Transparency lies on white. A fourth band of a TIFF is transparency only where the file says so; else (near infrared)
  it is left out.
- More than eight bits and floats become eight by the rule of `decoding/stretch.py`.
- Of an animation the first frame is taken, of several pages the first.
- A JPEG that lacks nothing but its end mark is whole, as in browsers. Whatever else lacks bytes is refused.

What was done to a picture is in its facts as `notes`, and intake counts them. How much memory decoding may take, and
that large pictures are decoded one at a time, is in `decoding/budget.py`; a picture is built strip by strip, so that
besides the decoder's own copy there is only the result.
"""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
from PIL import Image

from blocks.errors import ImageTooLarge, UnreadableImage
from blocks.storage.outside_files import open_regular
from blocks.storage.stores import Store
from tasks.intake.decoding.budget import DECODING, trim_after
from tasks.intake.decoding.headers import DEEP_MODES, Header, parse_header, read_header
from tasks.intake.decoding.stretch import Stretch
from tasks.intake.decoding.strips import Pixels, decode, deep_stretch, deep_values, load, stretch_of_image
from tasks.intake.near_duplicates.fingerprints import fingerprint_of_picture

T = TypeVar("T")

__all__ = [
    "MAX_FILE_BYTES",
    "ImageFacts",
    "Pixels",
    "decode_upright",
    "encode_jpeg",
    "inspect_image",
    "read_item",
    "size_in_header",
    "upright_size",
]

MAX_FILE_BYTES = 2**30
"""A file is held in memory while it is hashed, decoded and stored, so that all three see the same bytes."""

_HEAD_BYTES = 1 << 20
_HEAD_SUFFICES = (b"\xff\xd8", b"\x89PNG", b"GIF8", b"BM", b"P")
"""Formats whose size and orientation stand at the beginning; a TIFF's may stand anywhere."""

JPEG_MOST_PX = 65_500

FOURTH_BAND = "a fourth band that the file does not call transparency was left out"
MENDED = "JPEG without its end mark, otherwise whole"
STRETCHED = "more than 8 bits a value, stretched to 8 (see docs/pictures.md)"
DEEP = "more than 8 bits a value, their full range brought to 8"

_BROWSER_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "GIF")
_OPAQUE_8_BIT_MODES = ("1", "L", "P", "RGB")

_DECODER_ERRORS = (
    # What Pillow's and OpenCV's decoders raise on broken or hostile bytes, by their sources and by fuzzing.
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    cv2.error,
)


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What is known of an image after it was decoded once.

    Attributes:
        width: Pixels, upright.
        height: Pixels, upright.
        orientation: EXIF orientation of the stored bytes, 1 to 8.
        media_type: Such as image/jpeg.
        plain: A browser shows the stored bytes as `decode_upright` gives them.
        notes: What is not shown as it is stored, in words that are the same for all such pictures; mostly none.
        fingerprint: By which near-duplicates are found; None: it has more than 8 bits a value.
    """

    width: int
    height: int
    orientation: int
    media_type: str
    plain: bool
    notes: tuple[str, ...] = ()
    fingerprint: bytes | None = None


def decode_upright(data: bytes) -> Pixels:
    """Return the pixels of an image file as every station sees them, by the rules of this module.

    Args:
        data: The bytes of a JPEG, PNG, WebP, BMP, GIF, TIFF or PPM file.

    Returns:
        Shape (height, width, 3), uint8, channels blue, green, red.

    Raises:
        UnreadableImage: No image of a known format, or not whole.
        ImageTooLarge: More pixels, or more memory, than are taken.
    """
    return _in_turn(data, decode)


def inspect_image(data: bytes) -> ImageFacts:
    """Return the facts of an image file, after decoding it in full to know that it is whole.

    Raises:
        UnreadableImage: No image of a known format, or not whole.
        ImageTooLarge: More pixels, or more memory, than are taken.
    """
    return _in_turn(data, _facts_of)


def _in_turn(data: bytes, read: Callable[[bytes, Header], T]) -> T:
    """Read a file when there is memory for its pixels, and give that back at once."""
    try:
        header = read_header(data)
        with DECODING.room(header.peak_bytes):
            found = read(data, header)
            trim_after(header.peak_bytes)
    except _DECODER_ERRORS as error:
        raise _unreadable(data, error) from error
    return found


def upright_size(path: Path) -> tuple[int, int]:
    """Return width and height of an image file as it is seen upright, from its header.

    Raises:
        UnreadableImage: No file, or no image of a known format.
        ImageTooLarge: More pixels, or a longer side, than are taken.
    """
    with open_regular(path, UnreadableImage, MAX_FILE_BYTES) as file:
        data = file.read(_HEAD_BYTES)
        if len(data) == _HEAD_BYTES and not data.startswith(_HEAD_SUFFICES):
            data += file.read(MAX_FILE_BYTES)
    return size_in_header(data)


def size_in_header(data: bytes) -> tuple[int, int]:
    """Return width and height of an image file's bytes as it is seen upright, from its header.

    Raises:
        UnreadableImage: No image of a known format.
        ImageTooLarge: More pixels, or a longer side, than are taken.
    """
    try:
        header = parse_header(data)
    except _DECODER_ERRORS as error:
        raise _unreadable(data, error) from error
    return header.width, header.height


def encode_jpeg(image: Pixels, quality: int = 90) -> bytes:
    """Return pixels (height, width, 3; blue, green, red) as the bytes of a JPEG file.

    Raises:
        ImageTooLarge: A side is longer than 65,500 pixels, which JPEG cannot hold.
    """
    height, width = image.shape[:2]
    if max(height, width) > JPEG_MOST_PX:
        raise ImageTooLarge(f"{width}×{height} pixels do not fit a JPEG (65,500 a side): cut the image into parts")
    written, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not written:
        raise UnreadableImage(f"cannot encode an array of shape {image.shape} as JPEG")
    return data.tobytes()


def read_item(store: Store, key: str) -> Pixels:
    """Return the upright pixels of an item by its key in the store; see `decode_upright`."""
    try:
        return decode_upright(store.get(key))
    except (UnreadableImage, ImageTooLarge) as error:
        raise type(error)(f"{key}: {error}") from error


def _facts_of(data: bytes, header: Header) -> ImageFacts:
    notes = [f"of several {header.frames} the first is taken"] if header.frames else []
    if header.opaque:
        notes.append(FOURTH_BAND)
    if header.reader == "deep":
        stretch: Stretch | None = deep_stretch(deep_values(data, header), header)
        plain, fingerprint = False, None
    else:
        image, was_mended = load(data, draft=True)
        with image:
            notes += [MENDED] if was_mended else []
            stretch = stretch_of_image(image, header) if image.mode in DEEP_MODES else None
            plain = (
                header.kind in _BROWSER_FORMATS
                and image.mode in _OPAQUE_8_BIT_MODES
                and header.orientation == 1
                and "transparency" not in image.info
                and not header.frames
                and not (header.kind == "PNG" and data[24] > 8)
            )
            fingerprint = None if image.mode in DEEP_MODES else fingerprint_of_picture(image, header.orientation)
    if stretch:
        notes.append(STRETCHED if stretch.moved else DEEP)
    size_wh = header.width, header.height
    return ImageFacts(*size_wh, header.orientation, header.media_type, plain, tuple(notes), fingerprint)


def _unreadable(data: bytes, error: Exception) -> UnreadableImage:
    return UnreadableImage(f"broken or truncated image ({len(data):,} bytes): {error}")
