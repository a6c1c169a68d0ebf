"""Gold: questions whose answer is known, hidden among the others, and what a person's answers to them mean.

A gold question is passed or failed as a whole. Boxes of one picture share its light and its reader, so they are no
independent trials; questions are. From the last ones comes a lower bound on how often the person passes
(Clopper-Pearson, one-sided, exact). When the bound falls under the queue's `min_accuracy`, the person is suspended from
this queue, and what they answered since their bound was last good is asked again.

A bound lies below the truth, so choose it well under what a good person achieves. With the defaults (0.7,
window 60, trial 30) in 300 simulated careers of 200 gold answers, people who pass 98 % were never suspended, 95 % once
in a hundred, 90 % one in four, 80 % nearly all. Who drops from 98 % to 50 % is suspended after 21 gold answers.

Source:
    Clopper and Pearson, "The use of confidence or fiducial limits", Biometrika 1934.
"""

import hashlib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from tasks.review.questions.staffing import GoldRule


@dataclass(frozen=True, slots=True)
class GoldQuestion:
    """A question with a known answer, and how often it was asked."""

    id: str
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Placed:
    """That a gold question stands at a position of what is posted, from 0."""

    position: int
    gold_id: str


@dataclass(frozen=True, slots=True)
class GoldAnswer:
    """How a person answered a gold question."""

    question_id: str
    answered_at: datetime
    passed: bool


@dataclass(frozen=True, slots=True)
class PlainAnswer:
    """A person's answer to a question that is no gold."""

    answer_id: str
    answered_at: datetime


class State(StrEnum):
    """How a person stands in a queue."""

    ON_TRIAL = "on_trial"  # too few gold answers to tell; answers count
    GOOD = "good"
    SUSPENDED = "suspended"  # gets no new questions; answers since the last good bound are asked again


@dataclass(frozen=True, slots=True)
class ScreeningResult:
    """How a person stands in a queue, and what follows."""

    state: State
    lower: float
    """Lower bound on the share of gold questions that the person passes; 0 where there are none."""
    passed: int
    of: int
    """In the window."""
    since: datetime | None
    """When the person was suspended; None: they are not."""
    good_until: datetime | None
    """When the bound was last good (or a suspension was lifted); None: never."""
    ask_again: tuple[str, ...]
    """Ids of answers to ask again, the oldest first; none unless suspended."""
    reason: str


def place_gold(
    questions: int, pool: Sequence[GoldQuestion], rule: GoldRule, seed: str, seen: Collection[str] = ()
) -> tuple[Placed, ...]:
    """Choose gold questions and where to hide them among others.

    One falls into each stretch of equal length, at a random place of it, so that nobody can count them out. Those asked
    least come first. Where the pool is too small, fewer are hidden, and none twice.

    Args:
        questions: How many others are posted.
        pool: Known gold questions of this queue; may be empty.
        rule: Of the queue.
        seed: Such as queue, batch and slot: the same seed hides the same.
        seen: Ids that somebody of this slot has seen before: they would be recognised.

    Returns:
        In the order of positions, which are those after all are mixed in.
    """
    wanted = math.ceil(questions * rule.share / (1 - rule.share) - 1e-9)
    fresh = sorted((one for one in pool if one.id not in seen), key=lambda one: (one.asked, _draw(seed, one.id)))
    taken = sorted(fresh[:wanted], key=lambda one: _draw(seed, "order", one.id))
    total = questions + len(taken)
    placed = []
    for index, one in enumerate(taken):
        start, stop = index * total // len(taken), (index + 1) * total // len(taken)
        placed.append(Placed(start + int(_draw(seed, "place", str(index)) * (stop - start)), one.id))
    return tuple(placed)


def judge_person(
    gold: Sequence[GoldAnswer], answers: Sequence[PlainAnswer], rule: GoldRule, reinstated_at: datetime | None = None
) -> ScreeningResult:
    """Say how a person stands in a queue, from their gold answers in the order of time.

    Args:
        gold: Their gold answers, in any order; a question answered twice should be among them once. May be empty.
        answers: Their other answers in this queue.
        rule: Of the queue.
        reinstated_at: When somebody lifted a suspension: what was before is forgotten.
    """
    history = sorted(
        (one for one in gold if reinstated_at is None or one.answered_at > reinstated_at),
        key=lambda one: (one.answered_at, one.question_id),
    )
    good_until, state, record = reinstated_at, State.ON_TRIAL, _Record(0, 0, 0.0, 1.0)
    for count, one in enumerate(history, start=1):
        record = _record(history[max(0, count - rule.window) : count], rule)
        state = _next_state(state, record, rule)
        if state is State.SUSPENDED:
            return _suspended(record, one.answered_at, good_until, answers, rule)
        if state is State.GOOD:
            good_until = one.answered_at
    if state is State.GOOD:
        reason = (
            f"passes {record.lower:.0%} or more of the gold questions ({record}), the least is {rule.min_accuracy:.0%}"
        )
    else:
        reason = f"on trial: {record}; it takes {rule.trial} to tell"
    return ScreeningResult(state, record.lower, record.passed, record.of, None, good_until, (), reason)


@dataclass(frozen=True, slots=True)
class _Record:
    passed: int
    of: int
    lower: float
    upper: float

    def __str__(self) -> str:
        return f"passed {self.passed} of the last {self.of}"


def _record(recent: Sequence[GoldAnswer], rule: GoldRule) -> _Record:
    passed, of = sum(answer.passed for answer in recent), len(recent)
    return _Record(
        passed, of, lower_bound(passed, of, rule.confidence), 1 - lower_bound(of - passed, of, rule.confidence)
    )


def _next_state(before: State, record: _Record, rule: GoldRule) -> State:
    """Say how a person stands after one more gold answer; a trial goes on until it is good, hopeless, or long enough.

    A bound is low at first for everybody, so who has not been good yet is judged by the upper bound, up to a full
    window: otherwise one early slip would end most people's work.
    """
    if record.upper < rule.min_accuracy:
        return State.SUSPENDED
    if record.lower >= rule.min_accuracy and record.of >= rule.trial:
        return State.GOOD
    is_over = before is State.GOOD or record.of >= rule.window
    return State.SUSPENDED if is_over else State.ON_TRIAL


@lru_cache(maxsize=10_000)
def lower_bound(passed: int, of: int, confidence: float) -> float:
    """Return the share that is passed at least, with the confidence named (Clopper-Pearson, one-sided); 0 of none."""
    from scipy.stats import beta

    return float(beta.ppf(1 - confidence, passed, of - passed + 1)) if passed else 0.0


def _suspended(
    record: _Record, at: datetime, good_until: datetime | None, answers: Sequence[PlainAnswer], rule: GoldRule
) -> ScreeningResult:
    recent = sorted(
        (answer for answer in answers if good_until is None or answer.answered_at > good_until),
        key=lambda answer: (answer.answered_at, answer.answer_id),
    )
    since = "their first one" if good_until is None else f"{good_until:%Y-%m-%d %H:%M}"
    reason = (
        f"{record} gold questions: only {record.lower:.0%} is sure (confidence {rule.confidence:.0%}), the least is "
        f"{rule.min_accuracy:.0%}; {len(recent)} answers since {since} are asked again"
    )
    ids = tuple(answer.answer_id for answer in recent)
    return ScreeningResult(State.SUSPENDED, record.lower, record.passed, record.of, at, good_until, ids, reason)


def _draw(*parts: str) -> float:
    """Return a number from 0 to below 1, always the same for the same parts."""
    return int(hashlib.sha256("|".join(parts).encode()).hexdigest()[:13], 16) / 16**13
