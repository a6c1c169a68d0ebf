"""How pictures look, without any network: a vector where there are no weights.

Colours, where they lie, and which way edges run put pictures of another place, light or distance far apart; what they
show, such numbers do not know.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.intake.images import Pixels

MODEL = "looks-1"
"""In place of a model's version: raise it with what is computed."""

SIDE_PX, CELLS, TONES, WAYS = 64, 4, 4, 8
"""Pictures are looked at as squares of this side, in 4 × 4 cells; with so many tones a channel, and ways of an edge."""

NUMBERS = 3 * CELLS**2 + TONES**3 + WAYS * CELLS**2


class Looks:
    """The embedder without weights."""

    name = MODEL

    def fit(self, picture: Pixels) -> Pixels:
        """Return the small square that is looked at."""
        import cv2

        return np.asarray(cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA))

    def embed(self, fitted: Sequence[Pixels]) -> NDArray[np.float32]:
        """Return how each looks; see `look_at`."""
        return np.array([look_at(picture) for picture in fitted], dtype=np.float32)


def look_at(picture: Pixels) -> NDArray[np.float32]:
    """Return how a picture looks: mean colours of cells, the colours of all, ways of edges in cells; each of length 1.

    Args:
        picture: Shape (h, w, 3), blue, green, red.

    Returns:
        Shape (`NUMBERS`,).

    Source:
        Dalal and Triggs, "Histograms of oriented gradients for human detection", CVPR 2005, for the edges; Swain and
        Ballard, "Color indexing", 1991, for the colours.
    """
    import cv2

    small = cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_BGR2LAB)
    means = cv2.resize(lab, (CELLS, CELLS), interpolation=cv2.INTER_AREA).astype(np.float32) - 128
    tones = cv2.calcHist([lab], [0, 1, 2], None, [TONES] * 3, [0, 256] * 3)
    grey = lab[..., 0].astype(np.float32)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    strength, angle = cv2.cartToPolar(across, down)
    way = np.int64(angle / np.pi * WAYS) % WAYS  # an edge and its reverse are one way
    at = np.arange(SIDE_PX) * CELLS // SIDE_PX
    bins = (at[:, None] * CELLS + at[None, :]) * WAYS + way
    edges = np.bincount(bins.ravel(), weights=strength.ravel(), minlength=WAYS * CELLS**2)
    parts = [_unit(means), _unit(np.sqrt(tones)), _unit(np.sqrt(edges))]
    return np.asarray(np.concatenate(parts), dtype=np.float32)


def _unit(values: NDArray[np.floating]) -> NDArray[np.floating]:
    flat = values.ravel()
    length = float(np.linalg.norm(flat))
    return flat / length if length else flat
