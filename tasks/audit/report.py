"""What the proof of a batch came to, for the run's report and for people who read the Prefect UI."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from tasks.audit.bands import ClassBand, Standing
from tasks.audit.draws import ClassDraw
from tasks.audit.proving import Proof
from tasks.audit.withdrawal import Drift
from tasks.triage.options import CertifiedBands
from tasks.triage.summary import escape_cell, percent, table

STANDING_WORDS = {
    Standing.CERTIFIED: "certified",
    Standing.NOT_ENOUGH_EVIDENCE: "not enough evidence: people look",
    Standing.TOO_MANY_ERRORS: "too many errors: people look",
    Standing.WITHDRAWN: "withdrawn",
}


class ProofReport(BaseModel):
    """The bands of a batch, one for each class of the line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_id: str
    bands: tuple[ClassBand, ...]
    in_force: CertifiedBands = Field(description="from which score each class is accepted unseen")
    drift: Drift | None = Field(default=None, description="against earlier batches; None: nothing to compare with")

    @property
    def more_confirmations(self) -> dict[str, int]:
        """About how many more boxes must be confirmed until a class has a band, where that can be said."""
        return {band.class_name: band.more_audits for band in self.bands if band.more_audits is not None}


def proof_report(batch_id: str, proof: Proof, drift: Drift | None = None) -> ProofReport:
    """Return what is known of a batch's bands as a report."""
    return ProofReport(batch_id=batch_id, bands=tuple(proof.bands.values()), in_force=proof.in_force, drift=drift)


def bands_summary(report: ProofReport) -> str:
    """Return the bands of a batch as a page: what is accepted from which score, what shows it, what is missing."""
    rows = [
        (
            band.class_name,
            STANDING_WORDS[band.standing],
            "–" if band.accept_from is None else f"{band.accept_from:.3f}",
            f"{band.wrong} of {band.judged}",
            percent(band.share_accepted, 1.0) if band.accept_from is not None else "–",
            "–" if band.more_audits is None else str(band.more_audits),
        )
        for band in report.bands
    ]
    head = ("class", "standing", "accepted from", "wrong of judged", "of its boxes accepted", "confirmations to go")
    promise = report.in_force
    return "\n\n".join(
        [
            f"## Certified bands of batch {escape_cell(report.batch_id)}",
            f"Promise: of the boxes of a class that are accepted unseen, at most {promise.epsilon:.1%} are wrong, with "
            f"{1 - promise.delta:.0%} confidence. It speaks of this batch; boxes were drawn from it by lot.",
            table(head, rows) if rows else "The line has no class.",
            "\n".join(f"- {escape_cell(band.reason)}" for band in report.bands),
            *([] if report.drift is None else [_drift_in_words(report.drift)]),
        ]
    )


def _drift_in_words(drift: Drift) -> str:
    counts = f"{drift.items_now} against {drift.items_before} before, p = {drift.p_value:.3g}"
    if not drift.has_drifted:
        return f"Its {drift.what} look like those of earlier batches ({counts})."
    told = f"**Its {drift.what} have changed against earlier batches** ({counts}): what was measured before says little"
    if not drift.is_exact:
        return f"{told}. Pictures of one sequence are alike and there are few sequences, so no band ends by it."
    return f"{told}. A band that is in force stands on boxes drawn from this batch; look at what the detector misses."


def draws_summary(batch_id: str, draws: Sequence[ClassDraw]) -> str:
    """Return what is drawn of each class, and why."""
    rows = [(draw.class_name, draw.population, draw.drawn, draw.why) for draw in draws]
    return "\n\n".join(
        [
            f"## Boxes of batch {escape_cell(batch_id)} that people judge one by one",
            table(("class", "could be accepted", "drawn by lot", "why"), rows),
        ]
    )
