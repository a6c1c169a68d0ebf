"""How pictures look, without any network: enough to tell a first batch that is varied from one that is all alike.

Where there is no model yet there are no embeddings either. Colours, where they lie, and which way edges run put
pictures of another place, light or distance far apart; what they show, such numbers do not know.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from blocks.storage.stores import Store
from tasks.detect.options import TilingOptions
from tasks.detect.tiling.read_ahead import StoredImage, Unseen, read_ahead, stored_images
from tasks.intake.images import Pixels
from tasks.triage.active_learning.diversity import Embeddings

MODEL = "looks-1"
"""In place of a model's version: raise it with what is computed."""

SIDE_PX, CELLS, TONES, WAYS = 64, 4, 4, 8
"""Pictures are looked at as squares of this side, in 4 × 4 cells; with so many tones a channel, and ways of an edge."""

NUMBERS = 3 * CELLS**2 + TONES**3 + WAYS * CELLS**2


def looks_of(store: Store, items: Sequence[StoredImage], options: TilingOptions | None = None) -> Embeddings:
    """Look at pictures, each once.

    Args:
        store: Where they are.
        items: n pictures; one that cannot be read is not usable.
        options: How many are read ahead.

    Returns:
        In the order of the items, n vectors.
    """
    options = options or TilingOptions()
    rows = np.zeros((len(items), NUMBERS), dtype=np.float32)
    with ThreadPoolExecutor(options.decode_threads, thread_name_prefix="look") as readers:
        for place, (_, seen) in enumerate(read_ahead(stored_images(store, items), readers, options)):
            if not isinstance(seen, Unseen):
                rows[place] = look_at(seen)
    return Embeddings.of(rows, [MODEL] * len(items), MODEL)


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
