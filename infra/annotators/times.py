"""How long people take: published seconds per act, and a draw around them.

Drawing, verifying and looking over take what `blocks/published_times.py` cites, so that simulated people and the
estimate of manual work share one yardstick. Every draw is log-normal with the published number as its mean: people's
times are never negative and have a long tail. (Su's numbers are medians; taken for means, drawing looks cheaper, on
both sides.)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from blocks.published_times import (
    CHECK_COVERAGE,
    CONSIDER_CLASS,
    DRAW_BOX,
    DRAW_BOX_FAST,
    OUTLINE_OBJECT,
    VERIFY_BOX,
    reading_seconds,
)
from tasks.review.questions.expected import ADJUST_SHARE, CLICK_S, GLANCE_BOX_S
from tasks.review.questions.kinds.boxes.extreme_points import Drawing as QueueDrawing

Drawing = Literal["extreme-clicking", "classic"]

HABIT_FOR: Mapping[QueueDrawing, Drawing] = {"corners": "classic", "extreme_points": "extreme-clicking"}
"""How people draw who have learnt to draw as a queue lets them."""

DRAW_BOX_S: dict[Drawing, float] = {"extreme-clicking": DRAW_BOX_FAST.seconds, "classic": DRAW_BOX.seconds}
VERIFY_BOX_S = VERIFY_BOX.seconds
LOOK_OVER_IMAGE_S = CHECK_COVERAGE.seconds

MARK_SPAN_S = 3.0
"""Ours, unpublished: to press the key of a class and drag over some words."""

CONSIDER_CLASS_S = CONSIDER_CLASS.seconds
"""A question offers several."""

SPREAD = 0.4
"""Sigma of the log-normal draws: ours; the papers give no spread. About two thirds lie within a factor of 1.5."""


@dataclass(slots=True)
class Stopwatch:
    """Adds up one answer's seconds, act by act, each drawn around its published time."""

    rng: np.random.Generator
    drawing: Drawing = "classic"
    by_act: dict[str, float] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """All seconds of the answer."""
        return sum(self.by_act.values())

    def look_over(self) -> None:
        """Look the whole image over for what is missing."""
        self._spend("look", LOOK_OVER_IMAGE_S)

    def read(self, text: str) -> None:
        """Read a text."""
        self._spend("read", max(0.1, reading_seconds(len(text))))

    def verify(self, count: int = 1) -> None:
        """Verify prefilled boxes, one by one."""
        self._spend("verify", VERIFY_BOX_S, count)

    def glance(self, count: int) -> None:
        """Pass over boxes that are shown as sure."""
        self._spend("glance", GLANCE_BOX_S, count)

    def draw(self, count: int = 1) -> None:
        """Draw boxes with their class."""
        self._spend("draw", DRAW_BOX_S[self.drawing], count)

    def adjust(self, count: int = 1) -> None:
        """Mend the edges of boxes by dragging them, however new ones are drawn."""
        self._spend("adjust", DRAW_BOX_S["classic"] * ADJUST_SHARE, count)

    def outline(self, count: int = 1) -> None:
        """Outline objects, or paint them, with their class."""
        self._spend("outline", OUTLINE_OBJECT.seconds, count)

    def adjust_outline(self, count: int = 1) -> None:
        """Mend an outline by dragging its corners, or with brush and eraser."""
        self._spend("adjust", OUTLINE_OBJECT.seconds * ADJUST_SHARE, count)

    def click(self, count: int = 1) -> None:
        """Delete boxes or change their class."""
        self._spend("click", CLICK_S, count)

    def mark(self) -> None:
        """Mark a span of a text, with its class."""
        self._spend("mark", MARK_SPAN_S)

    def name_one_of(self, offered: int) -> None:
        """Choose one of the offered names."""
        self._spend("name", CONSIDER_CLASS_S * offered)

    def _spend(self, act: str, mean_s: float, count: int = 1) -> None:
        if count:
            drawn = self.rng.lognormal(np.log(mean_s) - SPREAD**2 / 2, SPREAD, count)
            self.by_act[act] = self.by_act.get(act, 0.0) + float(drawn.sum())
