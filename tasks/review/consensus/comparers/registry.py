"""All comparers of answers: the only place that lists them. A kind of question names its own (`compared_as`)."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from tasks.review.consensus.agreement import Statement
from tasks.review.consensus.answer_groups import Group, SlotAnswer
from tasks.review.consensus.comparers.boxes import BOXES
from tasks.review.consensus.comparers.choices import CHOICES
from tasks.review.consensus.comparers.classes import SETS_OF_CLASSES
from tasks.review.consensus.comparers.outlines import MASKS, POLYGONS
from tasks.review.consensus.comparers.protocol import Comparer
from tasks.review.consensus.comparers.spans import SPANS
from tasks.review.questions.kinds.registry import kind_named

_ALL: tuple[Comparer[Any], ...] = (BOXES, CHOICES, SETS_OF_CLASSES, SPANS, POLYGONS, MASKS)

COMPARERS: dict[str, Comparer[Any]] = {comparer.name: comparer for comparer in _ALL}


def comparer_of(kind: object) -> Comparer[Any] | None:
    """Return by what the answers to a kind of question are compared; None where one person answers.

    Raises:
        UnknownQuestionKind: There is no such kind.
    """
    name = kind_named(kind).compared_as
    return None if name is None else COMPARERS[name]


def by_comparer(groups: Sequence[Group]) -> dict[str, list[Group]]:
    """Part questions by what compares their answers; without those that one person answers."""
    found: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        comparer = comparer_of(group.payload.type)
        if comparer is not None:
            found[comparer.name].append(group)
    return dict(found)


def statements_about(group: Group, said: Sequence[SlotAnswer]) -> list[Statement]:
    """Return what people said of one question, in the words of its comparer; nothing where one person answers."""
    comparer = comparer_of(group.payload.type)
    return comparer.statements(group.id, said) if comparer is not None and said else []
