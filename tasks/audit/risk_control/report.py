"""What risk control of a batch came to, for the run's report and for people who read the Prefect UI."""

from collections.abc import Sequence

from pydantic import Field

from blocks.frozen import Frozen
from tasks.audit.bounds.certify import ClassThreshold, ThresholdStatus
from tasks.audit.risk_control.drift import InputDrift
from tasks.audit.risk_control.prove import Certification
from tasks.audit.risk_control.sample_boxes import ClassDraw
from tasks.triage.options import CertifiedThresholds
from tasks.triage.summary import escape_cell, percent, table

STANDING_WORDS = {
    ThresholdStatus.CERTIFIED: "certified",
    ThresholdStatus.NOT_ENOUGH_EVIDENCE: "not enough evidence: people look",
    ThresholdStatus.TOO_MANY_ERRORS: "too many errors: people look",
    ThresholdStatus.WITHDRAWN: "withdrawn",
}


class RiskControlReport(Frozen):
    """The thresholds of a batch, one for each class of the line."""

    batch_id: str
    thresholds: tuple[ClassThreshold, ...]
    in_force: CertifiedThresholds = Field(description="from which score each class is accepted unseen")
    drift: InputDrift | None = Field(default=None, description="against earlier batches; None: nothing to compare with")


def risk_control_report(batch_id: str, certified: Certification, drift: InputDrift | None = None) -> RiskControlReport:
    """Return what is known of a batch's thresholds as a report."""
    return RiskControlReport(
        batch_id=batch_id, thresholds=tuple(certified.thresholds.values()), in_force=certified.in_force, drift=drift
    )


def thresholds_summary(report: RiskControlReport) -> str:
    """Return the thresholds of a batch as a page: what is accepted from which score, what shows it, what is missing."""
    rows = [
        (
            threshold.class_name,
            STANDING_WORDS[threshold.standing],
            "–" if threshold.accept_from is None else f"{threshold.accept_from:.3f}",
            f"{threshold.wrong} of {threshold.judged}",
            percent(threshold.share_accepted, 1.0) if threshold.accept_from is not None else "–",
            "–" if threshold.more_audits is None else str(threshold.more_audits),
        )
        for threshold in report.thresholds
    ]
    head = ("class", "standing", "accepted from", "wrong of judged", "of its boxes accepted", "confirmations to go")
    promise = report.in_force
    return "\n\n".join(
        [
            f"## Certified thresholds of batch {escape_cell(report.batch_id)}",
            "Promise: of the boxes of a class that are accepted unseen, at most "
            f"{promise.max_error_rate:.1%} are wrong, with {promise.confidence:.0%} confidence. "
            "It speaks of this batch; boxes were randomly sampled from it.",
            table(head, rows) if rows else "The line has no class.",
            "\n".join(f"- {escape_cell(threshold.reason)}" for threshold in report.thresholds),
            *([] if report.drift is None else [_drift_in_words(report.drift)]),
        ]
    )


def _drift_in_words(drift: InputDrift) -> str:
    counts = f"{drift.items_now} against {drift.items_before} before, p = {drift.p_value:.3g}"
    if not drift.has_drifted:
        return f"Its {drift.what} look like those of earlier batches ({counts})."
    told = f"**Its {drift.what} have changed against earlier batches** ({counts}): what was measured before says little"
    if not drift.is_exact:
        return f"{told}. Pictures of one sequence are alike and there are few sequences, so no threshold ends by it."
    return f"{told}. A threshold in force stands on boxes of this batch; look at its false negatives."


def draws_summary(batch_id: str, draws: Sequence[ClassDraw]) -> str:
    """Return what is drawn of each class, and why."""
    rows = [(draw.class_name, draw.population, draw.drawn, draw.why) for draw in draws]
    return "\n\n".join(
        [
            f"## Boxes of batch {escape_cell(batch_id)} that people judge one by one",
            table(("class", "could be accepted", "randomly sampled", "why"), rows),
        ]
    )
