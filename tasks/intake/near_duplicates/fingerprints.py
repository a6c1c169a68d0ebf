"""What an item looks like in 80 bytes, so that alike ones are found without looking at them again.

Of a picture: where it grows lighter and where darker, in 8 × 8 places, across and down (a difference hash of 256 bits),
and the mean colours of 4 × 4 parts. Another size, compression or brightness leaves most of it as it is. Of a text: a
hash of its letters and digits, whatever stands between them and however they are written.
"""

import hashlib
import unicodedata
from itertools import pairwise

import numpy as np
from PIL import Image

PLACES, CELLS = 8, 4
STEP = 3
"""Grey levels, of 255, that count as lighter or darker: what is flat but for noise stays flat."""

BITS_BYTES, COLOUR_BYTES = 32, 3 * CELLS**2
BYTES = BITS_BYTES + COLOUR_BYTES

_TURNED: dict[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How stored pixels are turned upright, by EXIF orientation."""


def fingerprint_of_picture(image: Image.Image, orientation: int = 1) -> bytes:
    """Return the fingerprint of a picture.

    Args:
        image: As it is stored, of any mode that can become RGB.
        orientation: EXIF's, 1 to 8.

    Source:
        Krawetz, "Kind of like that", 2013, for the difference hash.
    """
    small = _small(image, 4 * (PLACES + 1))
    small = small.transpose(_TURNED[orientation]) if orientation in _TURNED else small
    grey = np.asarray(small.convert("L").resize((PLACES + 1, PLACES + 1), Image.Resampling.BOX), dtype=np.int16)
    steps = np.array([grey[:PLACES, 1:] - grey[:PLACES, :-1], grey[1:, :PLACES] - grey[:-1, :PLACES]])
    colours = np.asarray(small.resize((CELLS, CELLS), Image.Resampling.BOX), dtype=np.uint8)
    return np.packbits([steps > STEP, steps < -STEP]).tobytes() + colours.tobytes()


def _small(image: Image.Image, side_px: int) -> Image.Image:
    """Return a picture as RGB of this size; where colours have numbers strip by strip: there is no second copy."""
    size_wh = side_px, side_px
    if image.mode != "P":
        return image.resize(size_wh, Image.Resampling.BOX).convert("RGB")
    if image.height <= side_px:
        return image.convert("RGB").resize(size_wh, Image.Resampling.BOX)
    small, edges = Image.new("RGB", size_wh), [image.height * at // side_px for at in range(side_px + 1)]
    for at, (top, bottom) in enumerate(pairwise(edges)):
        strip = image.crop((0, top, image.width, bottom)).convert("RGB")
        small.paste(strip.resize((side_px, 1), Image.Resampling.BOX), (0, at))
    return small


def fingerprint_of_text(text: str) -> bytes:
    """Return the fingerprint of a text: that of its letters and digits in one case."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    letters = "".join(one for one in plain if one.isalnum()) or plain
    return hashlib.sha256(letters.encode()).digest()[:BITS_BYTES] + bytes(COLOUR_BYTES)
