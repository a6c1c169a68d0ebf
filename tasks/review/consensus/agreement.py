"""How much people agree beyond chance: Cohen's kappa between two people, Krippendorff's alpha over a queue.

Boxes are matched first, and every place that somebody drew becomes a unit: each person who answered has said a class
or "no box" of it. Places that nobody drew are no units, so agreement on emptiness is not rewarded: of two people who
find everything kappa is 0 or undefined, and the share of agreement tells more. That is why both are given.

A coefficient is None where it is not defined: everybody used one class only, or nobody met.

Source:
    Matching first, then nominal agreement with "nothing drawn" as a value: Tschirschwitz and Rodehorst, "KαLOS finds
    consensus", CVPR 2026. Alpha is that of NLTK (Apache-2.0, here already for Label Studio's SDK).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from tasks.review.consensus.box_matching import Matched

NO_BOX = "(no box)"
"""What somebody says of a place that others drew and they did not."""

NO_SPAN = "(no span)"
"""The same, of some characters of a text."""


@dataclass(frozen=True, slots=True)
class Statement:
    """That a person put something into a category."""

    unit: str
    person: str
    category: str


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """How two people agree."""

    people: tuple[str, str]
    units: int
    """How many both judged."""
    share: float
    """Share of these on which they say the same, 0 to 1."""
    kappa: float | None
    """Cohen's coefficient, -1 to 1."""


@dataclass(frozen=True, slots=True)
class PersonAgreement:
    """How one person agrees with the others of a queue."""

    person: str
    units: int
    """Pairs of judgements, one theirs and one somebody else's."""
    share: float
    kappa: float | None
    """Mean of Cohen's coefficients with each of the others, weighted by what both judged."""


@dataclass(frozen=True, slots=True)
class AnnotatorAgreement:
    """How the people of a queue agree."""

    units: int
    """How many were judged by two people or more."""
    alpha: float | None
    """Krippendorff's coefficient for nominal data, -1 to 1."""
    pairs: tuple[PairAgreement, ...]
    people: tuple[PersonAgreement, ...]


def statements_about_places(questions: Iterable[Matched[Any]], nothing: str = NO_BOX) -> list[Statement]:
    """Return what people said of each place that somebody drew; somebody who answered and drew nothing said so."""
    statements: list[Statement] = []
    for matched in questions:
        for index, one in enumerate(matched.objects):
            said = {name: box.class_name for name, box in zip(one.people, one.boxes, strict=True)}
            unit = f"{matched.question_id}#{index}"
            statements.extend(Statement(unit, name, said.get(name, nothing)) for name in matched.people)
    return statements


def measure_agreement(statements: Sequence[Statement]) -> AnnotatorAgreement:
    """Measure how people agree.

    Args:
        statements: One per unit and person, in any order; units of one person are left out. May be empty.
    """
    by_unit: dict[str, dict[str, str]] = defaultdict(dict)
    for one in statements:
        by_unit[one.unit][one.person] = one.category
    shared = {unit: said for unit, said in by_unit.items() if len(said) > 1}
    met: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for said in shared.values():
        for first, second in combinations(sorted(said), 2):
            met[first, second].append((said[first], said[second]))
    pairs = tuple(_of_pair(people, met[people]) for people in sorted(met))
    names = sorted({name for pair in pairs for name in pair.people})
    return AnnotatorAgreement(len(shared), _alpha(shared), pairs, tuple(_of_person(name, pairs) for name in names))


def _of_pair(people: tuple[str, str], said: Sequence[tuple[str, str]]) -> PairAgreement:
    from sklearn.metrics import cohen_kappa_score

    share = sum(first == second for first, second in said) / len(said)
    kappa = None
    if len({category for both in said for category in both}) > 1:  # with one category chance alone explains it all
        kappa = float(cohen_kappa_score([first for first, _ in said], [second for _, second in said]))
    return PairAgreement(people, len(said), share, kappa)


def _of_person(name: str, pairs: Sequence[PairAgreement]) -> PersonAgreement:
    mine = [pair for pair in pairs if name in pair.people]
    units = sum(pair.units for pair in mine)
    share = sum(pair.units * pair.share for pair in mine) / units
    defined = [(pair.units, pair.kappa) for pair in mine if pair.kappa is not None]
    weight = sum(count for count, _ in defined)
    kappa = sum(count * value for count, value in defined) / weight if weight else None
    return PersonAgreement(name, units, share, kappa)


def _alpha(shared: dict[str, dict[str, str]]) -> float | None:
    if len({category for said in shared.values() for category in said.values()}) < 2:
        return None
    from nltk.metrics.agreement import AnnotationTask

    rows = [(name, unit, category) for unit, said in sorted(shared.items()) for name, category in sorted(said.items())]
    return float(AnnotationTask(data=rows).alpha())
