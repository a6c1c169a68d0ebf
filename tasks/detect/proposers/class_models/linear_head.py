"""A linear head on the vectors of an embedder that comes with the installation: what labels teach, as a model.

The file is what `tasks/suggest/taught.py` writes: numbers and names, no code. Its learner is made anew as it is opened.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blocks.errors import BadWeights
from blocks.storage.outside_files import read_bounded
from tasks.detect.detector import Embeddings
from tasks.detect.tiling.tiles import Floats
from tasks.intake.images import Pixels
from tasks.suggest.embedders.protocol import Embedder
from tasks.suggest.embedders.registry import EMBEDDERS
from tasks.suggest.suggester import Suggester
from tasks.suggest.taught import Taught, version_of_bytes

LINEAR = ".linear"

SIDE_PX = 224
MOST_BYTES = 2**30


@dataclass(frozen=True, slots=True)
class LinearHead:
    """An embedder with what was learnt on its vectors."""

    embedder: Embedder
    suggester: Suggester
    side_px: int = SIDE_PX

    @property
    def classes(self) -> tuple[str, ...]:
        """Those that had a label."""
        return self.suggester.classes

    @property
    def several(self) -> bool:
        """Whether each class is judged on its own, since a picture may show several."""
        return self.suggester.several

    def say(self, squares: Sequence[Pixels]) -> tuple[Floats, Embeddings]:
        """Return probabilities (n, classes) and vectors (n, d) of square pictures."""
        vectors = self.embedder.embed([self.embedder.fit(one) for one in squares])
        found = self.suggester.suggest(vectors.astype(np.float16), self.embedder.name)
        return found.probabilities, vectors


def open_linear_head(weights: Path) -> LinearHead:
    """Open a file.

    Raises:
        BadWeights: It is none, or its embedder is not here.
    """
    data = read_bounded(weights, BadWeights, MOST_BYTES)
    taught = Taught.from_bytes(data, version_of_bytes(data))
    embedder = EMBEDDERS.get(taught.space.embedder)
    if embedder is None or len(taught.named) < 2:
        raise BadWeights(
            f"{weights.name} is a linear head on vectors of {taught.space.embedder} with {len(taught.named)} "
            f"classes: expected two or more, on those of {', '.join(EMBEDDERS)}"
        )
    suggester = taught.suggester()
    _ = suggester.trust  # measured once, here
    return LinearHead(embedder, suggester)
