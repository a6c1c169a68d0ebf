"""Whether things have changed: inputs, as the audit compares them; agreement, by a difference of means.

Both are tested by the one permutation test of `tasks/audit/risk_control/drift.py`. Frames of one sequence look alike,
so where both sides have sequences enough, whole sequences are exchanged; where not, single items are, and the report
says that such a p-value comes out too small.
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Batch
from blocks.frozen import Frozen
from tasks.audit.bounds.evidence import Floats
from tasks.audit.risk_control.drift import DriftOptions, Exchange, drift_between, pictures_of
from tasks.detect.refs import Scope
from tasks.monitor.judged import JudgedItem, main_recipe
from tasks.monitor.options import MonitorOptions


class Difference(Frozen):
    """A difference between then and now, and how likely chance alone makes one so large."""

    what: str
    before: int = Field(description="items")
    now: int = Field(description="items")
    distance: float | None = Field(description="None: not enough evidence")
    p_value: float | None = None
    unit: Literal["items", "sequences"] = "items"
    alarm: bool = False
    words: str


def drift_of_inputs(engine: Engine, collection: str, options: MonitorOptions) -> Difference:
    """Test whether the newest scanned batch of a collection looks different than the batches before it.

    Only embeddings by the newest batch's own detector and recipe are compared: others mean something else.

    Raises:
        OtherModelVersion: One detector version has given embeddings of different lengths.
    """
    newest = _newest_scanned(engine, collection)
    if newest is None:
        return _unknown("inputs", (0, 0), options)
    how = _as_drift_options(options)
    pictures = pictures_of(engine, newest, how)
    if pictures.is_chosen:
        words = f"not compared: batch {newest.batch_id} was chosen by a strategy, and differs from others by design"
        return Difference(what="inputs", before=pictures.sizes[0], now=pictures.sizes[1], distance=None, words=words)
    drift = drift_between(pictures, newest, how)
    sides = (drift.items_before, drift.items_now) if drift else pictures.sizes
    if drift is None or min(sides) < options.least_items:
        return _unknown("inputs", sides, options)
    return _known("inputs", drift.distance, drift.p_value, sides, drift.unit, options)


def agreement_drift(judged: Sequence[JudgedItem], options: MonitorOptions) -> Difference:
    """Test whether people agree with the detector as before: the later half of items against the earlier half.

    Agreement of an item is 2 × right / (proposed + objects) (Dice); items with neither say nothing. Blind items only.

    Args:
        judged: In the order in which people answered, of one detector version.
        options: Score from which proposals count, least items, permutations, alarm.
    """
    found = [(item, *item.found(options.show_score)) for item in judged if item.blind]
    dice = [(item, 2 * right / (proposed + objects)) for item, proposed, right, objects in found if proposed + objects]
    half = len(dice) // 2
    sides = (half, len(dice) - half)
    if min(sides) < options.least_items:
        return _unknown("agreement", sides, options)
    values = np.array([value for _, value in dice])
    names = [item.sequence for item, _ in dice]

    def difference(side: Floats) -> Floats:
        first = side.sum(axis=1)
        return np.asarray(np.abs(side @ values / first - (1 - side) @ values / (len(values) - first)))

    rng = np.random.default_rng(options.seed)
    exchange = Exchange.of(sides, (names[:half], names[half:]))
    distance, p_value = exchange.test(difference, _as_drift_options(options).permutations, rng)
    drift = _known("agreement", distance, p_value, sides, exchange.unit, options)
    then, now = values[:half].mean(), values[half:].mean()
    return drift.model_copy(update={"words": f"agreement {then:.3f}, then {now:.3f}: {drift.words}"})


def _as_drift_options(options: MonitorOptions) -> DriftOptions:
    # So many dealings at least that chance could show itself as seldom as the alarm asks.
    permutations = max(options.resamples, math.ceil(1 / options.alarm_p))
    return DriftOptions(options.alarm_p, options.most_images, permutations, options.seed)


def _newest_scanned(engine: Engine, collection: str) -> Scope | None:
    query = select(Batch.id).where(Batch.collection == collection)
    with reading(engine) as session:
        newest_first = session.exec(query.order_by(col(Batch.created_at).desc(), col(Batch.id).desc())).all()
    for batch_id in newest_first:
        source = main_recipe(engine, batch_id)
        if source is not None:
            return Scope(batch_id, *source)
    return None


def _known(
    what: str,
    distance: float,
    p_value: float,
    sides: tuple[int, int],
    unit: Literal["items", "sequences"],
    options: MonitorOptions,
) -> Difference:
    alarm = p_value <= options.alarm_p
    caution = "" if unit == "sequences" else "; items of one sequence are alike, so p is too small"
    return Difference(
        what=what,
        before=sides[0],
        now=sides[1],
        distance=distance,
        p_value=p_value,
        unit=unit,
        alarm=alarm,
        words=f"{'changed' if alarm else 'no change shown'}, p = {p_value:.3g} over {unit}{caution}",
    )


def _unknown(what: str, sides: tuple[int, int], options: MonitorOptions) -> Difference:
    words = f"not enough evidence: {sides[0]} items then and {sides[1]} now, {options.least_items} of each are needed"
    return Difference(what=what, before=sides[0], now=sides[1], distance=None, words=words)
