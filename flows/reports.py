"""What a labelling run returns: small, typed, and readable in the Prefect UI."""

from typing import Self

from pydantic import BaseModel, ConfigDict

from tasks.audit.report import ProofReport
from tasks.detect.refs import DetectorRef
from tasks.intake.batches import BatchRef
from tasks.monitor.goals import Round, Verdict
from tasks.settle.effort import Effort
from tasks.settle.report import SettleReport
from tasks.train.promotion import PromotionReport
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

    def as_round(self, trained: PromotionReport | str) -> Round | None:
        """Return what a round came to, given its training or why there was none; None without a batch."""
        if self.batch is None:
            return None
        came_to = Round(
            batch_id=self.batch.id,
            items=self.batch.size,
            labels=self.settled.labels if self.settled else 0,
            accepted_without_people=self.settled.accepted_without_people if self.settled else 0,
            human_seconds=self.effort.human_seconds if self.effort else 0.0,
            unknown=self.triaged.lacking if self.triaged else (),
        )
        if isinstance(trained, str):
            return came_to.model_copy(update={"note": trained})
        metric = trained.after if trained.promoted else trained.before
        told = {"metric": metric, "promoted": trained.promoted, "detector": trained.champion.version}
        return came_to.model_copy(update=told)


class LoopReport(BaseModel):
    """What a loop did: every round of its collection so far, why it ended, and what became of the rest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    collection: str
    rounds: tuple[Round, ...]
    ended: Verdict
    rest: LineReport | None = None
