"""What a person may set about triage: it becomes the Prefect run form, so every field says what it does."""

import math
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from blocks.errors import UnknownClass


class Band(BaseModel):
    """The two scores between which a proposal is worth a question."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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


class CertifiedBands(BaseModel):
    """From which score boxes are accepted unseen, by class, as audits have proven; these replace the accept bands."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accept_from: dict[str, float] = Field(description="By class name; people look at all boxes of the other classes")
    epsilon: float = Field(gt=0, lt=1, description="At most this share of what is accepted is wrong")
    delta: float = Field(gt=0, lt=1, description="Chance, per class, that the promise is broken")

    def accept_of(self, class_name: str) -> float:
        """Return the score from which a class is accepted; infinite where nothing was proven."""
        return self.accept_from.get(class_name, math.inf)


class TriageOptions(BaseModel):
    """Which proposals are accepted, asked about or dropped, and which items people label blind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accept: float = Field(default=0.6, ge=0, le=1, description="Boxes of this score or more are accepted unseen")
    drop: float = Field(default=0.15, ge=0, le=1, description="Boxes of a lower score are dropped unseen")
    class_bands: dict[str, Band] = Field(
        default_factory=dict, description="Bands of single classes, by class name; the others use accept and drop"
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
    odd_z: float = Field(
        default=3.5,
        ge=1,
        le=100,
        description="From how many robust standard deviations on a box or an image counts as odd and is asked about",
    )
    odd_images: bool = Field(default=True, description="Ask about images that look unlike the rest of their batch")
    odd_places: bool = Field(default=True, description="Ask about boxes where their class never is in this batch")
    odd_counts: bool = Field(
        default=True, description="Ask about images that hold unusually many or few boxes of a class"
    )
    odd_colours: bool = Field(
        default=False,
        description="Ask about boxes of a colour that their class never has in this batch: reads every image once more",
    )
    odd_surfaces: bool = Field(
        default=False,
        description="Ask about images with a patch unlike all patches of good ones, which are the settled images of "
        "this collection without a label: for surfaces. Reads every image once more, and takes minutes",
    )
    surface_images: int = Field(
        default=100, ge=5, le=2000, description="So many good images are remembered for odd_surfaces, drawn by lot"
    )
    neighbours: int = Field(default=5, ge=1, le=100, description="How many nearest images an image is compared with")
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="Draws another random audit sample")

    @model_validator(mode="after")
    def _default_band_is_valid(self) -> Self:
        Band(accept=self.accept, drop=self.drop)
        return self

    def band_of(self, class_name: str) -> Band:
        """Return the band of a class: its own, or the line's."""
        return self.class_bands.get(class_name) or Band(accept=self.accept, drop=self.drop)

    def check_classes(self, classes: tuple[str, ...]) -> None:
        """Check that every class band is for a class that the line labels.

        Raises:
            UnknownClass: A class band is for a class that is not among `classes`.
        """
        for name in self.class_bands:
            if name not in classes:
                raise UnknownClass.named(name, classes, "the classes of this line, but has a band in class_bands")
