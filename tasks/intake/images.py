"""Image bytes to pixels, always the same way: upright, three channels, eight bits, whole or refused.

Every station reads pictures through this file, so boxes, crops and what people see agree to the pixel.
"""

import io
import struct
import threading
import zlib
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from blocks.errors import ImageTooLarge, UnreadableImage
from blocks.stores import Store

MAX_PIXELS = 400_000_000
"""More than the largest camera makes (150 MP); a header may claim what it likes."""

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
"""What is tried on outside bytes. Pillow knows forty more, some of which start other programs."""

Pixels = npt.NDArray[np.uint8]
"""Shape (height, width, 3), uint8, blue green red, upright."""

LARGE_PIXELS = 50_000_000
_one_large_image = threading.Lock()
"""Held while a large image is decoded: four threads with 400 MP each would need 6 GB."""

_ORIENTATION_TAG = 0x0112
_BROWSER_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "GIF")
_OPAQUE_8_BIT_MODES = ("1", "L", "P", "RGB")
_GREY_16_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N")

_DECODER_ERRORS = (
    # What Pillow's decoders raise on broken or hostile bytes, by their sources and by fuzzing.
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
    """

    width: int
    height: int
    orientation: int
    media_type: str
    plain: bool


def decode_upright(data: bytes) -> Pixels:
    """Return the pixels of an image file as every station sees them.

    EXIF orientation is applied, grey and palette become three channels, CMYK becomes RGB, 16 bits are scaled to 8 over
    their full range, transparency lies on white, and of an animation the first frame is taken.

    Args:
        data: The bytes of a JPEG, PNG, WebP, BMP, GIF, TIFF or PPM file.

    Returns:
        Shape (height, width, 3), uint8, channels blue, green, red.

    Raises:
        UnreadableImage: No image of a known format, or not whole.
        ImageTooLarge: More than `MAX_PIXELS`.
    """
    try:
        with _open(data) as image:
            _load(image)
            upright = ImageOps.exif_transpose(image) if _orientation_of(image) != 1 else image
            rgb = _to_rgb(upright)
    except _DECODER_ERRORS as error:
        raise _unreadable(data, error) from error
    return np.ascontiguousarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), dtype=np.uint8)


def inspect_image(data: bytes) -> ImageFacts:
    """Return the facts of an image file, after decoding it in full to know that it is whole.

    Raises:
        UnreadableImage: No image of a known format, or not whole.
        ImageTooLarge: More than `MAX_PIXELS`.
    """
    try:
        with _open(data) as image:
            facts = _facts_of(image, data)
            # Reads the whole stream but builds an eighth of the size, where the format can (JPEG): a third of the time.
            image.draft(None, (1, 1))
            _load(image)
    except _DECODER_ERRORS as error:
        raise _unreadable(data, error) from error
    return facts


def encode_jpeg(image: Pixels, quality: int = 90) -> bytes:
    """Return pixels (height, width, 3; blue, green, red) as the bytes of a JPEG file.

    Raises:
        ImageTooLarge: A side is longer than 65,500 pixels, which JPEG cannot hold.
    """
    height, width = image.shape[:2]
    if max(height, width) > 65_500:
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


def _open(data: bytes) -> Image.Image:
    if not data:
        raise UnreadableImage("the file is empty")
    Image.MAX_IMAGE_PIXELS = None  # our own limit, below, is an error and not a warning
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    if image.width * image.height > MAX_PIXELS:
        raise ImageTooLarge(
            f"{image.width}×{image.height} pixels are more than the {MAX_PIXELS:,} that are decoded: cut it into parts"
        )
    return image


def _load(image: Image.Image) -> None:
    if image.width * image.height > LARGE_PIXELS:
        with _one_large_image:
            image.load()
    else:
        image.load()


def _unreadable(data: bytes, error: Exception) -> UnreadableImage:
    if isinstance(error, UnidentifiedImageError):
        start = data[:8].hex(" ")
        return UnreadableImage(f"not an image of a known format ({', '.join(FORMATS)}): it begins with {start}")
    return UnreadableImage(f"broken or truncated image ({len(data):,} bytes): {error}")


def _orientation_of(image: Image.Image) -> int:
    orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    return orientation if orientation in range(1, 9) else 1


def _facts_of(image: Image.Image, data: bytes) -> ImageFacts:
    orientation = _orientation_of(image)
    kind = image.format or ""
    lying = orientation >= 5 and kind != "TIFF"  # Pillow turns TIFF by itself
    width, height = image.size[::-1] if lying else image.size
    deep = kind == "PNG" and data[24] > 8  # bits a channel, in the header's fixed place
    moves = kind != "MPO" and getattr(image, "is_animated", False)  # a phone's MPO is a JPEG with a second view behind
    plain = (
        kind in _BROWSER_FORMATS
        and image.mode in _OPAQUE_8_BIT_MODES
        and not deep
        and orientation == 1
        and "transparency" not in image.info
        and not moves
    )
    media_type = "image/jpeg" if kind == "MPO" else Image.MIME.get(kind, "application/octet-stream")
    return ImageFacts(width, height, orientation, media_type, plain)


def _to_rgb(image: Image.Image) -> Pixels:
    if image.mode in _GREY_16_BIT_MODES:
        wide = np.asarray(image).astype(np.uint16)
        return cv2.cvtColor((wide >> 8).astype(np.uint8), cv2.COLOR_GRAY2RGB)  # type: ignore[no-any-return]
    if image.mode in ("I", "F"):
        return cv2.cvtColor(_stretched(np.asarray(image)), cv2.COLOR_GRAY2RGB)  # type: ignore[no-any-return]
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _stretched(values: npt.NDArray[np.generic]) -> Pixels:
    """Bring 32-bit values, whose range is nowhere stated, to 0..255 from their smallest to their largest."""
    finite = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    if low >= 0 and high <= 255:
        return finite.astype(np.uint8)
    return ((finite - low) * (255.0 / max(high - low, 1e-12))).astype(np.uint8)
