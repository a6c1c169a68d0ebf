"""What an image file says of itself before its pixels are unpacked: size, kind, and what decoding it will take.

Memory is taken by this, so its numbers are upper bounds; a test measures them against real files.
"""

import io
from dataclasses import dataclass
from typing import Literal

from PIL import Image, UnidentifiedImageError

from blocks.errors import ImageTooLarge, UnreadableImage
from tasks.intake.decoding.budget import DECODE_BYTES, WIDEST_PIXEL_BYTES
from tasks.intake.decoding.jpeg import coefficient_bytes, has_end
from tasks.intake.decoding.tiff import TiffFacts, read_tiff

MAX_PIXELS = 400_000_000
"""More than the largest camera makes (150 MP); a header may claim what it likes."""

MAX_SIDE_PX = 32_767
"""The longest side that browsers show (Firefox; a JPEG holds 65,500): what nobody can look at is not taken."""

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
"""What is tried on outside bytes. Pillow knows forty more, some of which start other programs."""

LARGE_PIXELS = 50_000_000
"""From here on a JPEG is decoded by OpenCV: three bytes a pixel where Pillow takes seven."""

DEEP_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
"""Pillow's names of one channel of more than eight bits."""

_ORIENTATION_TAG = 0x0112
_STORED_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
_RESULT_BYTES = 3
_PNG_DEEP_COLOURS = {2: 3, 6: 4}
"""Channels, by the header's colour type."""


@dataclass(frozen=True, slots=True)
class Header:
    """What is known of an image file from its header.

    Attributes:
        width: Pixels, upright.
        height: Pixels, upright.
        orientation: EXIF orientation of the stored bytes, 1 to 8.
        kind: Pillow's name of the format, such as JPEG.
        mode: Pillow's name of how a pixel is stored, such as RGB; empty where only OpenCV reads it.
        reader: What decodes it; `deep` is OpenCV for colours of more than eight bits.
        channels: How many of them, for `deep`.
        peak_bytes: What decoding it takes at most, its file included.
        media_type: Such as image/jpeg.
        opaque: A fourth band is a colour that we leave out, not transparency.
        no_data: The value that stands for none; None without.
        frames: Says that there are several: "pages" or "frames"; empty for one.
        turned: Its orientation is applied by the library that decodes it.
    """

    width: int
    height: int
    orientation: int
    kind: str
    mode: str
    reader: Literal["pillow", "jpeg", "deep"]
    channels: int
    peak_bytes: int
    media_type: str
    opaque: bool = False
    no_data: float | None = None
    frames: str = ""
    turned: bool = False


def read_header(data: bytes) -> Header:
    """Return what an image file says of itself, if it can be decoded here.

    Raises:
        UnreadableImage: No image of a known format, or of a kind that is not read; the message says which.
        ImageTooLarge: More pixels or a longer side than are taken, or more memory than decoding may take.
    """
    header = parse_header(data)
    if header.peak_bytes > DECODE_BYTES:
        raise ImageTooLarge(
            f"{header.width}×{header.height} pixels of this {header.kind} ({header.mode or 'deep colour'}) take "
            f"{header.peak_bytes / 1e9:.1f} GB to decode, and {DECODE_BYTES / 1e9:g} GB are allowed: cut it into parts"
        )
    return header


def parse_header(data: bytes) -> Header:
    """Return what the first bytes of an image file say; how it is decoded and with what memory, only the whole file.

    Raises:
        UnreadableImage: No image of a known format, or of a kind that is not read; the message says which.
        ImageTooLarge: More pixels or a longer side than are taken.
    """
    if not data:
        raise UnreadableImage("the file is empty")
    return _of_deep_tiff(data) or _of_pillow(data)


def open_image(data: bytes) -> Image.Image:
    """Return an image file opened by Pillow, its pixels not yet read, its size checked."""
    Image.MAX_IMAGE_PIXELS = None  # our own limit, below, is an error and not a warning
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    check_size(*image.size)
    return image


