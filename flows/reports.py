"""What a labelling run returns: small, typed, and readable in the Prefect UI."""

from typing import Self

from pydantic import BaseModel, ConfigDict

from tasks.audit.report import ProofReport
from tasks.detect.refs import DetectorRef
from tasks.intake.batches import BatchRef
from tasks.settle.effort import Effort
from tasks.settle.report import SettleReport
from tasks.triage.report import TriageReport


class LineReport(BaseModel):
    """What one run of the line did; without a batch there was nothing new to label."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    collection: str
    batch: BatchRef | None = None
    detector: DetectorRef | None = None
    proven: ProofReport | None = None
    triaged: TriageReport | None = None
    settled: SettleReport | None = None
    effort: Effort | None = None

    @classmethod
    def nothing_new(cls, collection: str) -> Self:
        """Return the report of a run that found every item of its collection labelled."""
        return cls(collection=collection)
