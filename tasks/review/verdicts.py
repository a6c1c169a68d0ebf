"""What comes of one question, given all that people said to it: settled, one more person, a referee, or rework.

Pure: `weighing.py` reads and writes around it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from blocks.tables import QuestionState
from tasks.review.choices import ChoiceConsensus
from tasks.review.consensus import Candidate, Consensus
from tasks.review.groups import Group, Said, as_shown, boxes_of
from tasks.review.overlap import Decision, Seats, Step, next_step_of_boxes, next_step_of_choice
from tasks.review.queues import Queue, not_an_object
from tasks.review.regions import SAME_PX, AnsweredBox, AnsweredKind
from tasks.review.routing import Roster
from tasks.review.seats import MOST_SEATS
from tasks.review.standards import OverlapRule

ANYBODY = 1_000_000
"""How many more may answer where the queue names nobody: enough."""

SKIPPED_IT = "people skipped it"


class Course(StrEnum):
    """What is done about a question."""

    SETTLED = "settled"
    ASK_MORE = "ask_more"
    WAIT = "wait"
    REFEREE = "referee"
    BEST_KNOWN = "best_known"  # still in doubt, and time or people have run out: the consensus stands all the same
    REWORK = "rework"  # people cannot answer it
    UNANSWERED = "unanswered"  # time has run out, and nobody's answer counts

    @property
    def has_outcome(self) -> bool:
        """Whether there is an answer to the question now."""
        return self in (Course.SETTLED, Course.BEST_KNOWN)


@dataclass(frozen=True, slots=True)
class Weight:
    """What the answers to one question come to."""

    group: Group
    course: Course
    more: int = 0
    wrong: float = 0.0
    """Expected share of wrong boxes or choices."""
    reasons: tuple[str, ...] = ()
    raw: tuple[dict[str, Any], ...] = ()
    people: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether all this is written already."""
        before = self.group.decided
        if before is None or self.course in (Course.ASK_MORE, Course.REFEREE):
            return False
        same = (before.step, before.members) == (self.course.value, list(self.members))
        return same and (before.answer_id == self.group.outcome_id if self.course.has_outcome else True)


@dataclass(frozen=True, slots=True)
class _Opinion:
    """What a consensus says of a question: its outcome, and what should come next."""

    next: Decision
    raw: tuple[dict[str, Any], ...]
    people: tuple[str, ...]
    candidates: tuple[Candidate, ...] = ()


def weigh(
    group: Group, agreed: Consensus | ChoiceConsensus | None, queue: Queue, roster: Roster, *, is_last: bool
) -> Weight:
    """Say what comes of one question.

    Args:
        group: The question, its seats and answers, with rulings applied.
        agreed: The consensus of the answers that count; None where the queue asks one person.
        queue: Its queue.
        roster: Who may answer.
        is_last: Time has run out: nobody is asked any more.
    """
    decides = [one for one in group.counted if one.person in roster.referees]
    if decides:
        return _verbatim(group, decides[-1])
    if queue.overlap is None or agreed is None:
        return _verbatim(group, group.counted[-1]) if group.counted else _unanswered(group, roster, is_last)
    if not group.counted and (group.open_seats == 0 or is_last):
        return _unanswered(group, roster, is_last)
    seats = Seats(len(group.counted), group.open_seats, max(0, people_left(group, roster) - group.open_seats))
    opinion = _opinion(group, agreed, seats, queue.overlap)
    return _weight(group, _course(group, opinion.next, queue, is_last), opinion)


def people_left(group: Group, roster: Roster) -> int:
    """Return how many may answer a question who have not said anything to it."""
    if not roster.annotators:
        return ANYBODY
    spoken = {one.person for one in group.said}
    return len(roster.annotators - spoken - set(roster.suspended))


def _verbatim(group: Group, said: Said) -> Weight:
    raw = tuple(said.raw)
    if group.payload.type == "boxes":
        boxes = as_shown(boxes_of(said.raw), group.payload.boxes, SAME_PX)
        raw = tuple(box.model_dump() for box in boxes)
    return Weight(group, Course.SETTLED, raw=raw, people=(said.person,), members=(said.answer_id,))


