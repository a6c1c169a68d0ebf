"""What a label-error review found, what was asked of it, and what people changed: as numbers and as a page."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, computed_field

from tasks.audit.label_errors.scores import Fault
from tasks.triage.summary import escape_cell, percent, table

LISTED = 100
SHOWN = 20


class LabelErrorReport(BaseModel):
    """What a detector has to say against the labels of a collection, and what people said to that."""

    model_config = ConfigDict(frozen=True, extra="ignore")  # ignore: the computed share comes along when read back

    collection: str
    batch_id: str | None = Field(default=None, description="Where one batch was looked at only")
    detector: str = Field(default="", description="Version of the detector that speaks against labels")
    items: int = Field(default=0, description="Settled items that were judged")
    labels: int = 0
    findings: dict[str, int] = Field(default_factory=dict, description="By kind of fault, weak ones included")
    asked: dict[str, int] = Field(default_factory=dict, description="Findings that people were shown, by kind")
    items_asked: int = Field(default=0, description="Sent back to people")
    items_asked_before: int = Field(default=0, description="Suspicious, and not sent back: an earlier look was asked")
    items_over_budget: int = Field(default=0, description="Suspicious too, and not sent back: the budget is spent")
    over_budget: tuple[str, ...] = Field(default=(), description=f"The first {LISTED} of those, most suspicious first")
    items_weak: int = Field(default=0, description="With findings below the least suspicion only")
    items_not_scanned: int = Field(default=0, description="Not judged: this detector has not looked at them")
    items_audited: int = Field(default=0, description="Left out: audits are never shown what a detector says")
    items_unsettled: int = Field(default=0, description="Not judged: their batch is not settled yet")
    items_watched: int = Field(default=0, description="Not judged: people are asked to watch them in a film")
    items_beyond: int = Field(default=0, description="Not judged: of older batches, and more than the most allowed")
    not_judged: tuple[str, ...] = Field(default=(), description="What could not be judged at all, and why")
    items_learned: int | None = Field(
        default=None, description="Judged items that the detector was trained on; None: not known"
    )
    labels_its_own: int = Field(
        default=0, description="Labels that this detector proposed itself, and nobody changed: it will not object"
    )
    items_answered: int = 0
    items_changed: int = Field(default=0, description="Answered, and people added, changed or removed a box")
    answered: dict[str, int] = Field(default_factory=dict, description="Findings that people answered, by kind")
    changed: dict[str, int] = Field(default_factory=dict, description="Findings after which they did, by kind")
    boxes_added: int = 0
    boxes_changed: int = Field(default=0, description="Moved or renamed")
    boxes_removed: int = 0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def precision(self) -> float | None:
        """Share of the answered items in which people changed something; None without an answer."""
        return self.items_changed / self.items_answered if self.items_answered else None


def look_page(report: LabelErrorReport, pictures: str = "") -> str:
    """Return a report as Markdown; `pictures` is Markdown too."""
    parts = [
        f"## Label-error review of {escape_cell(report.batch_id or report.collection)}",
        _outcome(report),
        f"{report.labels:,} labels on {_count(report.items)} were held against what detector "
        f"{escape_cell(report.detector)} sees there.",
        *_weak_evidence(report),
        _by_kind(report) if report.findings else "Nothing speaks against any of them.",
        *_left_out(report),
    ]
    if report.over_budget:
        rows = [(item_id[:12],) for item_id in report.over_budget[:SHOWN]]
        parts.append(f"Over the budget, most suspicious first:\n\n{table(('item',), rows)}")
    return "\n\n".join([*parts, pictures] if pictures else parts)


def _outcome(report: LabelErrorReport) -> str:
    asked = f"{_count(report.items_asked)} sent back to people"
    if not report.items_answered:
        return f"**{asked}**, none answered yet." if report.items_asked else f"**{asked}.**"
    share = percent(report.items_changed, report.items_answered)
    return (
        f"**{asked}, {report.items_answered:,} answered: people changed labels on {report.items_changed:,} of them "
        f"({share}).** Boxes added {report.boxes_added:,}, moved or renamed {report.boxes_changed:,}, "
        f"removed {report.boxes_removed:,}."
    )


def _weak_evidence(report: LabelErrorReport) -> list[str]:
    """Say how much of what the detector says is an echo."""
    said = []
    if report.items_learned:
        said.append(f"it was trained on {report.items_learned:,} of these {report.items:,} images")
    if report.labels_its_own:
        said.append(f"it proposed {report.labels_its_own:,} of these {report.labels:,} labels itself")
    if said:
        advice = "A detector that has not learned from them says more: name an earlier version."
        return [f"**Weak evidence:** {', and '.join(said)}, so it repeats their faults. {advice}"]
    if report.items_learned is None and report.items:
        return ["What this detector was trained on is not known here: if on these labels, it repeats their faults."]
    return []


def _by_kind(report: LabelErrorReport) -> str:
    rows = [_kind_row(report, fault.value) for fault in Fault if fault.value in report.findings]
    head = ("what is wrong", "found", "asked", "answered", "people changed it", "precision")
    return table(head, rows)


def _kind_row(report: LabelErrorReport, kind: str) -> tuple[object, ...]:
    asked, answered, changed = (_of(part, kind) for part in (report.asked, report.answered, report.changed))
    return kind, report.findings[kind], asked, answered, changed, percent(changed, answered)


def _of(counts: Mapping[str, int], kind: str) -> int:
    return counts.get(kind, 0)


def _left_out(report: LabelErrorReport) -> list[str]:
    counted = [
        (report.items_over_budget, "suspicious too, and over the budget"),
        (report.items_asked_before, "suspicious again, and asked about in an earlier look"),
        (report.items_weak, "with weak findings only"),
        (report.items_audited, "labelled blind for the audit: never shown what a detector says"),
        (report.items_not_scanned, "not looked at by this detector: not readable"),
        (report.items_unsettled, "in batches that are not settled yet"),
        (report.items_watched, "in a film that people are asked to watch: a later look judges them"),
        (report.items_beyond, "of older batches, more than the most allowed"),
    ]
    rows = [(words, number) for number, words in counted if number]
    parts = [table(("not asked about", "images"), rows)] if rows else []
    return parts + [f"Not judged: {escape_cell(why)}." for why in report.not_judged]


def _count(number: int) -> str:
    return f"{number:,} image{'' if number == 1 else 's'}"
