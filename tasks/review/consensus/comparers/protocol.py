"""What consensus, gold and agreement ask of a form of answers; a kind of question names the comparer of its answers.

A comparer knows what answers say and nothing of Label Studio: kinds of question whose answers have one form share it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

from tasks.review.consensus.agreement import Statement
from tasks.review.consensus.answer_groups import Group, SlotAnswer
from tasks.review.consensus.overlap_rule import NextStep, Slots
from tasks.review.questions.payload import Payload
from tasks.review.questions.queue import Queue
from tasks.review.questions.staffing import GoldRule, OverlapRule

ENOUGH = 20
"""Questions that two or more have answered: with fewer, one quarrel would be learnt as everybody's habit."""


class HasPeople(Protocol):
    """What the answers to one question come to, in whatever form."""

    @property
    def people(self) -> tuple[str, ...]:
        """Whose answers it is made of."""


Opinion = TypeVar("Opinion", bound=HasPeople)


@dataclass(frozen=True, slots=True)
class GoldSaid:
    """What a person said to a gold question, and what is true."""

    answer_id: str
    person: str
    truth: Sequence[dict[str, Any]]
    raw: Sequence[dict[str, Any]]


class Comparer(Protocol[Opinion]):
    """Compares answers of one form. A new one is a file beside this one and a line in `registry.py`."""

    name: ClassVar[str]
    """What kinds of question say that they are compared as."""

    def agree(
        self, queue: Queue, answered: Sequence[Group], history: Sequence[Group], gold: Sequence[GoldSaid]
    ) -> dict[str, Opinion]:
        """Return what the answers to each question come to, by question id.

        Args:
            queue: Of the questions.
            answered: Questions with an answer that counts; may be empty.
            history: Earlier questions, to learn from how people do.
            gold: What people said to gold questions of the queue, to learn from as well.
        """

    def next_step(self, opinion: Opinion, slots: Slots, rule: OverlapRule) -> NextStep:
        """Say what comes next for a question."""

    def outcome(self, group: Group, opinion: Opinion) -> tuple[dict[str, Any], ...]:
        """Return an opinion in the form of an answer."""

    def verbatim(self, group: Group, raw: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
        """Return one person's answer, where it is the answer to the question."""
        return tuple(raw)

    def for_referee(self, group: Group, opinion: Opinion) -> Payload:
        """Return the question as a referee sees it, with what others said where that can be shown."""
        return group.payload

    def statements(self, question_id: str, said: Sequence[SlotAnswer]) -> list[Statement]:
        """Return what each person said of each place or thing, to measure how they agree; said blind of each other."""

    def passes(self, truth: Sequence[dict[str, Any]], raw: Sequence[dict[str, Any]], rule: GoldRule) -> bool:
        """Say whether an answer to a gold question is right enough."""

    def in_words(self, raw: Sequence[dict[str, Any]]) -> str:
        """Say what an answer says, in a line."""
