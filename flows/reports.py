"""What a labelling run returns: small, typed, and readable in the Prefect UI."""

from typing import Self

from pydantic import Field

from blocks.frozen import Frozen
from tasks.audit.risk_control.report import RiskControlReport
from tasks.detect.refs import DetectorRef
from tasks.intake.batches import BatchRef
from tasks.monitor.active_learning.goals import LoopVerdict, Round
from tasks.settle.annotators.skipped import Skipped
from tasks.settle.effort import Effort
from tasks.settle.report import SettleReport
from tasks.train.promotion import PromotionReport
from tasks.triage.report import TriageReport

LISTED = 100
"""So many pictures without an answer are named: a report travels through Prefect, and the catalogue has them all."""


class LineReport(Frozen):
    """What one run of the line did; without a batch there was nothing new to label."""

    collection: str
    batch: BatchRef | None = None
    detector: DetectorRef | None = None
    certified: RiskControlReport | None = None
    triaged: TriageReport | None = None
    settled: SettleReport | None = None
    effort: Effort | None = None
    skipped: tuple[Skipped, ...] = Field(
        default=(), description="Without an answer; what was set aside is in `settled`"
    )

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


class LoopReport(Frozen):
    """What a loop did: every round of its collection so far, why it ended, and what became of the rest."""

    collection: str
    rounds: tuple[Round, ...]
    ended: LoopVerdict
    rest: LineReport | None = None
