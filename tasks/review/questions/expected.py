"""How long a question should take: published seconds per act, and how much of each it will need.

The acts are those that people really do at "mark what is missed": look the picture over, verify each doubtful box, pass
over the sure ones, take away what is wrong, draw what is missing. Simulated people take as long, so a forecast and a
simulation have one yardstick.
"""

from dataclasses import dataclass

from blocks.published_times import CHECK_COVERAGE, DRAW_BOX, VERIFY_BOX

ADJUST_SHARE = 0.5
"""Ours, unpublished: mending the edges of a box costs half of drawing one (two of the four extreme points)."""

GLANCE_BOX_S = 0.2
"""Ours, unpublished: a box that is shown as sure is passed over with one fixation of the eye (about 0.2 to 0.3 s)."""

CLICK_S = 1.0
"""Ours, unpublished: to select a wrong box and delete it, or to press another class's key."""

LOOK_S = CHECK_COVERAGE.seconds
"""What a question costs by itself, be it about a whole picture or a part of one: nobody has published less for less."""

BEGINNERS_MISSING, BEGINNERS_BOXES = 0.1, 50.0
"""Before anybody has answered: one object in ten has no box, believed as firmly as if 50 boxes had shown it."""


@dataclass(frozen=True, slots=True)
class Experience:
    """What people's answers in a collection have shown so far.

    Attributes:
        left: Boxes that they left where boxes were shown.
        added: Of these, those that they had to draw.
        objects_per_item: How many objects an item has; None: nobody knows yet.
        draw_s: Seconds to draw one box.
    """

    left: int = 0
    added: int = 0
    objects_per_item: float | None = None
    draw_s: float = DRAW_BOX.seconds

    @property
    def missing_share(self) -> float:
        """Expected share of the objects of a picture that no box is shown for, 0 to 1."""
        believed = BEGINNERS_MISSING * BEGINNERS_BOXES
        return (self.added + believed) / (self.left + BEGINNERS_BOXES)

    def seconds_of_box(self, score: float, is_sure: bool) -> float:
        """Return what a shown box is expected to cost, with its share of what is missing around it."""
        share = self.missing_share
        missing = score * share / (1 - share) * self.draw_s if share < 1 else self.draw_s
        if is_sure:
            return GLANCE_BOX_S + missing
        return VERIFY_BOX.seconds + (1 - score) * CLICK_S + missing

    def seconds_of_hidden(self, score: float) -> float:
        """Return what an object costs of which no box is shown, by the score of the box that is held back."""
        return score / max(1 - self.missing_share, 0.05) * self.draw_s
