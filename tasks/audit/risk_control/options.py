"""What a person may set about the promise behind what is accepted unseen (the Prefect run form), and its reference."""

from typing import ClassVar

from pydantic import Field

from blocks.errors import UnknownClass
from blocks.frozen import Frozen
from blocks.naming.names import CollectionName
from blocks.naming.renamed import Renamed, complement
from tasks.audit.bounds.certify import Promise
from tasks.detect.refs import Scope
from tasks.triage.options import TriageOptions


class RiskControlOptions(Renamed):
    """Risk control: what is promised of boxes accepted without a look, and how many of them people judge for it."""

    former_names: ClassVar = {"epsilon": "max_error_rate", "delta": "confidence", "floor": "min_score"}
    former_values: ClassVar = {"delta": complement}

    max_error_rate: float = Field(
        default=0.02, gt=0, lt=0.5, description="At most this share of accepted boxes is wrong (epsilon)"
    )
    confidence: float = Field(
        default=0.95,
        gt=0.5,
        lt=1,
        description="How sure that is, per batch and class (1 - delta, the chance that the promise is broken)",
    )
    min_score: float = Field(
        default=0.4,
        ge=0,
        le=1,
        description="Boxes of a lower score are never accepted unseen, and none of them is sampled to be judged",
    )
    boxes_per_batch: int = Field(
        default=2400, ge=0, le=100_000, description="Boxes of a batch that people judge one by one, at most"
    )
    boxes_per_class: int = Field(default=800, ge=0, le=100_000, description="The same, for each class")
    boxes_at_first: int = Field(
        default=400,
        ge=1,
        le=100_000,
        description="So many of a class are judged at first; the others only where they may still change something",
    )
    class_limits: dict[str, int] = Field(
        default_factory=dict, description="The same for single classes, by name; 0: nothing of it is accepted unseen"
    )
    most_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="At most this share of a class's boxes is sampled; where certifying takes more, people look at all",
    )
    end_on_drift: bool = Field(
        default=True,
        description="Accept nothing unseen in a batch whose pictures have changed against earlier ones: what is "
        "accepted may be right there, but a detector misses more on pictures of another kind",
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="Samples other boxes to be judged")

    @property
    def promise(self) -> Promise:
        """What is promised of each class."""
        return Promise(max_error_rate=self.max_error_rate, confidence=self.confidence)

    def limit_of(self, class_name: str) -> int:
        """Return how many boxes of a class people judge in a batch, at most."""
        return self.class_limits.get(class_name, self.boxes_per_class)

    def check_classes(self, classes: tuple[str, ...]) -> None:
        """Check that every limit is for a class that the line labels.

        Raises:
            UnknownClass: A limit is for a class that is not among `classes`.
        """
        for name in self.class_limits:
            if name not in classes:
                raise UnknownClass.named(name, classes, "the classes of this line, but has a limit in class_limits")


class ReopenOptions(Frozen):
    """Which pictures without an answer are asked again."""

    collection: CollectionName = Field(description="The collection in which people skipped something.")
    names: tuple[str, ...] = Field(
        default=(), max_length=10_000, description="File names of the pictures; empty: all that have no answer."
    )
    hours: float | None = Field(
        default=None, gt=0, description="Go on after so many hours; empty: wait until all are answered or skipped."
    )


class RiskControlRef(Renamed):
    """Risk control as its steps pass it on: of whose proposals, in which batch, and by which options."""

    former_names: ClassVar = {"proof": "risk_control"}

    batch_id: str
    detector: str
    recipe: str
    classes: tuple[str, ...]
    triage: TriageOptions = Field(description="as triage will use them: they say what could be accepted at all")
    risk_control: RiskControlOptions

    @property
    def scope(self) -> Scope:
        """Whose proposals count."""
        return Scope(self.batch_id, self.detector, self.recipe)
