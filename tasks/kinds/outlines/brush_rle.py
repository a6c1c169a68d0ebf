"""Label Studio's lengths of runs of a brush, to and from pixels: the only file that knows them.

Bits, the highest of each byte first: 32 of how many values, 5 of a value's width less one, four times 4 of widths of
lengths less one; then for each run one bit (1: one value for all of it), two of which width, its length less one, and
its value or values. Values are red, green, blue and opacity of each pixel, row by row; the last says what is covered.

Source:
    thi.ng/rle-pack 2, which Label Studio 1.23.2 uses; label_studio_sdk, converter/brush.py.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from blocks.errors import BadRegion
from tasks.kinds.geometry import Flags
from tasks.kinds.outlines.raster import Raster

CHANNELS = 4
OPACITY = 3
COVERED = 128
"""A pixel of this opacity or more is covered."""

VALUE_BITS, WIDTHS = 8, (3, 4, 8, 16)
"""Of what is written."""

LONGEST = 1 << WIDTHS[-1]


def to_brush(raster: Raster, size_wh: tuple[int, int]) -> list[int]:
    """Return pixels as bytes of runs over a whole picture, whose rectangle lies inside it."""
    width, height = size_wh
    whole = np.zeros((height, width), np.bool_)
    whole[raster.top : raster.bottom, raster.left : raster.right] = raster.pixels
    flat = whole.ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    edges = np.concatenate(([0], changes, [flat.size]))
    bits = [f"{CHANNELS * flat.size:032b}{VALUE_BITS - 1:05b}", *(f"{width - 1:04b}" for width in WIDTHS)]
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        value = "1" * VALUE_BITS if flat[start] else "0" * VALUE_BITS
        left = CHANNELS * (end - start)
        while left:
            length = min(left, LONGEST)
            which = next(number for number, width in enumerate(WIDTHS) if length <= 1 << width)
            bits.append(f"1{which:02b}{length - 1:0{WIDTHS[which]}b}{value}")
            left -= length
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8, "big"))


def of_brush(rle: Sequence[Any], size_wh: tuple[int, int]) -> Flags:
    """Return which pixels of a picture a brush covers, shape (height, width).

    Raises:
        BadRegion: They are no bytes, are of a picture of another size, or do not add up.
    """
    if not all(type(byte) is int and 0 <= byte < 256 for byte in rle):
        raise BadRegion("a brush whose `rle` is no list of bytes")
    reader = _Bits("".join(f"{byte:08b}" for byte in rle))
    width, height = size_wh
    total = reader.read(32)
    if total != CHANNELS * width * height:
        raise BadRegion(
            f"a brush of {total // CHANNELS} pixels on a picture of {width}×{height} = {width * height}: it was drawn "
            "on one of another size"
        )
    value_bits = reader.read(5) + 1
    widths = [reader.read(4) + 1 for _ in range(4)]
    opaque = COVERED if value_bits == VALUE_BITS else 1 << (value_bits - 1)
    inside = np.zeros(width * height, np.bool_)
    at = 0
    while at < total:
        is_one_value = reader.read(1)
        end = at + 1 + reader.read(widths[reader.read(2)])
        if end > total:
            raise BadRegion(f"a brush whose runs add up to {end} values or more (expected {total})")
        if is_one_value:
            if reader.read(value_bits) >= opaque:
                inside[at // CHANNELS : (end - OPACITY + CHANNELS - 1) // CHANNELS] = True
        else:
            for place in range(at, end):
                value = reader.read(value_bits)
                if place % CHANNELS == OPACITY:
                    inside[place // CHANNELS] = value >= opaque
        at = end
    return inside.reshape(height, width)


class _Bits:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read(self, count: int) -> int:
        start, self._at = self._at, self._at + count
        if self._at > len(self._text):
            raise BadRegion("a brush whose runs end before its last pixel")
        return int(self._text[start : self._at], 2)
