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
    rarity: Floats
    """Shape (m,): 1 for boxes of the class with the fewest labels so far, towards 0 for common ones."""
    seed: int

    @classmethod
    def of(
        cls,
        item_ids: Sequence[str],
        box_items: Sequence[str],
        scores: Sequence[float] | Floats,
        classes: Sequence[str],
        *,
        labels_by_class: Mapping[str, int] | None = None,
        seed: int = 0,
    ) -> "Candidates":
        """Build candidates from plain lists.

        Args:
            item_ids: The n items, each once.
            box_items: The item of each of m proposals.
            scores: Of each proposal.
            classes: Of each proposal.
            labels_by_class: Labels so far, by class; left out, all classes are as rare as each other.
            seed: For ties and for `random`.

        Raises:
            BadInput: Lists of unequal length, an item twice, a proposal of no item, or a score outside 0 to 1.
            UnknownClass: A proposal's class is not in `labels_by_class`.
        """
        places = {name: place for place, name in enumerate(item_ids)}
        _check_lists(places, item_ids, box_items, (scores, classes))
        score = _read_scores(scores)
        box_item = np.array([places[name] for name in box_items], dtype=np.int64)
        return cls(tuple(item_ids), box_item, score, _rarity(classes, labels_by_class), seed)

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
    """At random, the same for the same seed: what every other strategy must beat."""
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


@strategy("class-balance")
def class_balance(candidates: Candidates) -> Floats:
    """Expected number of objects of rare classes: score times rarity, summed.

    Source:
        Brust et al. 2019, section 3.3 (class-weighted selection).
    """
    return _sum_by_item(_as_unsure(candidates.scores) * candidates.rarity, candidates)


def _as_unsure(scores: Floats) -> Floats:
    return np.where(np.isnan(scores), 0.5, scores)


def _sum_by_item(values: Floats, candidates: Candidates) -> Floats:
    return np.bincount(candidates.box_item, weights=values, minlength=len(candidates)).astype(np.float64)


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
