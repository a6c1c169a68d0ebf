"""What a kind of label is: how two labels compare, what several come to, how one looks, and what a model is worth.

A kind knows nothing of Label Studio nor of questions: that is the other axis (`tasks/review/questions/kinds`). What it
compares are rows as the line has them (proposals, labels, regions of answers): each has a class name and, where the
kind has places, edges.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from blocks.shapes import Shape
from tasks.kinds.by_hand import ByHand
from tasks.kinds.geometry import Floats
from tasks.kinds.metrics import Metrics

Pixels = npt.NDArray[np.uint8]


class LabelKind(Protocol):
    """One kind of label. An instance of each stands in `registry.py`, and nowhere else."""

    name: str
    """As lines, manifests and formats call it."""

    shapes: frozenset[str]
    """`type` of the shapes that its labels may have."""

    has_identity: bool
    """Whether a label says whose it is over the items of a sequence."""

    asked_as: str
    """Name of the kind of question that asks people about a whole item."""

    proposer: str
    """Name of what proposes labels of the kind: a detector over tiles, or a classifier of whole items."""

    trainer: str
    """Name of what trains models of the kind, and measures them."""

    same_from: float
    """From this similarity on what two people said is about one object."""

    right_from: float
    """From this similarity on, and with the right class, a prediction is right."""

    same_class_bonus: float
    """What it adds to a similarity that is high enough if both have one class: breaks ties."""

    by_hand: ByHand
    """What its labels take people where nothing is proposed."""

    def similarity(self, first: Sequence[Any], second: Sequence[Any]) -> Floats:
        """Return how alike the places of each two are, shape (n, m), 0 to 1; the class does not count."""
        ...

    def fuse(self, shapes: Sequence[Shape], weights: Sequence[float]) -> Shape:
        """Return what several shapes of one object come to, each with a weight above 0; at least one."""
        ...

    def is_same(self, one: Any, other: Any) -> bool:
        """Whether two labels say the same, but for rounding: class and place."""
        ...

    def draw(self, picture: Pixels, shape: Shape, colour_bgr: tuple[int, int, int], line_px: int, scale: float) -> None:
        """Draw a shape's outline into a picture that is shown at a scale."""
        ...

    def metrics(self, predicted: Sequence[Any], truth: Sequence[Any], classes: Sequence[str]) -> Metrics:
        """Return what predictions are worth, given the truth of the same items in the same order."""
        ...
