"""What an embedder is, of pictures or of texts. Which of pictures there are is in `registry.py`."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """What makes a vector of an item: near to that of another one that shows the like."""

    @property
    def name(self) -> str:
        """As its vectors are kept: another name where the same item would get another vector."""
        ...

    def fit(self, seen: Any, /) -> Any:
        """Return a picture (h, w, 3), or a text, as small as the embedder sees it, so that many can wait."""
        ...

    def embed(self, fitted: Sequence[Any]) -> Vectors:
        """Return vectors (n, d), float32, of pictures or texts that were fitted; n from 1."""
        ...
