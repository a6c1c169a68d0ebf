"""What to ask next: small functions that score candidates, chosen by name.

A strategy takes `Candidates` and returns one number each; higher is asked first. To add one, write a function and put
`@strategy("its-name")` above it; lines then name it in their options. Scores of different strategies have different
units: `order.mixed_ranks` compares ranks. A number that is missing (NaN) counts as most uncertain, since not knowing
is the reason to ask.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blocks.errors import BadInput, BadOption, UnknownClass
from blocks.published_times import CHECK_COVERAGE, DRAW_BOX, VERIFY_BOX

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Items that could be asked about, and what the detector says of each; build it with `Candidates.of`."""

    item_ids: tuple[str, ...]
    box_item: Ints
    """Shape (m,): the place in `item_ids` of each proposal's item. m may be 0."""
    scores: Floats
    """Shape (m,), 0 to 1, or NaN."""
    other_scores: Floats
    """Shape (m,): the score that a second view (the whole-image pass, another detector) gives the same object: 0 where
    it looked and saw nothing, NaN where it did not look."""
    rarity: Floats
    """Shape (m,): 1 for boxes of the class with the fewest labels so far, towards 0 for common ones."""
    seconds: Floats
    """Shape (n,), above 0: what a person is expected to spend on each item."""
    seed: int

    @classmethod
    def of(
        cls,
        item_ids: Sequence[str],
        box_items: Sequence[str],
        scores: Sequence[float] | Floats,
        classes: Sequence[str],
        *,
        other_scores: Sequence[float] | Floats | None = None,
        labels_by_class: Mapping[str, int] | None = None,
        seconds: Sequence[float] | Floats | None = None,
        seed: int = 0,
    ) -> "Candidates":
        """Build candidates from plain lists.

        Args:
            item_ids: The n items, each once.
            box_items: The item of each of m proposals.
            scores: Of each proposal.
            classes: Of each proposal.
            other_scores: See the field; left out, no second view looked.
            labels_by_class: Labels so far, by class; left out, all classes are as rare as each other.
            seconds: Per item; left out, `expected_seconds` of its proposals.
            seed: For ties and for `random`.

        Raises:
            BadInput: Lists of unequal length, an item twice, a proposal of no item, a score outside 0 to 1, or seconds
                that are not above 0.
            UnknownClass: A proposal's class is not in `labels_by_class`.
        """
        places = {name: place for place, name in enumerate(item_ids)}
        _check_lists(places, item_ids, box_items, (scores, classes, other_scores))
        score = _read_scores(scores)
        other = np.full(len(score), np.nan) if other_scores is None else _read_scores(other_scores)
        box_item = np.array([places[name] for name in box_items], dtype=np.int64)
        cost = expected_seconds(box_item, score, len(item_ids)) if seconds is None else np.asarray(seconds, float)
        if len(cost) != len(item_ids) or not (cost > 0).all():
            raise BadInput(
                f"seconds: expected {len(item_ids)} numbers above 0, one per item; did a clock run backwards?"
            )
        return cls(tuple(item_ids), box_item, score, other, _rarity(classes, labels_by_class), cost, seed)

    def __len__(self) -> int:
        return len(self.item_ids)


Strategy = Callable[[Candidates], Floats]
STRATEGIES: dict[str, Strategy] = {}
"""All strategies by name."""


def strategy(name: str) -> Callable[[Strategy], Strategy]:
    """Register a function as the strategy of a name.

    Raises:
        BadOption: The name is taken.
    """

    def register(function: Strategy) -> Strategy:
        if name in STRATEGIES and STRATEGIES[name].__qualname__ != function.__qualname__:
            raise BadOption(
                f"strategy {name!r} is already there ({STRATEGIES[name].__qualname__}); choose another name"
            )
        STRATEGIES[name] = function
        return function

    return register


def score_by(name: str, candidates: Candidates) -> Floats:
    """Score candidates by a named strategy; shape (n,), finite.

    Raises:
        BadOption: No strategy has that name.
    """
    if name not in STRATEGIES:
        raise BadOption(f"no strategy is called {name!r} (known: {', '.join(sorted(STRATEGIES))})")
    return np.nan_to_num(STRATEGIES[name](candidates), nan=0.0, posinf=np.finfo(float).max, neginf=0.0)


def ranks(scores: Floats) -> Floats:
    """Return ranks from 0 (lowest) to 1 (highest), equal for equal scores; a single score has rank 1."""
    from scipy.stats import rankdata

    if len(scores) <= 1:
        return np.ones(len(scores))
    return np.asarray((rankdata(scores) - 1) / (len(scores) - 1), dtype=np.float64)


@strategy("random")
def random_order(candidates: Candidates) -> Floats:
    """By lot, the same for the same seed: what every other strategy must beat."""
    lots = [hashlib.sha256(f"{candidates.seed}|{name}".encode()).digest()[:6] for name in candidates.item_ids]
    return np.array([int.from_bytes(lot, "big") / 2**48 for lot in lots], dtype=np.float64)


