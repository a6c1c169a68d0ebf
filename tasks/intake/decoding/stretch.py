"""Values of more than eight bits become pixels: the one rule for 12, 16 and 32 bits and for floats, everywhere.

1. `low` and `high` are the values between which all but a thousandth at each end lie (of a picture with more than
   a million values, of an even sample). What is not finite, and what a TIFF names as its "no data" value, does not
   count and becomes black.
2. A picture that fills more than half of a usual range (0 to 1 for floats, 0 to 255, 0 to 65,535) stands as it is:
   only that range is brought to 0 to 255. Such are ordinary photographs.
3. Any other is stretched: `low` becomes 0, `high` 255, what lies beyond is cut off. Such are 12 bits in 16, reflectance
   in hundredths, thermal values from 28,000 to 30,000. So two pictures of one camera may show one value differently.
   Where almost all values are equal, the smallest and the largest are taken; where all are, the picture is black.

The channels of a colour picture are stretched alike, so that colours stay.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

CUT_SHARE = 0.001
SAMPLE = 1_000_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """How values become 0 to 255: `low` becomes 0, `high` 255.

    Attributes:
        moved: The picture was stretched; else it stands as it is, within a usual range.
        no_data: The value that stands for none.
    """

    low: float
    high: float
    moved: bool
    no_data: float | None = None

    def __call__(self, values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Return values of any shape as bytes."""
        exact = values.dtype.itemsize <= 2 or values.dtype == np.float32
        wide: npt.NDArray[Any] = values.astype(np.float32 if exact else np.float64)
        empty = ~np.isfinite(wide)
        if self.no_data is not None:
            empty |= values == self.no_data
        wide[empty] = self.low
        np.subtract(wide, self.low, out=wide)
        np.multiply(wide, 255.0 / max(self.high - self.low, 1e-12), out=wide)
        wide += 0.001  # what is 255 but for rounding is 255
        shown: npt.NDArray[np.uint8] = np.clip(wide, 0.0, 255.0, out=wide).astype(np.uint8)
        shown[empty] = 0
        return shown


def stretch_of(sample: npt.NDArray[Any], no_data: float | None = None) -> Stretch:
    """Return how a picture's values become bytes, by the rule of this module.

    Args:
        sample: Values of the picture, any shape; may be empty.
        no_data: A value that does not count.
    """
    is_float = sample.dtype.kind == "f"
    values = sample.astype(np.float64).reshape(-1)
    keep = np.isfinite(values)
    if no_data is not None:
        keep &= values != no_data
    values = values[keep]
    if not values.size:
        return Stretch(0.0, 1.0, moved=False, no_data=no_data)
    low, high = (float(edge) for edge in np.quantile(values, (CUT_SHARE, 1 - CUT_SHARE)))
    for usual in (1.0, 255.0, 65_535.0) if is_float else (255.0, 65_535.0):
        if low >= 0 and high <= usual and high - low > usual / 2:
            # 16 bits lose their lower eight, as browsers do it.
            return Stretch(0.0, 255 * 256.0 if usual > 255 else usual, moved=False, no_data=no_data)
    if low == high:
        low, high = float(values.min()), float(values.max())
    return Stretch(low, high, moved=True, no_data=no_data)