def _unanswered(group: Group, roster: Roster, is_last: bool) -> Weight:
    if group.open_seats:
        return Weight(group, Course.UNANSWERED if is_last else Course.WAIT)
    if _is_skipped(group):
        return Weight(group, Course.REWORK, reasons=(SKIPPED_IT,))
    if group.next_seat > MOST_SEATS or people_left(group, roster) == 0:
        return Weight(group, Course.REWORK, reasons=("nobody is left whose answer would count",))
    if is_last:
        return Weight(group, Course.UNANSWERED)
    return Weight(group, Course.ASK_MORE, more=1)


def _is_skipped(group: Group) -> bool:
    return QuestionState.REWORK in group.seats.values() and not group.is_skipped_by_referees


def _course(group: Group, following: Decision, queue: Queue, is_last: bool) -> Course:
    if following.step is Step.SETTLED:
        return Course.SETTLED
    if _is_skipped(group) and not group.open_seats:
        return Course.REWORK
    if is_last:
        return Course.BEST_KNOWN
    if following.step is Step.WAIT:
        return Course.WAIT
    if following.step is Step.ASK_MORE and group.next_seat <= MOST_SEATS:
        return Course.ASK_MORE
    can_decide = queue.referees and not group.is_skipped_by_referees and group.next_referee <= MOST_SEATS
    return Course.REFEREE if can_decide else Course.BEST_KNOWN


def _weight(group: Group, course: Course, opinion: _Opinion) -> Weight:
    return Weight(
        group=group,
        course=course,
        more=opinion.next.more,
        wrong=opinion.next.expected_wrong,
        reasons=opinion.next.reasons,
        raw=opinion.raw,
        people=opinion.people,
        members=tuple(sorted(one.answer_id for one in group.counted)),
        candidates=opinion.candidates,
    )


def _opinion(group: Group, agreed: Consensus | ChoiceConsensus, seats: Seats, rule: OverlapRule) -> _Opinion:
    if isinstance(agreed, Consensus):
        raw = tuple(box.model_dump() for box in agreed_boxes(agreed.boxes, group))
        return _Opinion(next_step_of_boxes(agreed, seats, rule), raw, agreed.people, agreed.candidates)
    return _Opinion(next_step_of_choice(agreed, seats, rule), (_agreed_kind(agreed, group),), agreed.people)


def _agreed_kind(agreed: ChoiceConsensus, group: Group) -> dict[str, Any]:
    if agreed.choice is None:
        return AnsweredKind(kind=None, verdict="cannot_tell").model_dump()
    if agreed.choice == not_an_object(group.payload.class_name or ""):
        return AnsweredKind(kind=None, verdict="not_an_object").model_dump()
    return AnsweredKind(kind=agreed.choice, verdict="kind").model_dump()


def agreed_boxes(candidates: Sequence[Candidate], group: Group) -> list[AnsweredBox]:
    """Return candidates as boxes of an answer; one that most of its people left as shown stays as it was shown."""
    shown = {box.id: box for box in group.payload.boxes}
    left = [box.id for said in group.counted for box in boxes_of(said.raw) if box.untouched]
    boxes: dict[str, AnsweredBox] = {}
    for one in sorted(candidates, key=lambda one: -len(one.drawn_by)):
        # Somebody may have dragged a shown box to another object: then two places have its id. Most people's keeps it.
        region = one.region if one.region not in boxes else f"{one.region}~{len(boxes)}"
        edges = {name: getattr(one, name) for name in ("x_min", "y_min", "x_max", "y_max")}
        before = shown.get(region)
        if before is not None and 2 * left.count(one.region) > len(one.drawn_by):
            edges = {name: getattr(before, name) for name in edges}
        boxes[region] = AnsweredBox(id=region, class_name=one.class_name, untouched=False, **edges)
    return as_shown(list(boxes.values()), group.payload.boxes, SAME_PX)
