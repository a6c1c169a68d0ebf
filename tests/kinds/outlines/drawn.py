"""Masks to try outlines on: any pixels at all, and drawn objects, with holes and parts."""

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tasks.kinds.outlines.raster import Raster

ANY_PIXELS = arrays.arrays(np.bool_, st.tuples(st.integers(1, 14), st.integers(1, 14))).filter(
    lambda drawn: drawn.any()
)

RASTERS = st.builds(Raster, st.integers(0, 40), st.integers(0, 40), ANY_PIXELS)
"""Any pixels, most of them below 200 px."""


def drawn_object(seed: int, side: int = 60) -> npt.NDArray[np.bool_]:
    """Return an uneven blob, with a hole in every second and a part of its own beside every third."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[:side, :side] - side / 2 + 0.5
    turn, far = np.arctan2(down, across), np.hypot(down, across)
    waves = sum(rng.normal(0, 0.08) * np.cos(n * turn + rng.uniform(0, 6)) for n in range(2, 6))
    inside = far < side * 0.32 * (1 + waves)
    if seed % 2:
        inside &= far > side * 0.12
    if seed % 3 == 0:
        inside[: max(side // 12, 1), : max(side // 8, 1)] = True
    return np.asarray(inside, np.bool_)
