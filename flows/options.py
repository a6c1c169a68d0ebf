"""The options of a line. Each field's description is the text of the Prefect run form."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from tasks.audit.options import ProofOptions
from tasks.detect.options import TilingOptions
from tasks.monitor.choose import Selection
from tasks.monitor.goals import Goal
from tasks.review.pages import PageOptions
from tasks.review.rules import Until
from tasks.review.standards import Staff
from tasks.train.options import PromoteOptions, TrainOptions
from tasks.triage.options import TriageOptions
from tasks.triage.order import Mix, known_strategies

Name = Annotated[str, StringConstraints(pattern=r"^[\w][\w .-]*$", max_length=60)]

NEVER = 2**31 - 1
"""More new labels than any line gets: no event starts a training beside the loop's own."""


class LineOptions(BaseModel):
    """What one line labels, with which detector, and when people are asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    collection: Name = Field(description="The collection of items to label; `intake` fills it.")
    classes: tuple[Name, ...] = Field(min_length=1, max_length=200, description="Classes that people may give a box.")
    detector: str = Field(default="champion", description="`champion`, a path to weights (.pt), or a version.")
    kinds: dict[Name, tuple[Name, ...]] = Field(
        default_factory=dict, description="Per class, the exact kinds that a second queue of other people names."
    )
    batch_size: int = Field(default=1000, ge=1, le=100_000, description="Items in one run, at most.")
    tiling: TilingOptions = Field(default=TilingOptions(), description="How images are cut for the detector.")
    triage: TriageOptions = Field(default=TriageOptions(), description="What is accepted, asked and dropped.")
    finders: Staff = Field(default=Staff(), description="Who marks what is missed, how many see each image, and gold.")
    experts: Staff = Field(default=Staff(), description="Who names exact kinds, how many see each box, and gold.")
    confirm: PageOptions | None = Field(
        default=None, description="Let people confirm very sure boxes on pages of crops; empty: nobody looks at them."
    )
    proof: ProofOptions | None = Field(
        default=None,
        description="What is promised of boxes accepted unseen: people judge some of each batch one by one, drawn by "
        "lot, and only scores that this proves are accepted. Empty: the accept bands of `triage`, without a promise.",
    )
    ask_first: Mix = Field(
        default={"entropy": 1.0},
        description="What people are asked first: weights of strategies, mixed by rank. "
        f"Known: {', '.join(known_strategies())}. Empty: the item with the most doubtful box.",
    )
    until: Until = Field(default=Until(), description="When a queue has been answered enough.")
    retrain_after: int = Field(default=500, ge=1, description="New labels after which `retrain` is started.")
    retrain: TrainOptions = Field(default=TrainOptions(), description="How the challenger is trained.")

    @model_validator(mode="after")
    def kinds_belong_to_classes(self) -> Self:
        """Refuse kinds of a class that the line does not have."""
        unknown = sorted(set(self.kinds) - set(self.classes))
        if unknown:
            raise ValueError(f"kinds are given for {unknown}, which are not among the classes {list(self.classes)}")
        return self


class LoopOptions(BaseModel):
    """What a loop labels and trains, what it asks first, and when it stops."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    line: LineOptions = Field(description="What is labelled and how; its retrain_after is not used.")
    selection: Selection = Field(default=Selection(), description="What people are asked first, and how much a round.")
    goal: Goal = Field(default=Goal(), description="When the rounds end.")
    gate: PromoteOptions = Field(default=PromoteOptions(), description="By how much a challenger must be better.")
    label_rest: bool = Field(
        default=True, description="After the last round, label all that is left, with the best detector."
    )

    def line_of(self, *, is_first: bool) -> LineOptions:
        """Return the line of a round: the loop trains itself, and after the first round with the champion."""
        detector = self.line.detector if is_first else "champion"
        return self.line.model_copy(update={"detector": detector, "retrain_after": NEVER})
