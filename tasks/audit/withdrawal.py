"""When a certified band ends by itself: later audits contradict it, or the pictures have changed.

Both alarms have a stated chance of being false. The first is valid at every look (a test that never has to stop); the
second is a permutation test that exchanges whole sequences, exact whatever the frames of one share. With too few
sequences it exchanges items: then frames that look alike raise the alarm too often, and it ends no band.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from blocks.errors import BadInput, BadOption
from tasks.audit.bands import ClassBand, Standing
from tasks.audit.bounds import log_evidence_above
from tasks.audit.evidence import Evidence, Floats, Ints, tally, unit_codes
from tasks.audit.scope import Scope

LEAST_SEQUENCES = 5
"""On each side: with 5 and 5, chance alone gives the greatest distance once in 252 times."""


class Contradiction(BaseModel):
    """What later audits say of a band."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    evidence: float = Field(description="how many times more the audits gained than a true promise would let them")
    needed: float = Field(description="at this the band is withdrawn: 1 over the chance of a false alarm")
    judged: int
    wrong: int
    is_contradicted: bool


def check_later_audits(band: ClassBand, later: Evidence, scope: Scope, false_alarm: float = 0.01) -> Contradiction:
    """Test the promise of a certified band against audits drawn after it was certified.

    Args:
        band: A certified band.
        later: Judged proposals of its class, in drawing order, none of which certified it (`Evidence.after`).
        scope: Of what the band speaks.
        false_alarm: Chance that a true promise is ever contradicted, over all looks together.

    Raises:
        BadOption: The band accepts nothing, so there is nothing to contradict, or the chance is outside (0, 1).
        BadInput: A later draw brought more boxes than the scope allows.
    """
    if band.accept_from is None:
        raise BadOption(f"class {band.class_name!r} has no band to contradict ({band.standing})")
    if not 0 < false_alarm < 1:
        raise BadOption(f"false alarm rate {false_alarm} is outside (0, 1)")
    thresholds = np.array([band.accept_from])
    counts = tally(later, thresholds)
    largest = float(scope.limits(later.drawn, thresholds).largest[0])
    if counts.judged.max(initial=0) > largest:
        raise BadInput(f"a later draw brought {counts.judged.max():.0f} boxes; expected at most {largest:.0f}")
    wealth = log_evidence_above(counts.wrong[0], counts.judged[0], band.promise.epsilon, largest)
    highest = float(np.exp(min(wealth.max(initial=0.0), 700.0)))
    return Contradiction(
        evidence=highest,
        needed=1 / false_alarm,
        judged=int(counts.judged.sum()),
        wrong=int(counts.wrong.sum()),
        is_contradicted=highest >= 1 / false_alarm,
    )


