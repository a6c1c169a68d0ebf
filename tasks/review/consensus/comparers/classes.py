"""Answers that are classes ticked for a whole item: each class is there or not, weighed by who misses and who invents.

Everybody who could tell has voted on every class, for or against (`class_votes.py`). "Cannot tell" is no vote.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from tasks.kinds.multilabel.kind import MULTILABEL
from tasks.review.consensus.agreement import Statement, statements_about_places
from tasks.review.consensus.answer_groups import Group, SlotAnswer
from tasks.review.consensus.box_matching import Matched, PersonAnswer, Place, match_objects
from tasks.review.consensus.comparers.boxes import TRUTH, classes_of
from tasks.review.consensus.comparers.class_votes import (
    FAULTLESS,
    Tickers,
    believe_in_classes,
    learn_tickers,
    unknown_tickers,
)
from tasks.review.consensus.comparers.protocol import ENOUGH, Comparer, GoldSaid
from tasks.review.consensus.overlap_rule import MOST_REASONS, WORTH_A_REASON, NextStep, Slots, decide_by
from tasks.review.consensus.votes import Believed
from tasks.review.questions.kinds.choose_several import AnsweredClass
from tasks.review.questions.kinds.choose_several import classes_of as ticked_in
from tasks.review.questions.kinds.classify import ShownClass
from tasks.review.questions.payload import Payload
from tasks.review.questions.queue import Queue
from tasks.review.questions.staffing import GoldRule, OverlapRule

NOT_TICKED = "(not ticked)"
"""What somebody says of a class that others ticked and they did not."""

CANNOT_TELL = ({"class_name": None, "untouched": False},)


class ShowsClasses(Protocol):
    """What the payload of a question has whose answers are compared as classes."""

    @property
    def proposed(self) -> Sequence[ShownClass]:
        """With what people begin."""

    def showing(self, proposed: Sequence[ShownClass]) -> Payload:
        """Return the same question with other classes ticked."""


@dataclass(frozen=True, slots=True)
class Ticked:
    """A class that a person ticked."""

    class_name: str

    @property
    def id(self) -> str:
        """Itself."""
        return self.class_name


@dataclass(frozen=True, slots=True)
class ClassCandidate(Believed):
    """A class that at least one person ticked, and what to believe of it."""

    class_name: str
    exists: float
    """Probability that it holds of the item."""
    drawn_by: tuple[str, ...]
    """Who ticked it, in the order of names."""
    right_class: float = 1.0


@dataclass(frozen=True, slots=True)
class ClassesConsensus:
    """What the answers to one question come to."""

    question_id: str
    people: tuple[str, ...]
    """Who answered and could tell."""
    candidates: tuple[ClassCandidate, ...]
    """All classes that somebody ticked, in the order of the alphabet."""
    missed: float
    """Expected number of classes that hold and nobody ticked."""

    @property
    def found(self) -> tuple[ClassCandidate, ...]:
        """The classes that hold."""
        return tuple(one for one in self.candidates if one.is_there)


class ClassesComparer(Comparer[ClassesConsensus]):
    """Compares sets of classes."""

    name = "classes"

    def agree(
        self, queue: Queue, answered: Sequence[Group], history: Sequence[Group], gold: Sequence[GoldSaid]
    ) -> dict[str, ClassesConsensus]:
        """Return the consensus of each question."""
        matched = [match_classes(group.id, group.counted) for group in answered]
        earlier = [match_classes(group.id, group.counted) for group in history if group.counted]
        known = [*matched, *earlier, *map(_with_truth, gold)]
        agreed = agree_on_classes(matched, learn_queue_tickers(queue, known))
        return {one.question_id: one for one in agreed}

    def next_step(self, opinion: ClassesConsensus, slots: Slots, rule: OverlapRule) -> NextStep:
        """Weigh the mistakes to expect of the classes; where nobody could tell, all is in doubt."""
        if not opinion.people:
            return decide_by(1.0, ("nobody could tell",) if slots.answered else (), slots, rule)
        wrong = opinion.missed + sum(one.wrong for one in opinion.candidates)
        return decide_by(wrong / max(len(opinion.found), 1), _doubts(opinion), slots, rule)

    def outcome(self, group: Group, opinion: ClassesConsensus) -> tuple[dict[str, Any], ...]:
        """Return the classes that hold."""
        if not opinion.people:
            return CANNOT_TELL
        return _as_shown([one.class_name for one in opinion.found], group)

    def verbatim(self, group: Group, raw: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
        """Return somebody's classes; which were ticked already is said of the question itself, not of a slot."""
        names = _names_of(raw)
        return CANNOT_TELL if names is None else _as_shown(names, group)

    def for_referee(self, group: Group, opinion: ClassesConsensus) -> Payload:
        """Tick all classes that the people come to."""
        payload = cast(ShowsClasses, group.payload)
        ids = {one.class_name: one.id for one in payload.proposed}
        return payload.showing(
            [
                ShownClass(id=ids.get(one.class_name, one.class_name), class_name=one.class_name, score=one.exists)
                for one in opinion.found
            ]
        )

    def statements(self, question_id: str, said: Sequence[SlotAnswer]) -> list[Statement]:
        """Return what people said of each class that somebody ticked."""
        return statements_about_places([match_classes(question_id, said)], NOT_TICKED)

    def passes(self, truth: Sequence[dict[str, Any]], raw: Sequence[dict[str, Any]], rule: GoldRule) -> bool:
        """Say whether enough classes are right, of all that hold or were ticked; nothing where nothing holds passes."""
        there, said = _names_of(truth), _names_of(raw)
        if there is None or said is None:
            return there == said
        both, either = frozenset(there) & frozenset(said), frozenset(there) | frozenset(said)
        return len(both) >= rule.pass_share * len(either) - 1e-9

    def in_words(self, raw: Sequence[dict[str, Any]]) -> str:
        """Name the classes."""
        names = _names_of(raw)
        return "cannot tell" if names is None else ", ".join(sorted(names)) or "none of the classes"


