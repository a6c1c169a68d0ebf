"""What a person may set about second looks: it becomes the Prefect run form."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from tasks.audit.faults import FaultOptions
from tasks.detect.options import TilingOptions
from tasks.review.rules import Until
from tasks.review.standards import Staff

Name = Annotated[str, StringConstraints(pattern=r"^[\w][\w .-]*$", max_length=60)]


class LookOptions(BaseModel):
    """Whose labels are looked at again, what speaks against them, and who is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    collection: Name = Field(description="The collection whose settled labels are looked at again.")
    classes: tuple[Name, ...] = Field(
        min_length=1, max_length=200, description="Classes that people may give a box: all that its labels have."
    )
    batch: str | None = Field(default=None, max_length=200, description="Only this batch; empty: all that are settled.")
    detector: str = Field(
        default="champion",
        description="Whose boxes are held against the labels: `champion`, a version, or a path to weights (.pt). Best "
        "one that has not learned from these labels: it would repeat their faults.",
    )
    most_items: int = Field(
        default=10_000, ge=1, le=1_000_000, description="Items judged at most, those of the newest batches first."
    )
    tiling: TilingOptions = Field(default=TilingOptions(), description="How images are cut for the detector.")
    faults: FaultOptions = Field(default=FaultOptions(), description="What is suspicious, and how much is asked.")
    finders: Staff = Field(default=Staff(), description="Who looks again, and how many see each image.")
    until: Until = Field(default=Until(), description="When it has been answered enough.")
    pictures: int = Field(default=4, ge=0, le=20, description="So many of the most suspicious items are shown.")

    @model_validator(mode="after")
    def _unanswered_labels_stay(self) -> Self:
        if self.until.rest != "pass_on":
            raise ValueError(
                f"until.rest is {self.until.rest!r}: what nobody looks at again keeps its labels, so a second look "
                "knows 'pass_on' only"
            )
        return self

    @property
    def recipe(self) -> str:
        """Name of the way in which the detector looks: scores are taken as they are."""
        return self.tiling.uncalibrated().recipe(self.classes)
