"""What one round asks: single questions, and a frame of sure items for pages, once a sample of it can certify them.

A round is planned from what is known by then and from nothing else, so it is the same in a simulation and on the line.
Single questions come first, while little is known. A frame is planned as soon as few enough of its items, drawn by lot
and asked singly without suggestions, could certify that of all items on pages hardly any are wrong
(`tasks/audit/bounds/frames.py`). Only then do the others come onto pages, and a bad page still stops those after it.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import entr
from scipy.stats import binom

from blocks.frozen import Slimmed
from tasks.suggest.learners.protocol import Floats

UNLIKELY = 0.05
"""A page is bad if so many wrong ones had at most this chance, were a share of wrong ones on it as the line allows."""

FIRST_PAGES = 2
"""Pages of a frame that are asked before the others, at least."""

FRAME_SHARES = (1.0, 0.75, 0.5)
"""Of what may come into a frame, the surest so many are tried: of fewer less is wrong, but they spare less."""

LARGEST_SHARE = 0.6
"""Of the open items so many may come into a frame: the surest of a good order are right long before chances are. It is
halved after a frame that was not certified, and doubled up to this again after one that was."""

FAR_AMONG = 8
"""Single questions are chosen for variety among so many times as many of the least certain."""

PRIOR_WRONG, PRIOR_EXPECTED = 0.6, 10.0
"""Wrong ones that are taken for seen, and expected, before anything was said of sure items. Chances are measured on
what people were asked, which is what was least sure: of the surest far fewer are wrong (seen on lots 1 and 2 of
`tests/bench/paging.py`). Only plans are made by it: where it says too little nothing is certified."""

LIKELY = 0.4
"""With less of a chance that it is certified no frame is tried."""

STAGE = 60
"""At most so many items of a frame are drawn at a time: where several are wrong it is given up early."""

WRONG_COSTS = 2.5
"""So many times what a glance spares is spent on an item that somebody has to take off a page."""

LABELS_BEFORE_PAGES = 2.5
"""Times the first round: so many labels there are before a frame is tried."""

NEAR = 0.02
"""Squared distance of unit vectors up to which two items are near-duplicates: one of them is asked about first, and the
other gets in a later round what that has taught."""


NEVER = 1.0
"""The chance from which on items come onto pages, where nothing is certified: there are no pages."""


class RoundOptions(Slimmed):
    """How a line asks in rounds, where the collection's own labels suggest."""

    retired: ClassVar = {"least_chance": "what comes onto pages is certified: ask for `max_error_rate`"}

    max_error_rate: float = Field(
        default=0.03, gt=0, lt=0.5, description="At most this share of all items on pages is wrong, as they are shown"
    )
    confidence: float = Field(default=0.95, gt=0.5, lt=1, description="How sure that is, per collection")
    most_drawn: float = Field(
        default=0.5,
        gt=0,
        le=0.5,
        description="At most this share of what could come onto pages is drawn by lot and asked singly to certify it; "
        "where that takes more, there are no pages yet",
    )
    page_size: int = Field(default=48, ge=1, le=100, description="Items on one page, all of one class.")
    first: int = Field(default=40, ge=4, le=10_000, description="Items of the first round, drawn by lot: asked singly.")
    singles: int = Field(
        default=12, ge=1, le=10_000, description="Items of each later round of which it is least sure: asked singly."
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="Draws another first round.")
    key_step: int = Field(
        default=24,
        ge=2,
        le=240,
        description="With `propagate`: frames from one key frame to the next at first; then gaps are halved where "
        "people correct what was followed.",
    )
    learn: bool = Field(
        default=False,
        description="With `propagate`, where there are weights to begin with (a .pt detector, or `base` of `retrain`): "
        "train the detector between rounds on what is settled, as `retrain` says, and ask less at once. People wait so "
        "long: worth it with a GPU, or where a film is long.",
    )


