"""Whether the pictures of a batch look like those before it: the embeddings of one detector, compared by permutation.

A threshold speaks of its own batch, so new pictures cannot break its promise. But the promise is that what is accepted
is right, not that nothing is missing: on pictures of another kind a detector misses more, and nobody looks where it is
sure. So a batch whose pictures have changed gets no threshold unless its line wants that, and people look. The monitor
asks the same question, and gets the same answer.

Whole sequences are exchanged, so the test is exact whatever the frames of one share. With too few sequences items are:
then frames that look alike raise the alarm too often, and it ends no threshold. Batches that were chosen by what a
detector says of their items are compared with nothing: they differ from others by design.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from blocks.database.engine import reading
from blocks.database.tables import Batch, BatchItem, Bookmark, Item, Scan
from blocks.errors import BadInput, BadOption
from blocks.frozen import Frozen
from tasks.audit.bounds.evidence import Floats, Ints, unit_codes
from tasks.detect.refs import Scope
from tasks.triage.active_learning.diversity import Embeddings

LEAST_SEQUENCES = 5
"""On each side: with 5 and 5, chance alone gives the greatest distance once in 252 times."""

MOST_ROWS = 2000
"""Newest items that are read of each side; a random part of them is compared."""


class InputDrift(Frozen):
    """Whether the inputs have changed since the threshold was certified."""

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
    def ends_thresholds(self) -> bool:
        """Whether thresholds end by it: a change that chance explains as seldom as stated."""
        return self.has_drifted and self.is_exact


@dataclass(frozen=True, slots=True)
class DriftOptions:
    """How much is compared, and from when on it counts as a change."""

    false_alarm: float = 0.01
    """Chance of an alarm where nothing changed, at one look; halve it at each further look."""
    most_items: int = 400
    """Of larger sets a random part is compared."""
    permutations: int = 999
    seed: int = 0


USUAL = DriftOptions()

Statistic = Callable[[Floats], Floats]
"""Takes sides, shape (k, n), 1 for rows on the first side and 0 for others, and returns k numbers; large: unlike."""


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

    def test(self, statistic: Statistic, permutations: int, rng: np.random.Generator) -> tuple[float, float]:
        """Return a statistic of the sides as they are, and the share of dealings that give as much: its p-value."""
        groups = int(self.groups.max()) + 1
        on_first = np.zeros((permutations + 1, groups))
        on_first[0, : self.first] = 1  # groups are numbered in order of appearance: those of the first side first
        for place in range(1, permutations + 1):
            on_first[place, rng.permutation(groups)[: self.first]] = 1
        found = statistic(on_first[:, self.groups])
        return float(found[0]), (1 + int((found[1:] >= found[0] - 1e-12).sum())) / (permutations + 1)


def check_drift(
    what: str,
    before: Floats,
    now: Floats,
    sequences: tuple[Sequence[str], Sequence[str]] | None = None,
    options: DriftOptions = USUAL,
) -> InputDrift:
    """Compare the items of before with those that come now (energy distance, permuted).

    Args:
        what: What the rows are, for the report.
        before: Shape (n, d), one row per item, such as its embedding. Rows with NaN are left out.
        now: Shape (m, d).
        sequences: Of each row, n and m names: frames of one sequence look alike. None: every item stands for itself.
        options: How it is tested.

    Returns:
        No drift where either side has under two items: nothing can be said.

    Raises:
        BadInput: The rows of the two sides are of different length.
        BadOption: Too few permutations to ever show a false alarm rate that small.

    Source:
        Székely and Rizzo, "Testing for equal distributions in high dimension", InterStat 2004.
    """
    if (options.permutations + 1) * options.false_alarm < 1:
        raise BadOption(
            f"{options.permutations} permutations cannot show {options.false_alarm}; "
            f"expected {int(np.ceil(1 / options.false_alarm))}"
        )
    if before.ndim != 2 or now.ndim != 2 or before.shape[1] != now.shape[1]:
        raise BadInput(f"{what} of shapes {before.shape} and {now.shape}: expected (items, d) twice with the same d")
    rng = np.random.default_rng(options.seed)
    kept = [_some(np.flatnonzero(np.isfinite(rows).all(axis=1)), options.most_items, rng) for rows in (before, now)]
    sides = [rows[places].astype(np.float64) for rows, places in zip((before, now), kept, strict=True)]
    sizes = len(sides[0]), len(sides[1])
    named = None
    if sequences is not None:
        named = [sequences[0][place] for place in kept[0]], [sequences[1][place] for place in kept[1]]
    exchange = Exchange.of(sizes, named)
    distance, p_value = 0.0, 1.0
    if min(sizes) >= 2:
        distance, p_value = exchange.test(_energy_between(np.concatenate(sides)), options.permutations, rng)
    return InputDrift(
        what=what,
        distance=max(distance, 0.0),
        p_value=p_value,
        false_alarm=options.false_alarm,
        items_before=sizes[0],
        items_now=sizes[1],
        unit=exchange.unit,
        is_exact=exchange.is_exact,
        has_drifted=p_value <= options.false_alarm,
    )


def chosen_name(batch_id: str) -> str:
    """Name the bookmark that says that a batch's items were chosen by a strategy, not as they came or at random."""
    return f"audit chosen {batch_id}"


