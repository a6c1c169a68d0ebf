"""What people said to a label-error review: which of the findings they acted on, and what else they changed."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import ValidationError
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Answer, AnswerState, Question
from tasks.audit.label_errors.finding import LabelFinding
from tasks.audit.label_errors.record import Look
from tasks.audit.label_errors.report import LabelErrorReport
from tasks.audit.label_errors.scores import Fault
from tasks.kinds.geometry import RIGHT_IOU, iou_of_all
from tasks.review.questions.kinds.boxes.regions import AnsweredBox
from tasks.review.questions.kinds.correct import CorrectPayload
from tasks.review.questions.queue import MARK_MISSED
from tasks.triage.boxes import in_shards


@dataclass(frozen=True, slots=True)
class LookedAt:
    """One item of a look: what people were shown, and what they left; None where nobody answered."""

    item_id: str
    payload: CorrectPayload
    said: tuple[AnsweredBox, ...] | None
    findings: tuple[LabelFinding, ...]

    @property
    def missing(self) -> set[str]:
        """Ids of the boxes that were shown where a label may be missing."""
        return {one.subject for one in self.findings if one.fault is Fault.OVERLOOKED}

    @property
    def added(self) -> int:
        """Boxes that are labels now and were none."""
        labels = {box.id for box in self.payload.boxes} - self.missing
        return sum(box.id not in labels for box in self.said or ())

    @property
    def removed(self) -> set[str]:
        """Ids of the labels that people took away."""
        left = {box.id for box in self.said or ()}
        return set() if self.said is None else {box.id for box in self.payload.boxes} - self.missing - left

    @property
    def altered(self) -> set[str]:
        """Ids of the labels that people moved or renamed."""
        were = {box.id: box for box in self.payload.boxes if box.id not in self.missing}
        said = [box for box in self.said or () if box.id in were]
        return {box.id for box in said if not box.untouched or box.class_name != were[box.id].class_name}

    @property
    def is_changed(self) -> bool:
        """Whether people changed any label."""
        return bool(self.added or self.removed or self.altered)

    def is_confirmed(self, finding: LabelFinding) -> bool:
        """Say whether people changed what a finding is about."""
        if finding.fault is Fault.OVERLOOKED:
            return any(box.id == finding.subject or _is_there(box, finding) for box in self._drawn())
        return finding.subject in self.removed | self.altered if finding.subject else self.is_changed

    def _drawn(self) -> Iterator[AnsweredBox]:
        labels = {box.id for box in self.payload.boxes} - self.missing
        return (box for box in self.said or () if box.id not in labels)


def read_answers(engine: Engine, look: Look) -> list[LookedAt]:
    """Return the items of a look that are in the outbox or farther, the most suspicious first."""
    findings: dict[str, list[LabelFinding]] = {item_id: [] for item_id in look.asked}
    for finding in look.findings:
        if finding.item_id in findings:
            findings[finding.item_id].append(finding)
    found: dict[str, LookedAt] = {}
    for part in in_shards(list(look.asked)):
        query = select(Question).where(
            Question.queue == MARK_MISSED,
            col(Question.batch_id).in_(look.batches),
            col(Question.item_id).in_(part),
            Question.round == look.round,
        )
        with reading(engine) as session:
            questions = session.exec(query).all()
            answers = select(Answer.question_id, Answer.raw).where(
                col(Answer.question_id).in_([one.id for one in questions]), Answer.state == AnswerState.COUNTED.value
            )
            raw = dict(session.exec(answers.order_by(col(Answer.answered_at), col(Answer.id))).all())
        by_item: dict[str, list[Question]] = defaultdict(list)
        for one in questions:
            by_item[one.item_id].append(one)
        for item_id, some in by_item.items():
            found[item_id] = _joined(item_id, some, raw, tuple(findings[item_id]))
    return [found[item_id] for item_id in look.asked if item_id in found]


def _joined(
    item_id: str,
    questions: Sequence[Question],
    raw: Mapping[str, Sequence[object]],
    findings: tuple[LabelFinding, ...],
) -> LookedAt:
    """Return what was asked about an item, whole or in parts, and what people left: nothing before all is answered."""
    payloads = [CorrectPayload.model_validate(one.payload) for one in questions]
    whole = payloads[0].showing([box for payload in payloads for box in payload.boxes])
    said = [_parse(raw.get(one.id)) for one in questions]
    left = [box for boxes in said if boxes is not None for box in boxes]
    return LookedAt(item_id, whole, None if any(boxes is None for boxes in said) else tuple(left), findings)


def with_answers(report: LabelErrorReport, looked_at: Sequence[LookedAt]) -> LabelErrorReport:
    """Return a report with what people have said by now."""
    answered = [one for one in looked_at if one.said is not None]
    told = [(one, finding) for one in answered for finding in one.findings]
    counts = {
        "items_answered": len(answered),
        "items_changed": sum(one.is_changed for one in answered),
        "answered": _by_kind([finding for _, finding in told]),
        "changed": _by_kind([finding for one, finding in told if one.is_confirmed(finding)]),
        "boxes_added": sum(one.added for one in answered),
        "boxes_changed": sum(len(one.altered) for one in answered),
        "boxes_removed": sum(len(one.removed) for one in answered),
    }
    return report.model_copy(update=counts)


def _by_kind(findings: Sequence[LabelFinding]) -> Mapping[str, int]:
    return dict(sorted(Counter(one.fault.value for one in findings).items()))


def _is_there(box: AnsweredBox, finding: LabelFinding) -> bool:
    drawn = np.array([(box.x_min, box.y_min, box.x_max, box.y_max)])
    return bool(iou_of_all(drawn, np.array([finding.box_px]))[0, 0] >= RIGHT_IOU)


def _parse(raw: Sequence[object] | None) -> tuple[AnsweredBox, ...] | None:
    if raw is None:
        return None
    try:
        return tuple(AnsweredBox.model_validate(entry) for entry in raw)
    except ValidationError:
        return None  # settling names it with its reason; here it is no answer
