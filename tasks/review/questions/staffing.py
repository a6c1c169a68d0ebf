"""What a queue demands of its people: how many see a question, and how much known truth is hidden among the others.

Split from `overlap_rule.py` and `screening.py`, which work by these rules, because a queue carries them.
"""

import math
from typing import ClassVar, Self

from pydantic import Field, model_validator

from blocks.frozen import Frozen
from blocks.naming.emails import Email
from blocks.naming.renamed import Renamed
from tasks.review.questions.kinds.boxes.extreme_points import Drawing


class OverlapRule(Frozen):
    """How many people a queue asks, and how sure it wants to be."""

    least: int = Field(default=2, ge=1, description="Asked of so many people in any case")
    most: int = Field(default=4, ge=1, description="Asked of so many people at most, then a referee decides")
    tolerated: float = Field(
        default=0.05, gt=0, lt=1, description="Expected share of wrong boxes (or choices) with which it may settle"
    )
    edge_error: float = Field(
        default=0.08, gt=0, description="Standard error of an edge, as a share of the side, that is exact enough"
    )

    @model_validator(mode="after")
    def _least_is_possible(self) -> "OverlapRule":
        if self.least > self.most:
            raise ValueError(f"least ({self.least}) is more than most ({self.most}): nobody could settle anything")
        return self


class GoldRule(Renamed):
    """How much gold (honeypots: hidden questions whose answer is known) a queue has, and what it demands."""

    former_names: ClassVar = {"floor": "min_accuracy"}

    share: float = Field(default=0.05, ge=0, lt=1, description="Share of gold among all questions asked; 0: none")
    min_accuracy: float = Field(
        default=0.7, gt=0, lt=1, description="Share of gold questions that a person must surely pass"
    )
    confidence: float = Field(default=0.95, gt=0.5, lt=1, description="How sure")
    window: int = Field(default=60, ge=1, description="Only the last so many gold answers count")
    trial: int = Field(default=30, ge=1, description="With fewer gold answers nobody is good yet, or bad by a slip")
    pass_share: float = Field(
        default=0.8, gt=0, le=1, description="A question about boxes is passed from this share of right ones on"
    )

    @property
    def least(self) -> int:
        """With fewer gold answers even the bound of somebody who always passes is under the least."""
        return math.ceil(math.log(1 - self.confidence) / math.log(self.min_accuracy) - 1e-9)

    @model_validator(mode="after")
    def _window_can_prove(self) -> "GoldRule":
        if not self.least <= self.trial <= self.window:
            raise ValueError(
                f"with min_accuracy {self.min_accuracy} and confidence {self.confidence} it takes {self.least} gold "
                f"answers to tell: trial ({self.trial}) must be at least that, and at most window ({self.window}). "
                "Lower min_accuracy, or raise both."
            )
        return self


class AnnotatorPool(Frozen):
    """Who answers a queue, and what is demanded of them. By default everybody may, alone, and nothing is hidden."""

    annotators: tuple[Email, ...] = Field(
        default=(), max_length=1000, description="E-mails of who may answer; empty: all"
    )
    referees: tuple[Email, ...] = Field(
        default=(),
        max_length=100,
        description="E-mails of who decides where people disagree; empty: the consensus does",
    )
    overlap: OverlapRule | None = Field(default=None, description="How many people see a question; empty: one")
    gold: GoldRule | None = Field(
        default=None, description="Questions with a known answer among the others; empty: none"
    )
    drawing: Drawing = Field(
        default="corners",
        description="How they draw: `corners`, boxes by dragging and outlines corner by corner; or `extreme_points`, "
        "by four clicks, top, left, bottom and right: 7 s a box instead of 25 (Papadopoulos 2017); of an outline or a "
        "mask the rest is found by colours.",
    )

    @model_validator(mode="after")
    def _enough_people_are_named(self) -> Self:
        for name in ("annotators", "referees"):
            people = getattr(self, name)
            wrong = [person for person in people if "@" not in person or person != person.strip()]
            if wrong or len(set(people)) != len(people):
                raise ValueError(f"{name} must be different e-mails (got {list(people)})")
        if self.annotators and self.overlap and len(self.annotators) < self.overlap.least:
            raise ValueError(
                f"{self.overlap.least} people shall see each question (`least`), and only {len(self.annotators)} may "
                f"answer ({', '.join(self.annotators)}): name more, or ask fewer"
            )
        return self