@dataclass(frozen=True, slots=True)
class ComparedPictures:
    """Embeddings, as they are stored, and sequences of the pictures of a batch and of those before it."""

    before: list[tuple[bytes, str]]
    now: list[tuple[bytes, str]]
    is_chosen: bool
    """By what a detector says, so that the batch differs from others by design."""

    @property
    def sizes(self) -> tuple[int, int]:
        """Pictures before, and now."""
        return len(self.before), len(self.now)


def input_drift(engine: Engine, scope: Scope, options: DriftOptions = USUAL) -> InputDrift | None:
    """Compare the pictures of a batch with those of earlier batches of its collection that the same detector saw.

    Returns:
        None where there is no earlier batch, no embedding, or the batch was chosen by what a detector says.

    Raises:
        BadOption: There is no such batch.
        OtherModelVersion: Embeddings of one detector are of different lengths.
    """
    return drift_between(pictures_of(engine, scope, options), scope, options)


def pictures_of(engine: Engine, scope: Scope, options: DriftOptions = USUAL) -> ComparedPictures:
    """Read what `input_drift` compares: of each side the newest `MOST_ROWS`, or more where more are to be compared.

    Raises:
        BadOption: There is no such batch.
    """
    with reading(engine) as session:
        batch = session.get(Batch, scope.batch_id)
        if batch is None:
            raise BadOption(f"batch {scope.batch_id!r} is not in the catalogue. Open it first, with `open_batch`.")
        earlier = session.exec(
            select(Batch.id).where(
                Batch.collection == batch.collection,
                Batch.id != batch.id,
                col(Batch.created_at) <= batch.created_at,
            )
        ).all()
        chosen = _chosen(session, [batch.id, *earlier])
        most = max(MOST_ROWS, options.most_items)
        return ComparedPictures(
            before=_stored(session, scope, [batch_id for batch_id in earlier if batch_id not in chosen], most),
            now=_stored(session, scope, [batch.id], most),
            is_chosen=batch.id in chosen,
        )


def drift_between(pictures: ComparedPictures, scope: Scope, options: DriftOptions = USUAL) -> InputDrift | None:
    """Compare pictures that were read; see `input_drift`."""
    before, now = pictures.before, pictures.now
    if pictures.is_chosen or not before or not now:
        return None
    # One reading for both sides: embeddings of different lengths cannot be compared, and are refused here.
    stored = [row[0] for row in (*before, *now)]
    both = Embeddings.from_bytes(stored, [scope.detector] * len(stored), scope.detector)
    rows = np.where(both.usable[:, None], both.vectors, np.nan).astype(np.float64)
    sequences = [row[1] for row in before], [row[1] for row in now]
    return check_drift("pictures", rows[: len(before)], rows[len(before) :], sequences, options)


def _energy_between(rows: Floats) -> Statistic:
    """Return what gives the energy distance of the first rows to the others, each column counted alike."""
    from scipy.spatial.distance import cdist

    scale = rows.std(axis=0)
    rows = (rows - rows.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    distances = cdist(rows, rows)

    def energy(side: Floats) -> Floats:
        first = side.sum(axis=1)
        others = len(rows) - first
        to_first = side @ distances
        within, across = (to_first * side).sum(axis=1), (to_first * (1 - side)).sum(axis=1)
        rest = distances.sum() - 2 * across - within
        return np.asarray(2 * across / (first * others) - within / first**2 - rest / others**2)

    return energy


def _some(places: Ints, most: int, rng: np.random.Generator) -> Ints:
    return places if len(places) <= most else np.sort(rng.choice(places, most, replace=False))


def _chosen(session: Session, batch_ids: Sequence[str]) -> set[str]:
    names = {chosen_name(batch_id): batch_id for batch_id in batch_ids}
    found = session.exec(select(Bookmark.name).where(col(Bookmark.name).startswith(chosen_name("")))).all()
    return {names[name] for name in found if name in names}


def _stored(session: Session, scope: Scope, batch_ids: Sequence[str], most: int) -> list[tuple[bytes, str]]:
    query = (
        select(Scan.embedding, Item.sequence)
        .join(Item, col(Item.id) == Scan.item_id)
        .join(BatchItem, col(BatchItem.item_id) == Scan.item_id)
        .where(col(BatchItem.batch_id).in_(batch_ids), col(BatchItem.set_aside).is_(None))
        .where(Scan.detector == scope.detector, Scan.recipe == scope.recipe, col(Scan.embedding).is_not(None))
        .order_by(col(Scan.created_at).desc(), col(Scan.item_id))
        .limit(most)
    )
    return [(embedding, sequence) for embedding, sequence in session.exec(query).all() if embedding]
