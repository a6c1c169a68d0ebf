"""What an embedder of pictures is. Which there are is in `registry.py`; texts have one of their own in `texts.py`."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.intake.images import Pixels

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """What makes a vector of a picture: near to that of another one that shows the like."""

    @property
    def name(self) -> str:
        """As its vectors are kept: another name where the same picture would get another vector."""
        ...

    def fit(self, picture: Pixels) -> Pixels:
        """Return a picture (h, w, 3) as small as the embedder sees it, so that many can wait."""
        ...

    def embed(self, fitted: Sequence[Pixels]) -> Vectors:
        """Return vectors (n, d), float32, of pictures that were fitted; n from 1."""
        ...
