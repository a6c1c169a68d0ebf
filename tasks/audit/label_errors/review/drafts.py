"""What people see of a label-error review: an item with its labels, doubtful ones first and each with its reason."""

from collections.abc import Sequence

from tasks.audit.label_errors.finding import LabelFinding
from tasks.audit.label_errors.scores import Fault
from tasks.audit.label_errors.settled_labels import JudgedLabel, SettledItem
from tasks.review.posting.outbox import Draft
from tasks.review.questions.kinds.correct import CorrectPayload
from tasks.review.questions.kinds.regions import ShownBox


def draft_look(item: SettledItem, findings: Sequence[LabelFinding], round_: int) -> Draft:
    """Show an item with its labels; what is suspicious has thick outlines, comes first and carries its reason.

    Args:
        item: With its labels in force; what a finding is about may be gone since.
        findings: About it, one or more.
        round_: Of which round the question is.
    """
    suspicious = {one.subject: one for one in findings}
    shown = [_label_box(label, suspicious.get(label.region)) for label in item.labels]
    shown += [_missing_box(one, item) for one in findings if one.fault is Fault.OVERLOOKED]
    payload = CorrectPayload(
        width=item.width,
        height=item.height,
        prefill=[box.id for box in shown],
        boxes=sorted(shown, key=lambda box: (box.sure, box.score, box.id)),
        reasons={one.subject: one.reason for one in reversed(findings)},
    )
    expected = sum(one.suspicion for one in findings)
    return Draft(item.batch_id, item.item_id, payload.model_dump(mode="json"), round=round_, priority=expected)


def _label_box(label: JudgedLabel, doubt: LabelFinding | None) -> ShownBox:
    x_min, y_min, x_max, y_max = label.box_px
    score = 1 - doubt.suspicion if doubt else 1.0
    edges = {"x_min": x_min, "y_min": y_min, "x_max": x_max, "y_max": y_max}
    return ShownBox(id=label.region, class_name=label.class_name, score=score, sure=doubt is None, **edges)


def _missing_box(one: LabelFinding, item: SettledItem) -> ShownBox:
    x_min, y_min, x_max, y_max = one.box_px
    return ShownBox(
        id=one.subject,
        class_name=one.class_name,
        score=1 - one.suspicion,
        sure=False,
        x_min=max(0.0, x_min),
        y_min=max(0.0, y_min),
        x_max=min(float(item.width), x_max),
        y_max=min(float(item.height), y_max),
    )
