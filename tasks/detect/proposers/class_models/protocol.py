"""What a model of whole pictures is. Which kinds there are is in `registry.py`."""

from collections.abc import Sequence
from typing import Protocol

from tasks.detect.detector import Embeddings
from tasks.detect.tiling.tiles import Floats
from tasks.intake.images import Pixels


class ClassModel(Protocol):
    """A model that gives each class of a whole picture a probability. Safe to call from several threads."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names by class id."""
        ...

    @property
    def several(self) -> bool:
        """Whether each class is judged on its own, since a picture may show several; else they share one chance."""
        ...

    @property
    def side_px(self) -> int:
        """Of the square pictures that it sees; see `fit_square` in `classifier.py`."""
        ...

    def say(self, squares: Sequence[Pixels]) -> tuple[Floats, Embeddings]:
        """Return probabilities (n, classes), 0 to 1, and features (n, d) of square pictures (BGR); n from 1."""
        ...
