"""What a person may set about triage: it becomes the Prefect run form, so every field says what it does."""

import math
from typing import ClassVar, Self

from pydantic import Field, model_validator

from blocks.errors import UnknownClass
from blocks.frozen import Frozen
from blocks.naming.renamed import Renamed, complement


class ScoreThresholds(Frozen):
    """The two scores between which a proposal is worth a question."""

    accept: float = Field(default=0.6, ge=0, le=1, description="Boxes of this score or more are accepted unseen")
    drop: float = Field(default=0.15, ge=0, le=1, description="Boxes of a lower score are dropped unseen")

    @model_validator(mode="after")
    def _drop_is_not_above_accept(self) -> Self:
        if self.drop > self.accept:
            raise ValueError(
                f"drop {self.drop} is above accept {self.accept}: a box would be dropped and accepted at once. "
                "Expected drop <= accept; lower drop, or raise accept."
            )
        return self


class CertifiedThresholds(Renamed):
    """From which score boxes are accepted unseen, by class, as audits certify; these replace the accept scores."""

    former_names: ClassVar = {"epsilon": "max_error_rate", "delta": "confidence"}
    former_values: ClassVar = {"delta": complement}

    accept_from: dict[str, float] = Field(description="By class name; people look at all boxes of the other classes")
    max_error_rate: float = Field(gt=0, lt=1, description="At most this share of what is accepted is wrong")
    confidence: float = Field(gt=0, lt=1, description="How sure that is, per class")

    def accept_of(self, class_name: str) -> float:
        """Return the score from which a class is accepted; infinite where nothing was certified."""
        return self.accept_from.get(class_name, math.inf)


class TriageOptions(Renamed):
    """Which proposals are accepted, asked about or dropped, and which items people label blind."""

    former_names: ClassVar = {
        "class_bands": "class_thresholds",
        "odd_z": "outlier_z",
        "odd_images": "image_outliers",
        "odd_places": "place_outliers",
        "odd_counts": "count_outliers",
        "odd_surfaces": "surface_anomalies",
    }
    retired: ClassVar = {"odd_colours": "colours told next to nothing; sizes and places are judged"}

    accept: float = Field(default=0.6, ge=0, le=1, description="Boxes of this score or more are accepted unseen")
    drop: float = Field(default=0.15, ge=0, le=1, description="Boxes of a lower score are dropped unseen")
    class_thresholds: dict[str, ScoreThresholds] = Field(
        default_factory=dict, description="Score thresholds of single classes, by name; the others use accept and drop"
    )
    audit_share: float = Field(
        default=0.05,
        gt=0,
        le=1,
        description="Share of items that people label without seeing proposals; at least one item",
    )
    control_share: float = Field(
        default=0.02,
        ge=0,
        le=1,
        description="Share of the items asked about that people label without seeing proposals: the control group, "
        "which shows how much time the proposals save. It costs that time; 0: none, and audits stand in for it",
    )
    outlier_z: float = Field(
        default=3.5,
        ge=1,
        le=100,
        description="From how many robust standard deviations on a box or an image is an outlier and is asked about",
    )
    image_outliers: bool = Field(default=True, description="Ask about images that look unlike the rest of their batch")
    place_outliers: bool = Field(default=True, description="Ask about boxes where their class never is in this batch")
    count_outliers: bool = Field(
        default=True, description="Ask about images that hold unusually many or few boxes of a class"
    )
    surface_anomalies: bool = Field(
        default=False,
        description="Ask about images with a patch unlike all patches of good ones, which are the settled images of "
        "this collection without a label: for surfaces. Reads every image once more, and takes minutes",
    )
    surface_images: int = Field(
        default=100,
        ge=5,
        le=2000,
        description="A random sample of so many good images is remembered for surface_anomalies",
    )
    neighbours: int = Field(default=5, ge=1, le=100, description="How many nearest images an image is compared with")
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="Draws another random audit sample")

    @model_validator(mode="after")
    def _default_thresholds_are_valid(self) -> Self:
        ScoreThresholds(accept=self.accept, drop=self.drop)
        return self

    def of_round(self, accept: float, *, audited: bool) -> Self:
        """Return the options of a round: beside the control group one item is audited, since rounds draw by themselves.

        Args:
            accept: The score from which on something comes onto a page; nothing is dropped.
            audited: No: nobody labels blind. A round has few key frames, and one that is drawn without help costs as
                much as all others.
        """
        changes = {"accept": accept, "drop": 0.0, "class_thresholds": {}, "image_outliers": False}
        blind = {"audit_share": 1e-6} if audited else {"audit_share": 0.0, "control_share": 0.0}
        return self.model_copy(update={**changes, **blind})

    def thresholds_of(self, class_name: str) -> ScoreThresholds:
        """Return the thresholds of a class: its own, or the line's."""
        return self.class_thresholds.get(class_name) or ScoreThresholds(accept=self.accept, drop=self.drop)

    def check_classes(self, classes: tuple[str, ...]) -> None:
        """Check that every entry of class_thresholds is for a class that the line labels.

        Raises:
            UnknownClass: One is for a class that is not among `classes`.
        """
        for name in self.class_thresholds:
            if name not in classes:
                raise UnknownClass.named(name, classes, "the classes of this line, but is in class_thresholds")