class Drift(BaseModel):
    """Whether the inputs have changed since the band was certified."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: str = Field(description="what was compared, such as scores or embeddings")
    distance: float = Field(description="energy distance between the two sets of items, 0: alike")
    p_value: float = Field(description="chance of such a distance between alike sets")
    false_alarm: float
    items_before: int
    items_now: int
    unit: Literal["items", "sequences"] = Field(default="items", description="what was exchanged")
    is_exact: bool = Field(default=True, description="false alarms are as rare as stated, also if frames look alike")
    has_drifted: bool

    @property
    def ends_bands(self) -> bool:
        """Whether bands end by it: a change that chance explains as seldom as stated."""
        return self.has_drifted and self.is_exact


@dataclass(frozen=True, slots=True)
class Exchange:
    """What may be exchanged between two sides of rows if nothing has changed: groups of rows, shape (n,)."""

    groups: Ints
    first: int
    """So many groups are on the first side."""
    unit: Literal["items", "sequences"]
    is_exact: bool

    @classmethod
    def of(cls, sizes: tuple[int, int], sequences: tuple[Sequence[str], Sequence[str]] | None) -> "Exchange":
        """Exchange whole sequences where both sides have enough and share none; else single items.

        Args:
            sizes: Rows of both sides.
            sequences: Of each row; None: no two rows have to do with each other.
        """
        if sequences is not None:
            names = tuple(set(side) for side in sequences)
            if min(map(len, names)) >= LEAST_SEQUENCES and not names[0] & names[1]:
                return cls(unit_codes([*sequences[0], *sequences[1]]), len(names[0]), "sequences", True)
        return cls(np.arange(sum(sizes)), sizes[0], "items", sequences is None)


def check_drift(
    what: str,
    before: Floats,
    now: Floats,
    sequences: tuple[Sequence[str], Sequence[str]] | None = None,
    *,
    false_alarm: float = 0.01,
    most_items: int = 400,
    permutations: int = 999,
    seed: int = 0,
) -> Drift:
    """Compare the items of before with those that come now (energy distance, permuted).

    Args:
        what: What the rows are, for the report.
        before: Shape (n, d), one row per item, such as its embedding. Rows with NaN are left out.
        now: Shape (m, d).
        sequences: Of each row, n and m names: frames of one sequence look alike. None: every item stands for itself.
        false_alarm: Chance of an alarm where nothing changed, at this one look; halve it at each further look.
        most_items: Of larger sets a random part is compared.
        permutations: How often items are dealt anew.
        seed: Of the dealing.

    Returns:
        No drift where either side has under two items: nothing can be said.

    Raises:
        BadInput: The rows of the two sides are of different length.
        BadOption: Too few permutations to ever show a false alarm rate that small.
    """
    if (permutations + 1) * false_alarm < 1:
        raise BadOption(
            f"{permutations} permutations cannot show {false_alarm}; expected {int(np.ceil(1 / false_alarm))}"
        )
    if before.ndim != 2 or now.ndim != 2 or before.shape[1] != now.shape[1]:
        raise BadInput(f"{what} of shapes {before.shape} and {now.shape}: expected (items, d) twice with the same d")
    rng = np.random.default_rng(seed)
    kept = [_some(np.flatnonzero(np.isfinite(rows).all(axis=1)), most_items, rng) for rows in (before, now)]
    sides = [rows[places].astype(np.float64) for rows, places in zip((before, now), kept, strict=True)]
    sizes = len(sides[0]), len(sides[1])
    named = None
    if sequences is not None:
        named = [sequences[0][place] for place in kept[0]], [sequences[1][place] for place in kept[1]]
    exchange = Exchange.of(sizes, named)
    distance, p_value = 0.0, 1.0
    if min(sizes) >= 2:
        distance, p_value = _permuted_energy(np.concatenate(sides), exchange, permutations, rng)
    return Drift(
        what=what,
        distance=distance,
        p_value=p_value,
        false_alarm=false_alarm,
        items_before=sizes[0],
        items_now=sizes[1],
        unit=exchange.unit,
        is_exact=exchange.is_exact,
        has_drifted=p_value <= false_alarm,
    )


def keep_or_withdraw(band: ClassBand, contradiction: Contradiction | None, drifts: tuple[Drift, ...] = ()) -> ClassBand:
    """Return the band as it is, or withdrawn with the reason in words; a band that accepts nothing stays as it is."""
    if band.accept_from is None:
        return band
    reasons = []
    if contradiction and contradiction.is_contradicted:
        reasons.append(f"{contradiction.wrong} of {contradiction.judged} boxes audited since are wrong")
    reasons += [
        f"{drift.what} have changed since (p = {drift.p_value:.3g} with {drift.items_now} items)"
        for drift in drifts
        if drift.ends_bands
    ]
    if not reasons:
        return band
    told = f"band for {band.class_name!r} from {band.accept_from:.3f} withdrawn: {'; '.join(reasons)}"
    return band.model_copy(
        update={"standing": Standing.WITHDRAWN, "accept_from": None, "share_accepted": 0.0, "reason": told}
    )


def _some(places: Ints, most: int, rng: np.random.Generator) -> Ints:
    return places if len(places) <= most else np.sort(rng.choice(places, most, replace=False))


def _permuted_energy(
    rows: Floats, exchange: Exchange, permutations: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the energy distance of the first rows to the others, and its permutation p-value.

    Source:
        Székely and Rizzo, "Testing for equal distributions in high dimension", InterStat 2004.
    """
    from scipy.spatial.distance import cdist

    scale = rows.std(axis=0)
    rows = (rows - rows.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    distances = cdist(rows, rows)
    groups = int(exchange.groups.max()) + 1
    on_first = np.zeros((permutations + 1, groups))
    on_first[0, : exchange.first] = 1  # groups are numbered in order of appearance: those of the first side first
    for place in range(1, permutations + 1):
        on_first[place, rng.permutation(groups)[: exchange.first]] = 1
    side = on_first[:, exchange.groups]
    first = side.sum(axis=1)
    others = len(rows) - first
    to_first = side @ distances
    within, across = (to_first * side).sum(axis=1), (to_first * (1 - side)).sum(axis=1)
    rest = distances.sum() - 2 * across - within
    energy = 2 * across / (first * others) - within / first**2 - rest / others**2
    p_value = (1 + int((energy[1:] >= energy[0] - 1e-12).sum())) / (permutations + 1)
    return float(max(energy[0], 0.0)), p_value