SETS_OF_CLASSES = ClassesComparer()


def match_classes(question_id: str, said: Sequence[SlotAnswer]) -> Matched[Ticked]:
    """Group what several people ticked in answer to one question, by class; of a person's two answers the last counts.

    Whoever could not tell has said nothing.
    """
    last = {one.person: _names_of(one.raw) for one in said}
    voices = [PersonAnswer(person, tuple(map(Ticked, names))) for person, names in last.items() if names is not None]
    return match_objects(question_id, voices, MULTILABEL, _place)


def learn_queue_tickers(queue: Queue, matched: Sequence[Matched[Ticked]]) -> Tickers:
    """Learn how people tick the classes of a queue.

    Args:
        queue: The queue.
        matched: People's answers to this batch and earlier ones, and to gold, matched with each other and the truth.
    """
    classes = classes_of(queue, matched)
    if sum(len(one.people) > 1 for one in matched) < ENOUGH:
        return unknown_tickers(classes)
    return learn_tickers(matched, classes, known={TRUTH: FAULTLESS})


def agree_on_classes(questions: Sequence[Matched[Ticked]], tickers: Tickers) -> list[ClassesConsensus]:
    """Return the consensus of each question, given what is known about the people.

    Args:
        questions: Matched answers; may be empty, and a question may have no answers.
        tickers: Of the queue (`learn_tickers`, or `unknown_tickers`).

    Returns:
        One per question, in the order given; the same for every order of people.

    Raises:
        UnknownClass: A class is ticked that the queue does not have.
    """
    column_of = {name: index for index, name in enumerate(tickers.classes)}
    agreed = []
    for matched, beliefs in zip(questions, believe_in_classes(questions, tickers), strict=True):
        candidates = []
        for one in matched.objects:
            exists = float(beliefs[column_of[one.boxes[0].class_name]])
            candidates.append(ClassCandidate(one.boxes[0].class_name, exists, one.people))
        ticked = [column_of[one.class_name] for one in candidates]
        missed = float(beliefs.sum() - beliefs[ticked].sum())
        agreed.append(ClassesConsensus(matched.question_id, matched.people, tuple(candidates), max(missed, 0.0)))
    return agreed


def _doubts(opinion: ClassesConsensus) -> tuple[str, ...]:
    """Return what is in doubt, the worst first."""
    doubts = [(opinion.missed, f"about {opinion.missed:.2g} classes that nobody ticked")]
    for one in opinion.candidates:
        ticked = f"ticked by {len(one.drawn_by)} of {len(opinion.people)}"
        doubts.append((min(one.exists, 1 - one.exists), f"{one.class_name}: is it one? ({one.exists:.0%}, {ticked})"))
    worth = sorted((one for one in doubts if one[0] > WORTH_A_REASON), key=lambda doubt: (-doubt[0], doubt[1]))
    return tuple(reason for _, reason in worth[:MOST_REASONS])


def _names_of(raw: Sequence[dict[str, Any]]) -> list[str] | None:
    classes = ticked_in(raw)
    return None if classes is None else [one.class_name or "" for one in classes]


def _as_shown(names: Sequence[str], group: Group) -> tuple[dict[str, Any], ...]:
    shown = {one.class_name for one in cast(ShowsClasses, group.payload).proposed}
    return tuple(AnsweredClass(class_name=name, untouched=name in shown).model_dump() for name in names)


def _place(one: Ticked) -> Place:
    return (one.class_name,)


def _with_truth(gold: GoldSaid) -> Matched[Ticked]:
    both = [(TRUTH, gold.truth), (gold.person, gold.raw)]
    voices = [(person, names) for person, raw in both if (names := _names_of(raw)) is not None]
    answers = [PersonAnswer(person, tuple(map(Ticked, names))) for person, names in voices]
    return match_objects(f"gold {gold.answer_id}", answers, MULTILABEL, _place)