def check_size(width: int, height: int) -> None:
    """Refuse a picture that is larger than any that is taken.

    Raises:
        ImageTooLarge: With what it has and what it may have.
    """
    if width * height > MAX_PIXELS:
        raise ImageTooLarge(
            f"{width}×{height} pixels are more than the {MAX_PIXELS:,} that are decoded: cut it into parts"
        )
    if max(width, height) > MAX_SIDE_PX:
        raise ImageTooLarge(
            f"{width}×{height} pixels: browsers show no side longer than {MAX_SIDE_PX:,} pixels: cut it into parts"
        )


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation of an opened image, 1 to 8."""
    # PNG's own `getexif` would unpack all pixels to see what comes behind them.
    orientation = Image.Image.getexif(image).get(_ORIENTATION_TAG, 1)
    return orientation if orientation in range(1, 9) else 1


def _of_pillow(data: bytes) -> Header:
    tiff = read_tiff(data)
    try:
        image = open_image(data)
    except UnidentifiedImageError as error:
        if tiff is not None:
            raise UnreadableImage(tiff.refusal()) from error
        start = data[:8].hex(" ")
        raise UnreadableImage(
            f"not an image of a known format ({', '.join(FORMATS)}): it begins with {start}"
        ) from error
    with image:
        kind, mode, orientation = image.format or "", image.mode, orientation_of(image)
        lying = image.size
        by_pillow = kind == "TIFF"  # Pillow, like OpenCV, turns TIFF by itself, and says the upright size
        width, height = lying[::-1] if orientation >= 5 and not by_pillow else lying
        pixels = width * height
        deep = _PNG_DEEP_COLOURS.get(data[25], 0) if kind == "PNG" and data[24] > 8 else 0
        reader: Literal["pillow", "jpeg", "deep"] = "deep" if deep else "pillow"
        if kind in ("JPEG", "MPO") and mode in ("L", "RGB") and pixels > LARGE_PIXELS and has_end(data):
            reader = "jpeg"
        return Header(
            width=width,
            height=height,
            orientation=orientation,
            kind=kind,
            mode=mode,
            reader=reader,
            channels=deep,
            peak_bytes=_peak_bytes(data, kind, mode, pixels, reader, deep, orientation, tiff),
            media_type="image/jpeg" if kind == "MPO" else Image.MIME.get(kind, "application/octet-stream"),
            opaque=tiff is not None and tiff.opaque,
            no_data=tiff.no_data if tiff else None,
            frames=_frames_of(image, kind, tiff),
            turned=by_pillow,
        )


def _of_deep_tiff(data: bytes) -> Header | None:
    """Return the header of a TIFF that OpenCV reads and Pillow does not, or only its upper eight bits; else None."""
    tiff = read_tiff(data)
    if tiff is None or not tiff.is_deep:
        return None
    check_size(tiff.width, tiff.height)
    turned = tiff.orientation >= 5
    width, height = (tiff.height, tiff.width) if turned else (tiff.width, tiff.height)
    copies = 1 if tiff.orientation == 1 else 2
    each = copies * tiff.channels * tiff.value_bytes + _RESULT_BYTES
    peak = width * height * each + tiff.strip_bytes + len(data)
    return Header(
        width=width,
        height=height,
        orientation=tiff.orientation,
        kind="TIFF",
        mode="",
        reader="deep",
        channels=tiff.channels,
        peak_bytes=peak,
        media_type="image/tiff",
        opaque=tiff.opaque,
        no_data=tiff.no_data,
        frames="pages" if tiff.has_pages else "",
        turned=True,
    )


def _peak_bytes(
    data: bytes, kind: str, mode: str, pixels: int, reader: str, channels: int, orientation: int, tiff: TiffFacts | None
) -> int:
    if kind == "WEBP":  # its decoder keeps two canvases and two copies
        return pixels * WIDEST_PIXEL_BYTES + len(data)
    if reader == "jpeg":
        turned = _RESULT_BYTES if orientation != 1 else 0
        return pixels * (_RESULT_BYTES + turned) + coefficient_bytes(data, pixels) + len(data)
    if reader == "deep":
        return pixels * (4 * channels + _RESULT_BYTES) + len(data)
    each = _STORED_BYTES.get(mode, 4)
    if kind == "TIFF" and orientation != 1:
        each *= 2
    more = coefficient_bytes(data, pixels) if kind in ("JPEG", "MPO") else 0
    if tiff is not None:
        more += tiff.strip_bytes
    return pixels * (each + _RESULT_BYTES) + more + len(data)


def _frames_of(image: Image.Image, kind: str, tiff: TiffFacts | None) -> str:
    if tiff is not None:
        return "pages" if tiff.has_pages else ""
    # a phone's MPO is a JPEG with a second view behind
    return "frames" if kind != "MPO" and getattr(image, "is_animated", False) else ""
