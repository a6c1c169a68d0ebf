"""What comes of one question, given all that people said to it: settled, one more person, a referee, or rework.

Pure: `aggregate.py` reads and writes around it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from blocks.database.tables import QuestionState
from tasks.review.consensus.answer_groups import Group, SlotAnswer
from tasks.review.consensus.comparers.protocol import HasPeople
from tasks.review.consensus.comparers.registry import comparer_of
from tasks.review.consensus.eligibility import Roster
from tasks.review.consensus.overlap_rule import NextStep, Slots, Step
from tasks.review.questions.queue import Queue
from tasks.review.questions.slots import MOST_SLOTS

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
    opinion: HasPeople | None = None
    """What the answers come to; None where one person answers."""

    @property
    def is_known(self) -> bool:
        """Whether all this is written already."""
        before = self.group.decided
        if before is None or self.course in (Course.ASK_MORE, Course.REFEREE):
            return False
        same = (before.step, before.members) == (self.course.value, list(self.members))
        return same and (before.answer_id == self.group.outcome_id if self.course.has_outcome else True)


def weigh(group: Group, agreed: HasPeople | None, queue: Queue, roster: Roster, *, is_last: bool) -> Weight:
    """Say what comes of one question.

    Args:
        group: The question, its slots and answers, with rulings applied.
        agreed: The consensus of the answers that count; None where the queue asks one person.
        queue: Its queue.
        roster: Who may answer.
        is_last: Time has run out: nobody is asked any more.
    """
    decides = [one for one in group.counted if one.person in roster.referees]
    if decides:
        return _verbatim(group, decides[-1])
    comparer = comparer_of(group.payload.type)
    if queue.overlap is None or agreed is None or comparer is None:
        return _verbatim(group, group.counted[-1]) if group.counted else _unanswered(group, roster, is_last)
    if not group.counted and (group.open_slots == 0 or is_last):
        return _unanswered(group, roster, is_last)
    slots = Slots(len(group.counted), group.open_slots, max(0, people_left(group, roster) - group.open_slots))
    following = comparer.next_step(agreed, slots, queue.overlap)
    return Weight(
        group=group,
        course=_course(group, following, queue, is_last),
        more=following.more,
        wrong=following.expected_wrong,
        reasons=following.reasons,
        raw=comparer.outcome(group, agreed),
        people=agreed.people,
        members=tuple(sorted(one.answer_id for one in group.counted)),
        opinion=agreed,
    )


def people_left(group: Group, roster: Roster) -> int:
    """Return how many may answer a question who have not said anything to it."""
    if not roster.annotators:
        return ANYBODY
    spoken = {one.person for one in group.said}
    return len(roster.annotators - spoken - set(roster.suspended))


def _verbatim(group: Group, said: SlotAnswer) -> Weight:
    comparer = comparer_of(group.payload.type)
    raw = comparer.verbatim(group, said.raw) if comparer else tuple(said.raw)
    return Weight(group, Course.SETTLED, raw=raw, people=(said.person,), members=(said.answer_id,))


def _unanswered(group: Group, roster: Roster, is_last: bool) -> Weight:
    if group.open_slots:
        return Weight(group, Course.UNANSWERED if is_last else Course.WAIT)
    if _is_skipped(group):
        return Weight(group, Course.REWORK, reasons=(SKIPPED_IT,))
    if group.next_slot > MOST_SLOTS or people_left(group, roster) == 0:
        return Weight(group, Course.REWORK, reasons=("nobody is left whose answer would count",))
    if is_last:
        return Weight(group, Course.UNANSWERED)
    return Weight(group, Course.ASK_MORE, more=1)


def _is_skipped(group: Group) -> bool:
    return QuestionState.REWORK in group.slots.values() and not group.is_skipped_by_referees


def _course(group: Group, following: NextStep, queue: Queue, is_last: bool) -> Course:
    if following.step is Step.SETTLED:
        return Course.SETTLED
    if _is_skipped(group) and not group.open_slots:
        return Course.REWORK
    if is_last:
        return Course.BEST_KNOWN
    if following.step is Step.WAIT:
        return Course.WAIT
    if following.step is Step.ASK_MORE and group.next_slot <= MOST_SLOTS:
        return Course.ASK_MORE
    can_decide = queue.referees and not group.is_skipped_by_referees and group.next_referee <= MOST_SLOTS
    return Course.REFEREE if can_decide else Course.BEST_KNOWN