@strategy("entropy")
def entropy(candidates: Candidates) -> Floats:
    """Sum of the binary entropy of the item's boxes, in bits: the baseline.

    Source:
        Settles, "Active learning literature survey", 2009; for boxes, Brust et al., "Active learning for deep object
        detection", VISAPP 2019 (sum over detections).
    """
    share = np.clip(_as_unsure(candidates.scores), 1e-9, 1 - 1e-9)
    bits = -(share * np.log2(share) + (1 - share) * np.log2(1 - share))
    return _sum_by_item(bits, candidates)


@strategy("margin")
def margin(candidates: Candidates) -> Floats:
    """The least sure box of the item: 1 at a score of one half, 0 at 0 or 1, and 0 without boxes.

    Source:
        Scheffer et al., "Active hidden Markov models for information extraction", 2001; Brust et al. 2019 (maximum).
    """
    unsure = 1 - np.abs(2 * _as_unsure(candidates.scores) - 1)
    return _most_by_item(unsure, candidates)


@strategy("disagreement")
def disagreement(candidates: Candidates) -> Floats:
    """Sum of the differences between two views' scores; boxes that only one view looked at say nothing.

    Source:
        Seung et al., "Query by committee", COLT 1992; for detectors, Roy et al., "Deep active learning for object
        detection", BMVC 2018.
    """
    difference = np.abs(_as_unsure(candidates.scores) - candidates.other_scores)
    return _sum_by_item(np.nan_to_num(difference, nan=0.0), candidates)


@strategy("class-balance")
def class_balance(candidates: Candidates) -> Floats:
    """Expected number of objects of rare classes: score times rarity, summed.

    Source:
        Brust et al. 2019, section 3.3 (class-weighted selection).
    """
    return _sum_by_item(_as_unsure(candidates.scores) * candidates.rarity, candidates)


@strategy("gain-per-second")
def gain_per_second(candidates: Candidates) -> Floats:
    """Expected corrections per human second, rare classes counting up to double.

    Where the machine alone would keep boxes of score one half or more, it errs on a box of score s with probability
    min(s, 1 - s); a second view that disagrees raises that to half the difference. Asking removes the error.

    Source:
        Settles, Craven and Friedland, "Active learning with real annotation costs", NIPS workshop 2008.
    """
    share = _as_unsure(candidates.scores)
    difference = np.nan_to_num(np.abs(share - candidates.other_scores), nan=0.0) / 2
    wrong = np.maximum(np.minimum(share, 1 - share), difference)
    return _sum_by_item(wrong * (1 + candidates.rarity), candidates) / candidates.seconds


def expected_seconds(box_item: Ints, scores: Floats, items: int) -> Floats:
    """Return what a person is expected to spend on each item: look it over, verify its boxes, draw the wrong ones anew.

    By the published times (`blocks/published_times.py`).

    Args:
        box_item: Shape (m,), place of each box's item.
        scores: Shape (m,).
        items: How many items.

    Returns:
        Shape (items,), above 0.
    """
    each = VERIFY_BOX.seconds + DRAW_BOX.seconds * (1 - _as_unsure(scores))
    return np.asarray(CHECK_COVERAGE.seconds + np.bincount(box_item, weights=each, minlength=items), dtype=np.float64)


def _as_unsure(scores: Floats) -> Floats:
    return np.where(np.isnan(scores), 0.5, scores)


def _sum_by_item(values: Floats, candidates: Candidates) -> Floats:
    return np.bincount(candidates.box_item, weights=values, minlength=len(candidates)).astype(np.float64)


def _most_by_item(values: Floats, candidates: Candidates) -> Floats:
    most = np.zeros(len(candidates))
    np.maximum.at(most, candidates.box_item, values)
    return most


def _read_scores(scores: Sequence[float] | Floats) -> Floats:
    read = np.asarray(scores, dtype=np.float64).reshape(-1)
    if ((read < 0) | (read > 1)).any():
        raise BadInput(f"score {read[(read < 0) | (read > 1)][0]} is outside 0 to 1; is it a logit or a percentage?")
    return read


def _check_lists(
    places: Mapping[str, int], item_ids: Sequence[str], box_items: Sequence[str], lists: Sequence[object]
) -> None:
    if len(places) < len(item_ids):
        raise BadInput(f"{len(item_ids) - len(places)} items are there twice; expected each candidate once")
    lengths = [len(one) for one in lists if one is not None]  # type: ignore[arg-type]
    if any(length != len(box_items) for length in lengths):
        raise BadInput(f"{len(box_items)} proposals, but lists of {lengths}; expected one entry per proposal")
    unknown = next((name for name in box_items if name not in places), None)
    if unknown is not None:
        raise BadInput(f"a proposal belongs to item {unknown!r}, which is no candidate")


def _rarity(classes: Sequence[str], labels_by_class: Mapping[str, int] | None) -> Floats:
    if not labels_by_class:
        return np.ones(len(classes))
    for name in classes:
        if name not in labels_by_class:
            raise UnknownClass.named(name, labels_by_class, "the labels by class")
    fewest = min(labels_by_class.values())
    return np.array([(fewest + 1) / (labels_by_class[name] + 1) for name in classes], dtype=np.float64)