@dataclass(frozen=True, slots=True)
class SaidOfSure:
    """What people said of items that were sure: on one page, or one by one without seeing what is suggested.

    Attributes:
        round: Its number.
        size: Items.
        wrong: Of these, how many somebody took out, or called otherwise.
        expected: How many were expected to be wrong by their chances.
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
        held_out: Items of the test split, which people label blind: they come onto no page.
        tried: Of each earlier frame whether it was certified.
        entropy: Of the chances of all classes, shape (n,); None: what is least likely right is least certain.
    """

    item_ids: tuple[str, ...]
    best: NDArray[np.intp]
    chance: Floats
    vectors: Floats
    pages: tuple[SaidOfSure, ...] = ()
    blind: tuple[SaidOfSure, ...] = ()
    labelled: int = 0
    round: int = 0
    held_out: frozenset[str] = field(default_factory=frozenset)
    tried: tuple[bool, ...] = ()
    entropy: Floats | None = None

    def frame_share(self) -> float:
        """Return which share of the open items may come into a frame, in the light of earlier ones."""
        share = LARGEST_SHARE
        for is_certified in self.tried:
            share = min(share * 2, LARGEST_SHARE) if is_certified else share / 2
        return share

    def wrong(self) -> Floats:
        """Return the expected share of wrong ones, shape (n,), in the light of what was said of sure items before."""
        return np.asarray(np.minimum((1 - self.chance) * self.correction(), 1))

    def correction(self) -> float:
        """Return by what the expected share of wrong ones is multiplied: those so far over those that were expected."""
        said = (*self.pages, *self.blind)
        wrong, expected = sum(one.wrong for one in said), sum(one.expected for one in said)
        return (wrong + PRIOR_WRONG) / (expected + PRIOR_EXPECTED)


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """Places among the open items, each at most once. All is empty once nothing is open."""

    singles: tuple[int, ...]
    drawn: tuple[int, ...] = ()
    """By lot from the frame: asked singly, without suggestions."""
    on_pages: tuple[int, ...] = ()
    """The rest of the frame, surest first."""

    def places(self) -> tuple[int, ...]:
        """Return all of it, what is asked singly first."""
        return (*self.drawn, *self.singles, *self.on_pages)


WaysToCertify = Callable[[int, float], Sequence[tuple[int, float]]]
"""From how many items a frame has, and which share of them is expected to be wrong, to how many of them may be drawn to
certify it, each with the chance that it is certified then; empty: that cannot be."""


def plan_round(known: OpenItems, options: RoundOptions, ways_to_certify: WaysToCertify) -> RoundPlan:
    """Plan the next round.

    Args:
        known: What is known by now.
        options: How many are asked, and what comes onto a page.
        ways_to_certify: What it takes to certify a frame, after those of earlier rounds.
    """
    everything = range(len(known.item_ids))
    if known.labelled < options.first or not known.chance.any():
        at = {item_id: place for place, item_id in enumerate(known.item_ids)}
        by_luck = [at[item_id] for item_id in by_lot(known.item_ids, options.seed)]
        return RoundPlan(tuple(_apart(known, by_luck, max(options.first - known.labelled, options.singles))))
    drawn, on_pages = _frame(known, options, ways_to_certify)
    framed = {*drawn, *on_pages}
    left = [place for place in everything if place not in framed]
    certainty = known.chance if known.entropy is None else -known.entropy
    least = sorted(left, key=lambda n: (certainty[n], n))[: FAR_AMONG * options.singles]
    return RoundPlan(tuple(_varied(known, least, options.singles)), drawn, on_pages)


def _frame(
    known: OpenItems, options: RoundOptions, ways_to_certify: WaysToCertify
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return what is drawn and what is left of the frame that spares most; nothing where none can be certified yet."""
    if known.labelled < LABELS_BEFORE_PAGES * options.first:
        return (), ()
    wrong = known.wrong()
    sure = [
        place
        for place in np.argsort(-known.chance, kind="stable").tolist()
        if known.chance[place] and known.item_ids[place] not in known.held_out
    ]
    best, most, at_most = (0, 0), 0.0, len(sure) * known.frame_share()
    for size in sorted({round(at_most * share) for share in FRAME_SHARES} - {0}):
        expected = float(wrong[sure[:size]].sum())
        for drawn, chance in ways_to_certify(size, expected / size):
            spared = size - WRONG_COSTS * expected - drawn / chance
            if chance >= LIKELY and drawn <= options.most_drawn * size and spared > most:
                best, most = (size, min(drawn, STAGE)), spared
    if not most:
        return (), ()
    frame = sure[: best[0]]
    lots = by_lot([known.item_ids[place] for place in frame], options.seed + known.round)[: best[1]]
    at = {known.item_ids[place]: place for place in frame}
    drawn_places = {at[item_id] for item_id in lots}
    return tuple(at[item_id] for item_id in lots), tuple(place for place in frame if place not in drawn_places)


def first_wave(pages: int) -> int:
    """Return how many of a round's pages are asked first: the others follow if none of these is bad."""
    return min(pages, max(FIRST_PAGES, pages // 3))


def entropy_of(chances: Floats) -> Floats:
    """Return the entropy of the classes' chances, shape (n,), in nats; what is left of 1 is one class more.

    Args:
        chances: Shape (n, classes), 0 to 1, each row summing to 1 at most.
    """
    left = np.clip(1 - chances.sum(axis=1, keepdims=True), 0, 1)
    return np.asarray(entr(np.hstack([chances, left])).sum(axis=1))


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
