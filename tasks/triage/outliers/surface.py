"""Which pictures of a surface have a flaw, where, in words and as a heat map.

`patchcore.py` gives numbers; here they become what a person is asked: a reason, a box to look at and a picture.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from blocks.errors import BadInput
from blocks.shapes import Bounds
from tasks.triage import reasons
from tasks.triage.outliers.patchcore import Flaws, PatchMemory
from tasks.triage.robust_z import Floats

Pixels = npt.NDArray[np.uint8]
HEAT_SHARE = 0.75
"""The flaw is where patches are at least this share as far from the memory as the oddest one."""

HEAT_OPACITY = 0.5


@dataclass(frozen=True, slots=True)
class OddSurface:
    """One picture that looks flawed."""

    z: float
    """Robust standard deviations above what good pictures get."""
    reason: str
    box_px: Bounds
    """x_min, y_min, x_max, y_max of the flaw's neighbourhood, in pixels of the picture."""


def surface_anomalies(
    flaws: Flaws, memory: PatchMemory, item_ids: list[str], sizes_wh: list[tuple[int, int]], outlier_z: float
) -> Mapping[str, OddSurface]:
    """Say which pictures look flawed, the worst first.

    Args:
        flaws: Of n pictures.
        memory: What they were compared with.
        item_ids: Their n ids.
        sizes_wh: Their n widths and heights in pixels.
        outlier_z: How many robust standard deviations are odd.

    Raises:
        BadInput: Not as many ids or sizes as pictures, or a score that is no number.
    """
    if not len(flaws.scores) == len(item_ids) == len(sizes_wh):
        raise BadInput(
            f"{len(flaws.scores)} scores for {len(item_ids)} items of {len(sizes_wh)} sizes; expected one each"
        )
    bad = np.flatnonzero(~np.isfinite(flaws.scores))
    if bad.size:
        raise BadInput(f"the score of item {item_ids[bad[0]]!r} is no number: read its patches again")
    logs = np.log(np.maximum(flaws.scores, 1e-12))
    z = memory.usual.z(logs)
    found = {}
    for index in np.argsort(-z, kind="stable").tolist():
        if z[index] >= outlier_z:
            factor = float(np.exp(logs[index] - memory.usual.middle))
            box = box_of_heat(flaws.distances[index], sizes_wh[index])
            found[item_ids[index]] = OddSurface(float(z[index]), reasons.odd_surface(factor), box)
    return found


def box_of_heat(distances: Floats, size_wh: tuple[int, int]) -> Bounds:
    """Return the smallest box around the patches that hang together with the oddest one and are about as odd.

    Args:
        distances: Shape (rows, columns).
        size_wh: Width and height of the picture, in pixels.
    """
    from scipy.ndimage import label

    regions, _ = label(distances >= HEAT_SHARE * distances.max())
    mine = regions == regions[np.unravel_index(int(distances.argmax()), distances.shape)]
    rows, columns = np.flatnonzero(mine.any(axis=1)), np.flatnonzero(mine.any(axis=0))
    across, down = size_wh[0] / distances.shape[1], size_wh[1] / distances.shape[0]
    return columns[0] * across, rows[0] * down, (columns[-1] + 1) * across, (rows[-1] + 1) * down


def heat_picture(image: Pixels, distances: Floats, hottest: float) -> Pixels:
    """Lay a heat map over a picture: dark blue as in the memory, yellow as far from it as `hottest` or farther.

    Args:
        image: Shape (height, width, 3), blue green red.
        distances: Shape (rows, columns), 0 or more.
        hottest: The distance at the end of the scale, above 0; one for all pictures makes them comparable.

    Raises:
        BadInput: A distance or `hottest` is no number, or `hottest` is not above 0.
    """
    import cv2

    if not np.isfinite(distances).all() or not (np.isfinite(hottest) and hottest > 0):
        raise BadInput(f"a heat map needs finite distances and a scale above 0 (got {hottest})")
    levels = np.clip(255 * distances / hottest, 0, 255).astype(np.uint8)
    smooth = cv2.resize(levels, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_CUBIC)
    # viridis reads the same to people who cannot tell red from green
    heat = cv2.applyColorMap(smooth, cv2.COLORMAP_VIRIDIS)
    return np.asarray(cv2.addWeighted(image, 1 - HEAT_OPACITY, heat, HEAT_OPACITY, 0), dtype=np.uint8)
