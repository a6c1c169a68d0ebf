"""Who is champion: the challenger takes the place only if it is better on the same frozen test items.

Two retrains may end at once. Each compared with the champion it saw, so before the alias moves, the champion is looked
up again, under a lock that the whole team shares through the catalogue; if it is another one by now, the challenger is
compared with that one first. So the alias never moves from a better detector to a worse one.
"""

import logging
import math

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Engine

from blocks.database.engine import one_at_a_time
from blocks.errors import LabellingError
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from tasks.detect.refs import DetectorRef
from tasks.train.evaluate import Comparison, compare
from tasks.train.naming import list_classes
from tasks.train.options import PromoteOptions
from tasks.train.registry import (
    CHALLENGER,
    CHAMPION,
    RegisteredModel,
    champion_of,
    drop_alias,
    note_not_yet,
    register,
    set_alias,
)
from tasks.train.tables import comparison_markdown

log = logging.getLogger(__name__)

MOST_ROUNDS = 5
"""How often the champion may change under a comparison before we stop asking for luck."""


class PromotionReport(BaseModel):
    """What came of a comparison."""

    model_config = ConfigDict(frozen=True)

    promoted: bool
    name: str
    number: str
    champion: DetectorRef
    metric: str
    before: float
    after: float
    reason: str
    comparison: Comparison
    markdown: str


def promote(
    engine: Engine,
    store: Store,
    experiments: Experiments,
    comparison: Comparison,
    options: PromoteOptions,
) -> PromotionReport:
    """Register the challenger, and make it champion if it is better than the champion of this moment.

    Doing it again changes nothing: a challenger that is champion already stays so.

    Raises:
        LabellingError: The comparison names no run that keeps the challenger's weights, or the champion kept changing.
        TrackingUnavailable: MLflow cannot be reached.
    """
    challenger = _register(experiments, comparison)
    name = challenger.ref.name
    for _ in range(MOST_ROUNDS):
        with one_at_a_time(engine, f"champion of {name}"):
            current = champion_of(experiments, name)
            holder = current.ref.version if current else None
            if holder in (None, comparison.champion.detector.version, challenger.ref.version):
                promoted, reason = _verdict(comparison, options, holder)
                if holder is None and not promoted:
                    note_not_yet(experiments, challenger, reason)
                _move_aliases(experiments, challenger, promoted)
                break
        assert current is not None
        log.info("%s became champion of %s meanwhile: comparing with it", holder, name)
        refs = (current.ref, challenger.ref)
        comparison = compare(store, comparison.snapshot_id, *refs, comparison.tiling, run_id=comparison.run_id)
    else:
        raise LabellingError(
            f"the champion of {name!r} changed {MOST_ROUNDS} times while {challenger.ref.version} was compared "
            "with it: run the promotion again when other retrains have ended"
        )
    return _report(comparison, challenger, options, promoted, reason)


def _register(experiments: Experiments, comparison: Comparison) -> RegisteredModel:
    found = comparison.challenger
    if comparison.run_id is None:
        raise LabellingError(
            f"the comparison of {found.detector.version} names no run: pass the run that trained it, "
            "which keeps its weights"
        )
    tags = {
        "snapshot": comparison.snapshot_id,
        "classes": list_classes(comparison.classes),
        **{name: f"{value:.4f}" for name, value in found.metrics.numbers.items()},
        "tile_px": str(comparison.tiling.tile_px),
        "compared_with": comparison.champion.detector.version,
    }
    return register(experiments, found.detector.name, found.detector, comparison.run_id, tags)


def _verdict(comparison: Comparison, options: PromoteOptions, holder: str | None) -> tuple[bool, str]:
    metric = _metric(comparison, options)
    before, after = comparison.champion.number(metric), comparison.challenger.number(metric)
    if holder == comparison.challenger.detector.version:
        return True, "it is the champion already"
    if not math.isfinite(after):
        return False, f"{metric} of the challenger is no number: it was not measured"
    learnt = after - before >= options.min_gain or not comparison.champion.detector.is_nobody
    if holder is None and learnt:
        return True, "there is no champion yet"
    numbers = f"{metric} {before:.3f} → {after:.3f} on {comparison.challenger.items} frozen test items"
    if after - before >= options.min_gain and after > before:
        return True, f"better: {numbers}"
    return False, f"not better by at least {options.min_gain:g}: {numbers}"


def _move_aliases(experiments: Experiments, challenger: RegisteredModel, promoted: bool) -> None:
    name = challenger.ref.name
    if promoted:
        set_alias(experiments, name, CHAMPION, challenger.number)
        drop_alias(experiments, name, CHALLENGER)
    else:
        set_alias(experiments, name, CHALLENGER, challenger.number)


def _report(
    comparison: Comparison, challenger: RegisteredModel, options: PromoteOptions, promoted: bool, reason: str
) -> PromotionReport:
    metric = _metric(comparison, options)
    return PromotionReport(
        promoted=promoted,
        name=challenger.ref.name,
        number=challenger.number,
        champion=challenger.ref if promoted else comparison.champion.detector,
        metric=metric,
        before=comparison.champion.number(metric),
        after=comparison.challenger.number(metric),
        reason=reason,
        comparison=comparison,
        markdown=comparison_markdown(comparison, promoted=promoted, reason=reason),
    )


def _metric(comparison: Comparison, options: PromoteOptions) -> str:
    return options.metric or comparison.challenger.metrics.headline
