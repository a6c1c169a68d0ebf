"""When a certified band ends by itself: later audits contradict it, or the pictures have changed.

Both alarms have a stated chance of being false. The first is valid at every look (a test that never has to stop); the
second is a permutation test by item, exact whatever the boxes of an item share.
"""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from blocks.errors import BadInput, BadOption
from tasks.audit.bands import ClassBand, Standing
from tasks.audit.bounds import log_evidence_above
from tasks.audit.evidence import Evidence, Floats, tally, unit_codes
from tasks.audit.scope import Scope


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
    has_drifted: bool


def check_drift(
    what: str,
    before: Floats,
    now: Floats,
    *,
    false_alarm: float = 0.01,
    most_items: int = 400,
    permutations: int = 999,
    seed: int = 0,
) -> Drift:
    """Compare the items that a band was certified on with those that come now (energy distance, permuted by item).

    Args:
        what: What the rows are, for the report.
        before: Shape (n, d), one row per item: its embedding, or its `score_profiles`. Rows with NaN are left out.
        now: Shape (m, d).
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
    sides = [_some(rows[np.isfinite(rows).all(axis=1)], most_items, rng) for rows in (before, now)]
    sizes = [len(rows) for rows in sides]
    distance, p_value = 0.0, 1.0
    if min(sizes) >= 2:
        distance, p_value = _permuted_energy(np.concatenate(sides).astype(np.float64), sizes[0], permutations, rng)
    return Drift(
        what=what,
        distance=distance,
        p_value=p_value,
        false_alarm=false_alarm,
        items_before=sizes[0],
        items_now=sizes[1],
        has_drifted=p_value <= false_alarm,
    )


def score_profiles(item_ids: Sequence[str], scores: Floats) -> Floats:
    """Describe each item by its proposals: log of their number, and the 10, 50 and 90 % quantiles of their scores.

    Args:
        item_ids: The item of each proposal; items without proposals cannot appear.
        scores: Shape (n,); NaN is ignored.

    Returns:
        Shape (items, 4), items in order of first appearance; NaN quantiles where no score is known.
    """
    unit = unit_codes(item_ids)
    rows = np.full((int(unit.max(initial=-1)) + 1, 4), np.nan)
    for place in range(len(rows)):
        own = scores[(unit == place) & ~np.isnan(scores)]
        if len(own):
            rows[place] = (np.log1p(len(own)), *np.quantile(own, (0.1, 0.5, 0.9)))
    return rows


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
        if drift.has_drifted
    ]
    if not reasons:
        return band
    told = f"band for {band.class_name!r} from {band.accept_from:.3f} withdrawn: {'; '.join(reasons)}"
    return band.model_copy(
        update={"standing": Standing.WITHDRAWN, "accept_from": None, "share_accepted": 0.0, "reason": told}
    )


def _some(rows: Floats, most: int, rng: np.random.Generator) -> Floats:
    return rows if len(rows) <= most else rows[rng.choice(len(rows), most, replace=False)]


def _permuted_energy(rows: Floats, first: int, permutations: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return the energy distance of the first rows to the others, and its permutation p-value.

    Source:
        Székely and Rizzo, "Testing for equal distributions in high dimension", InterStat 2004.
    """
    from scipy.spatial.distance import cdist

    scale = rows.std(axis=0)
    rows = (rows - rows.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    distances = cdist(rows, rows)
    side = np.zeros((permutations + 1, len(rows)))
    side[0, :first] = 1
    for place in range(1, permutations + 1):
        side[place, rng.permutation(len(rows))[:first]] = 1
    to_first = side @ distances
    within = (to_first * side).sum(axis=1) / first**2
    across = (to_first * (1 - side)).sum(axis=1) / (first * (len(rows) - first))
    total = distances.sum()
    others = total - 2 * (to_first * (1 - side)).sum(axis=1) - (to_first * side).sum(axis=1)
    energy = 2 * across - within - others / (len(rows) - first) ** 2
    p_value = (1 + int((energy[1:] >= energy[0] - 1e-12).sum())) / (permutations + 1)
    return float(max(energy[0], 0.0)), p_value
