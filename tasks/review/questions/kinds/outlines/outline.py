"""An object with its outline or its pixels, as a question shows it and as a person leaves it."""

from pydantic import Field

from blocks.frozen import Frozen
from blocks.shapes import Edge, Shape

OUTLINED = frozenset({"polygon", "mask"})
"""Types of the shapes of which a box does not tell whether they are right."""


class ShownOutline(Frozen):
    """An object as a question shows it; pixels of the upright item."""

    id: str
    class_name: str
    score: float
    shape: Shape
    sure: bool = True


class ClickedPoints(Frozen):
    """The four clicks that an outline came of; pixels of the upright item, once they are read."""

    points: tuple[tuple[Edge, Edge], ...] = Field(min_length=4, max_length=4)
    by: str = Field(max_length=64, description="what made an outline of them")

    def moved(self, right: int, down: int) -> "ClickedPoints":
        """Return them so many pixels to the right and down."""
        return self.model_copy(update={"points": tuple((x + right, y + down) for x, y in self.points)})


class AnsweredOutline(Frozen):
    """An object as a person left it; pixels of the upright item. `id` is the proposal's where a shown one was kept."""

    id: str
    class_name: str
    shape: Shape
    untouched: bool
    clicks: ClickedPoints | None = None
    """What it came of, where somebody clicked it: it may have been mended since."""
