"""An object with its outline or its pixels, as a question shows it and as a person leaves it."""

from blocks.frozen import Frozen
from blocks.shapes import Shape


class ShownOutline(Frozen):
    """An object as a question shows it; pixels of the upright item."""

    id: str
    class_name: str
    score: float
    shape: Shape
    sure: bool = True


class AnsweredOutline(Frozen):
    """An object as a person left it; pixels of the upright item. `id` is the proposal's where a shown one was kept."""

    id: str
    class_name: str
    shape: Shape
    untouched: bool
