"""Two things about JPEG files that no library says: what its decoder will hold, and whether only the end mark is gone.

Source:
    ITU-T T.81 (JPEG), annex B: markers and their lengths.
"""

import io

from PIL import Image, ImageChops

END = b"\xff\xd9"

MENDED_PIXELS = 50_000_000
"""A larger picture without its end is not tried: it would be decoded twice."""

_STARTS_OF_FRAME = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_START_OF_SCAN = 0xDA
_HEADER_BYTES = 50_000_000
_OTHER_ENDINGS = (b"", b"\x5a\xa5\x3c\xc3\x96" * 40)


def has_end(data: bytes) -> bool:
    """Say whether a JPEG file ends as it should."""
    return data.endswith(END)


def coefficient_bytes(data: bytes, pixels: int) -> int:
    """Return what a decoder holds besides the pixels: all coefficients of a picture that comes in several scans."""
    at, components = 2, 3
    while at + 10 < min(len(data), _HEADER_BYTES) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a filling byte
            at += 1
            continue
        if marker in _STARTS_OF_FRAME:
            components = data[at + 9]
            if marker in _PROGRESSIVE:
                return pixels * 2 * components
        if marker == _START_OF_SCAN:
            return pixels * 2 * components if data[at + 4] < components else 0
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return pixels * 2 * components  # nobody knows: the most


def mended(data: bytes) -> bytes | None:
    """Return a JPEG file with the end mark that it lacks, or None where more is missing, or it is something else.

    Browsers show such a picture whole. Whether all of it is there is told by decoding it with two different endings:
    what is complete looks at neither, and what is not takes its last pixels from them.
    """
    if not data.startswith(b"\xff\xd8") or has_end(data):
        return None
    stem = data.removesuffix(b"\xff")  # half of the mark may be there
    first, second = (_decoded(stem + ending + END) for ending in _OTHER_ENDINGS)
    if first is None or second is None or ImageChops.difference(first, second).getbbox() is not None:
        return None
    return stem + END


def _decoded(data: bytes) -> Image.Image | None:
    image = Image.open(io.BytesIO(data), formats=("JPEG",))
    if image.width * image.height > MENDED_PIXELS:
        return None
    return image.convert("RGB")
