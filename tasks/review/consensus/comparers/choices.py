"""Answers that are one choice about one box: weighed by who confuses what with what, and right where they are the same.

Choices are learnt and agreed on class by class: the boxes of a class are all asked with the same options.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Protocol, cast

from tasks.review.consensus.agreement import Statement
from tasks.review.consensus.answer_groups import Group, SlotAnswer
from tasks.review.consensus.choice_consensus import ChoiceConsensus, Chosen, agree_on_choices
from tasks.review.consensus.comparers.protocol import Comparer, GoldSaid
from tasks.review.consensus.overlap_rule import NextStep, Slots, next_step_of_choice
from tasks.review.questions.kinds.choose import AnsweredKind
from tasks.review.questions.kinds.classes.missing import key_of_class
from tasks.review.questions.queue import Queue
from tasks.review.questions.staffing import GoldRule, OverlapRule


class OffersChoices(Protocol):
    """What the payload of a question has whose answers are compared as choices."""

    @property
    def class_name(self) -> str | None:
        """Of the box."""

    @property
    def options(self) -> Sequence[str]:
        """What can be chosen, without "cannot tell"."""

    @property
    def way_out(self) -> str | None:
        """The choice that says that the box holds no such object; None where the choice is about no box."""


class ChoiceComparer(Comparer[ChoiceConsensus]):
    """Compares choices; "cannot tell" is none, and a class that somebody wrote down as missing is one."""

    name = "choice"

    def agree(
        self, queue: Queue, answered: Sequence[Group], history: Sequence[Group], gold: Sequence[GoldSaid]
    ) -> dict[str, ChoiceConsensus]:
        """Return the consensus of each question."""
        options = _options([*answered, *history])
        chosen, earlier = _by_class(answered), _by_class(history)
        agreed: dict[str, ChoiceConsensus] = {}
        for name, mine in chosen.items():
            agreed.update(agree_on_choices(mine, options[name], earlier.get(name, ())))
        return agreed

    def next_step(self, opinion: ChoiceConsensus, slots: Slots, rule: OverlapRule) -> NextStep:
        """Weigh how likely the choice is wrong."""
        return next_step_of_choice(opinion, slots, rule)

    def outcome(self, group: Group, opinion: ChoiceConsensus) -> tuple[dict[str, Any], ...]:
        """Return the most probable choice."""
        if opinion.choice is None:
            said = AnsweredKind(kind=None, verdict="cannot_tell")
        elif opinion.choice.startswith(_IS_MISSING):
            return (_written(group, opinion.choice).said,)
        elif opinion.choice == _payload_of(group).way_out:
            said = AnsweredKind(kind=None, verdict="not_an_object")
        else:
            said = AnsweredKind(kind=opinion.choice, verdict="kind")
        return (said.said,)

    def statements(self, question_id: str, said: Sequence[SlotAnswer]) -> list[Statement]:
        """Return what each person chose, also that they cannot tell."""
        chosen = [(one.person, kind_of(one.raw)) for one in said]
        return [
            Statement(question_id, person, answer.kind or _missing(answer) or answer.verdict)
            for person, answer in chosen
        ]

    def passes(self, truth: Sequence[dict[str, Any]], raw: Sequence[dict[str, Any]], rule: GoldRule) -> bool:
        """Say whether the choice is the true one."""
        return kind_of(truth).is_same_as(kind_of(raw))

    def in_words(self, raw: Sequence[dict[str, Any]]) -> str:
        """Name the choice."""
        answer = kind_of(raw)
        return answer.kind or answer.missing or answer.verdict.replace("_", " ")


CHOICES = ChoiceComparer()


def kind_of(raw: Sequence[dict[str, Any]]) -> AnsweredKind:
    """Return the choice of an answer."""
    (entry,) = raw
    return AnsweredKind.model_validate(entry)


def _options(groups: Sequence[Group]) -> dict[str, list[str]]:
    """Return what can be chosen of each class: what is offered, and what people wrote down."""
    options: dict[str, dict[str, None]] = defaultdict(dict)
    for group in groups:
        options[_class_of(group)].update(dict.fromkeys(_payload_of(group).options))
    for name, chosen in _by_class(groups).items():
        options[name].update(dict.fromkeys(one.choice for one in chosen if one.choice))
    return {name: list(some) for name, some in options.items()}


def _by_class(groups: Sequence[Group]) -> dict[str, list[Chosen]]:
    chosen: dict[str, list[Chosen]] = defaultdict(list)
    for group in groups:
        chosen[_class_of(group)].extend(choices_for(group))
    return chosen


def choices_for(group: Group) -> list[Chosen]:
    """Return what people chose in answer to one question, the last of each person."""
    last = {one.person: one for one in group.counted}
    return [Chosen(group.id, person, _choice(one, group)) for person, one in last.items()]


def _choice(said: SlotAnswer, group: Group) -> str | None:
    kind = kind_of(said.raw)
    return _payload_of(group).way_out if kind.verdict == "not_an_object" else kind.kind or _missing(kind)


_IS_MISSING = "\u2063"
"""Begins what stands for a missing class among the choices: it cannot be seen, so no class begins with it."""


def _missing(kind: AnsweredKind) -> str | None:
    return None if kind.missing is None else f"{_IS_MISSING}{key_of_class(kind.missing)}"


def _written(group: Group, choice: str) -> AnsweredKind:
    return next(kind for one in group.counted if _missing(kind := kind_of(one.raw)) == choice)


def _class_of(group: Group) -> str:
    return _payload_of(group).class_name or ""


def _payload_of(group: Group) -> OffersChoices:
    return cast(OffersChoices, group.payload)
