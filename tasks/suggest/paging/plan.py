"""What one round asks: items for pages of what is sure, and single questions about what is not.

A round is planned from what is known by then and from nothing else, so it is the same in a simulation and on the line.
Single questions come first, while little is known; then pages, few at first and twice as many after each round without
a bad page, since what people confirm there teaches as single answers do. A bad page ends the others of its round.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.stats import binom

from blocks.frozen import Frozen
from tasks.suggest.learners.protocol import Floats

UNLIKELY = 0.05
"""A page is bad if so many wrong ones had at most this chance, were a share of wrong ones on it as the line allows."""

FIRST_PAGES = 2
"""Pages of the first round that has any, and of the first one after a bad page."""

FAR_AMONG = 8
"""Single questions are chosen for variety among so many times as many of the least certain."""

DOUBT = 2.0
"""Wrong ones that are taken for seen before anybody has seen a page, where one was expected."""

NEAR = 0.02
"""Squared distance of unit vectors up to which two items are near-duplicates: one of them is asked about first, and the
other gets in a later round what that has taught."""


class RoundOptions(Frozen):
    """How a line asks in rounds, where the collection's own labels suggest."""

    least_chance: float = Field(
        default=0.97, gt=0.5, lt=1, description="Items whose class is right with this chance or more come onto a page."
    )
    page_size: int = Field(default=48, ge=1, le=100, description="Items on one page, all of one class.")
    first: int = Field(default=40, ge=4, le=10_000, description="Items of the first round, drawn by lot: asked singly.")
    singles: int = Field(
        default=12, ge=1, le=10_000, description="Items of each later round of which it is least sure: asked singly."
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="Draws another first round.")


@dataclass(frozen=True, slots=True)
class SaidOfSure:
    """What people said of items that were sure: on one page, or one by one without seeing what is suggested.

    Attributes:
        round: Its number.
        size: Items.
        wrong: Of these, how many somebody took out, or called otherwise.
        expected: How many were expected to be wrong.
    """

    round: int
    size: int
    wrong: int
    expected: float

    def is_bad(self, least_chance: float) -> bool:
        """Say whether more were wrong than a page of items with this chance could well have."""
        return bool(self.wrong and binom.sf(self.wrong - 1, self.size, 1 - least_chance) < UNLIKELY)


@dataclass(frozen=True, slots=True)
class OpenItems:
    """What is known of the items that nobody has been asked about.

    Attributes:
        item_ids: n items. n may be 0.
        best: Of each the place of its most likely class, shape (n,).
        chance: That it is right, shape (n,), 0 to 1; all 0 while there are less than two classes.
        vectors: Shape (n, d), of unit length; NaN where an item has none.
        pages: What was said on earlier pages.
        blind: What was said of sure items without seeing what is suggested.
        labelled: How many items have a label.
        round: The number of the round that is planned.
    """

    item_ids: tuple[str, ...]
    best: NDArray[np.intp]
    chance: Floats
    vectors: Floats
    pages: tuple[SaidOfSure, ...] = ()
    blind: tuple[SaidOfSure, ...] = ()
    labelled: int = 0
    round: int = 0

    def corrected(self) -> Floats:
        """Return chances, shape (n,), in the light of pages: more was wrong there than expected, or less."""
        return np.asarray(np.clip(1 - (1 - self.chance) * self.correction(), 0, 1))

    def correction(self) -> float:
        """Return by what the chance of a wrong one is multiplied: wrong ones so far over those that were expected.

        Before anything was said it is doubled, and what was said last counts by itself as well: a learner that was
        right of the surest may not be right of the next.
        """
        said = (*self.pages, *self.blind)
        last = max((one.round for one in said), default=0)
        return max(_over(said, DOUBT), _over([one for one in said if one.round == last], 1))


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """Places among the open items, each at most once. All is empty once nothing is open."""

    pages: tuple[tuple[int, ...], ...]
    """Of one class each, the fullest first, surest first in each."""
    singles: tuple[int, ...]

    def places(self) -> tuple[int, ...]:
        """Return all of it, pages first."""
        return (*(place for page in self.pages for place in page), *self.singles)


