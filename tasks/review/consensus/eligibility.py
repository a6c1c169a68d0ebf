"""Whose answers count in a queue: a pure rule, the same whatever the order in which answers were heard.

Label Studio's open-source edition lets every user open every project, so nothing stops somebody from answering where
they should not. Such an answer is kept with its reason and does not count; it counts later if the reason goes (a person
is named in the queue, a suspension is lifted). A skip or an unusable answer is not judged here.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Ruling(StrEnum):
    """Whether an answer counts, and if not, why."""

    COUNTS = "counts"
    DECIDES = "decides"  # a referee's: it stands, whatever others say
    NOT_NAMED = "not_named"  # the queue names who may answer, and this person is not among them
    UNKNOWN_PERSON = "unknown_person"  # we do not know yet who this user of Label Studio is
    SUSPENDED = "suspended"  # given while the person was suspended from the queue
    RECALLED = "recalled"  # given since the person's last good gold result: asked again
    ANSWERED_BEFORE = "second_look"  # the person has answered this question in another slot

    @property
    def is_counted(self) -> bool:
        """Whether an answer with this ruling has a say."""
        return self in (Ruling.COUNTS, Ruling.DECIDES)


@dataclass(frozen=True, slots=True)
class Roster:
    """Who may answer a queue."""

    queue: str
    annotators: frozenset[str] = frozenset()
    """E-mails; empty: everybody."""
    referees: frozenset[str] = frozenset()
    """E-mails of those who decide; they may answer whether named or not."""
    suspended: Mapping[str, datetime] = field(default_factory=dict)
    """Since when people are suspended; who is not, is not in it."""
    recalled: frozenset[str] = frozenset()
    """Ids of answers that are to be asked again."""


@dataclass(frozen=True, slots=True)
class AnswerInForce:
    """One answer in force as far as the rule needs it."""

    answer_id: str
    question_id: str
    """The question itself, not the slot in which it was asked."""
    person: str
    annotation_id: int
    answered_at: datetime
    person_is_known: bool = True


def rule_on_answers(answers: Iterable[AnswerInForce], roster: Roster) -> dict[str, Ruling]:
    """Say of every answer whether it counts.

    Of two answers of one person to one question the one begun first counts, also if it was edited last: it was given
    without having seen the question before.

    Args:
        answers: The answers in force of one queue, any number of questions. May be empty.
        roster: Who may answer.

    Returns:
        By answer id.
    """
    rulings: dict[str, Ruling] = {}
    looks: dict[tuple[str, str], list[AnswerInForce]] = defaultdict(list)
    for answer in answers:
        rulings[answer.answer_id] = _rule_on_one(answer, roster)
        if rulings[answer.answer_id].is_counted:
            looks[answer.question_id, answer.person].append(answer)
    for same in looks.values():
        first = min(same, key=lambda answer: (answer.annotation_id, answer.answer_id))
        rulings.update({answer.answer_id: Ruling.ANSWERED_BEFORE for answer in same if answer is not first})
    return rulings


def explain(ruling: Ruling, person: str, roster: Roster) -> str:
    """Return the reason that is written beside an answer that does not count; empty where it counts."""
    named = ", ".join(sorted(roster.annotators | roster.referees))
    since = roster.suspended.get(person)
    when = f" since {since:%Y-%m-%d %H:%M}" if since else ""
    return {
        Ruling.COUNTS: "",
        Ruling.DECIDES: "",
        Ruling.NOT_NAMED: f"{person} is not among the people of queue {roster.queue!r} ({named})",
        Ruling.UNKNOWN_PERSON: f"who {person} is must be learnt first: queue {roster.queue!r} is for {named}",
        Ruling.SUSPENDED: f"{person} is suspended from queue {roster.queue!r}{when}",
        Ruling.RECALLED: f"given since the last good gold result of {person} in queue {roster.queue!r}: asked again",
        Ruling.ANSWERED_BEFORE: f"{person} has answered this question before, in another slot",
    }[ruling]


def _rule_on_one(answer: AnswerInForce, roster: Roster) -> Ruling:
    if answer.person in roster.referees:
        return Ruling.DECIDES
    if roster.annotators and not answer.person_is_known:
        return Ruling.UNKNOWN_PERSON
    if roster.annotators and answer.person not in roster.annotators:
        return Ruling.NOT_NAMED
    if answer.answer_id in roster.recalled:
        return Ruling.RECALLED
    since = roster.suspended.get(answer.person)
    return Ruling.SUSPENDED if since is not None and answer.answered_at >= since else Ruling.COUNTS
