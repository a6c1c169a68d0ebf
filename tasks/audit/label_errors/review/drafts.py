"""What people see of a label-error review: an item with its labels, doubtful ones first and each with its reason."""

from collections.abc import Sequence

import numpy as np

from blocks.published_times import VERIFY_BOX
from tasks.audit.label_errors.finding import LabelFinding
from tasks.audit.label_errors.scores import Fault
from tasks.audit.label_errors.settled_labels import JudgedLabel, SettledItem
from tasks.kinds.geometry import edges_of
from tasks.review.drafts.cutting import Marks, PartOptions, cut_into_parts
from tasks.review.posting.outbox import Draft
from tasks.review.questions.expected import CLICK_S, GLANCE_BOX_S
from tasks.review.questions.kinds.boxes.part import middles_in
from tasks.review.questions.kinds.boxes.regions import ShownBox
from tasks.review.questions.kinds.correct import CorrectPayload


def draft_look(
    item: SettledItem, findings: Sequence[LabelFinding], round_: int, parts: PartOptions | None = None
) -> list[Draft]:
    """Show an item with its labels; what is suspicious has thick outlines, comes first and carries its reason.

    Args:
        item: With its labels in force; what a finding is about may be gone since.
        findings: About it, one or more.
        round_: Of which round the question is.
        parts: When it is asked in parts, and then only about those with something suspicious; None: never.

    Returns:
        One question, or one for each part.
    """
    suspicious = {one.subject: one for one in findings}
    shown = [_label_box(label, suspicious.get(label.region)) for label in item.labels]
    shown += [_missing_box(one, item) for one in findings if one.fault is Fault.OVERLOOKED]
    payload = CorrectPayload(
        width=item.width,
        height=item.height,
        reasons={one.subject: one.reason for one in reversed(findings)},
    ).showing(sorted(shown, key=lambda box: (box.sure, box.score, box.id)))
    expected = sum(one.suspicion for one in findings)
    return [
        Draft(item.batch_id, item.item_id, part.model_dump(mode="json"), subject, round_, expected)
        for subject, part in _in_parts(payload, parts, about_all=any(not one.subject for one in findings))
    ]


def _in_parts(
    payload: CorrectPayload, options: PartOptions | None, about_all: bool
) -> list[tuple[str, CorrectPayload]]:
    """Return the parts of a look that hold something suspicious, by their subject; or the whole of it."""
    edges = edges_of(payload.boxes)
    seconds = [GLANCE_BOX_S if box.sure else VERIFY_BOX.seconds + (1 - box.score) * CLICK_S for box in payload.boxes]
    marks = Marks(edges, np.array(seconds, np.float64))
    parts = cut_into_parts(payload.width, payload.height, marks, options) if options else []
    found = []
    for part in parts:
        boxes = [box for box, mine in zip(payload.boxes, middles_in(part.frame, edges), strict=True) if mine]
        if about_all or any(not box.sure for box in boxes):
            found.append((part.subject, payload.showing(boxes).model_copy(update={"part": part})))
    return found or [("", payload)]


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