def plan_round(known: OpenItems, options: RoundOptions) -> RoundPlan:
    """Plan the next round.

    Args:
        known: What is known by now.
        options: How many are asked, and what comes onto a page.
    """
    everything = range(len(known.item_ids))
    if known.labelled < options.first or not known.chance.any():
        at = {item_id: place for place, item_id in enumerate(known.item_ids)}
        drawn = [at[item_id] for item_id in by_lot(known.item_ids, options.seed)]
        return RoundPlan((), tuple(_apart(known, drawn, max(options.first - known.labelled, options.singles))))
    pages = _pages(known, options)
    on_page = {place for page in pages for place in page}
    left = [place for place in everything if place not in on_page]
    least = sorted(left, key=lambda n: (known.chance[n], n))[: FAR_AMONG * options.singles]
    return RoundPlan(pages, tuple(_varied(known, least, options.singles)))


def _over(said: Sequence[SaidOfSure], doubt: float) -> float:
    return (sum(one.wrong for one in said) + doubt) / (sum(one.expected for one in said) + 1)


def first_wave(pages: int) -> int:
    """Return how many of a round's pages are asked first: the others follow if none of these is bad."""
    return min(pages, max(FIRST_PAGES, pages // 3))


def pages_allowed(pages: Sequence[SaidOfSure], least_chance: float, round_: int) -> int:
    """Return how many pages a round may have: twice those of the last one with any, and a few to begin with.

    After a round with a bad page there are none for a while, for longer each time: what is learnt one by one must
    change what is sure before it is tried again.
    """
    by_round: dict[int, list[SaidOfSure]] = {}
    for page in pages:
        by_round.setdefault(page.round, []).append(page)
    if not by_round:
        return FIRST_PAGES
    last = max(by_round)
    bad = 0
    for number in sorted(by_round, reverse=True):
        if not any(page.is_bad(least_chance) for page in by_round[number]):
            break
        bad += 1
    if bad:
        return FIRST_PAGES if round_ - last >= 2**bad else 0
    return 2 * max(len(by_round[last]), FIRST_PAGES)


def _pages(known: OpenItems, options: RoundOptions) -> tuple[tuple[int, ...], ...]:
    chance = known.corrected()
    by_class: dict[int, list[int]] = {}
    for place in sorted(np.flatnonzero(chance >= options.least_chance).tolist(), key=lambda n: (-chance[n], n)):
        by_class.setdefault(int(known.best[place]), []).append(place)
    size = options.page_size
    cut = [tuple(some[at : at + size]) for some in by_class.values() for at in range(0, len(some), size)]
    cut.sort(key=lambda page: (-len(page), -chance[list(page)].mean()))
    return tuple(cut[: pages_allowed(known.pages, options.least_chance, known.round)])


def by_lot(item_ids: Sequence[str], seed: int) -> list[str]:
    """Return items in an order that has nothing to do with what they are, the same every time."""
    return sorted(item_ids, key=lambda item_id: hashlib.sha256(f"{seed}|{item_id}".encode()).digest())


def _apart(known: OpenItems, places: Sequence[int], wanted: int) -> list[int]:
    """Return the first of some places that are no near-duplicates of each other, and others only where these fail."""
    vectors = np.nan_to_num(known.vectors[list(places)])
    nearest = np.full(len(places), np.inf)
    chosen: list[int] = []
    for at in range(len(places)):
        if len(chosen) == wanted:
            break
        if nearest[at] > NEAR:
            chosen.append(at)
            nearest = np.minimum(nearest, ((vectors - vectors[at]) ** 2).sum(axis=1))
    twins = [at for at in range(len(places)) if at not in set(chosen)]
    return [places[at] for at in (*chosen, *twins[: wanted - len(chosen)])]


def _varied(known: OpenItems, places: Sequence[int], wanted: int) -> list[int]:
    """Return the least certain one and then, each time, the one farthest from those before it: no near-duplicates."""
    vectors = np.nan_to_num(known.vectors[list(places)])
    nearest = np.full(len(places), np.inf)
    chosen: list[int] = []
    while len(chosen) < wanted and nearest.max(initial=-1) >= 0:
        at = int(np.argmax(nearest))
        chosen.append(places[at])
        nearest = np.minimum(nearest, ((vectors - vectors[at]) ** 2).sum(axis=1))
        nearest[at] = -1
    return chosen
