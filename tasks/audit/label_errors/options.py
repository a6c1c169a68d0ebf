"""What a person may set about a label-error review: it becomes the Prefect run form."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from blocks.naming.names import ClassNames, CollectionName
from blocks.naming.renamed import Renamed
from tasks.audit.label_errors.finding import LabelErrorOptions
from tasks.detect.options import TilingOptions
from tasks.review.decide.until import Until
from tasks.review.drafts.cutting import PartOptions
from tasks.review.questions.staffing import AnnotatorPool


class LabelErrorReviewOptions(Renamed):
    """Whose labels are looked at again, what speaks against them, and who is asked."""

    former_names: ClassVar = {"finders": "annotator_pool", "faults": "label_errors"}

    collection: CollectionName = Field(description="The collection whose settled labels are looked at again.")
    classes: ClassNames = Field(
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
    label_errors: LabelErrorOptions = Field(
        default=LabelErrorOptions(), description="What is suspicious, and how much is asked."
    )
    annotator_pool: AnnotatorPool = Field(
        default=AnnotatorPool(), description="Who looks again, and how many see each image."
    )
    parts: PartOptions | None = Field(
        default=PartOptions(),
        description="When a picture with many labels is asked about in parts, and only those with something "
        "suspicious; empty: always as a whole.",
    )
    until: Until = Field(default=Until(), description="When it has been answered enough.")
    pictures: int = Field(default=4, ge=0, le=20, description="So many of the most suspicious items are shown.")

    @model_validator(mode="after")
    def _unanswered_labels_stay(self) -> Self:
        if self.until.rest != "pass_on":
            raise ValueError(
                f"until.rest is {self.until.rest!r}: what nobody looks at again keeps its labels, so a review of "
                "label errors knows 'pass_on' only"
            )
        return self

    @property
    def recipe(self) -> str:
        """Name of the way in which the detector looks: scores are taken as they are."""
        return self.tiling.uncalibrated().recipe(self.classes)
