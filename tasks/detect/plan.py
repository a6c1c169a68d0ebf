"""How one batch is looked at, settled once: its tiles by the objects that are known, its scores by known labels.

Labels settle while a run sleeps, so both are looked up when a batch is first detected, and kept beside it: a run that
wakes up, or is made again, looks at its images as it did before.
"""

import hashlib
import logging
from collections.abc import Sequence

from sqlalchemy import Engine

from blocks.errors import NotEnoughData
from blocks.storage.stores import Store
from tasks.detect.calibration import fit_calibration, keep_calibration, kept_calibrations
from tasks.detect.options import TilingOptions
from tasks.detect.settled_evidence import is_triaged, judged_proposals, object_sizes, triaged_by
from tasks.detect.tiling.tile_size import tiling_for
from tasks.kinds.registry import label_kind

logger = logging.getLogger(__name__)

LEAST_OBJECTS = 30
"""Fewer labelled objects say too little about the largest ones."""

GROWTH = 1.5
"""A calibration is fitted anew once there is half as much again to fit it on: each one makes a recipe of its own."""


def fit_network(options: TilingOptions, side_px: int | None, detector: str) -> TilingOptions:
    """Return tiling options for a network that sees only pictures of one size: tiles no larger, none joined.

    Args:
        options: What the line asks for.
        side_px: Of the only pictures that the network sees; None where it sees any.
        detector: Its version, for the log.
    """
    if side_px is None:
        return options
    fitting = {"tile_px": min(options.tile_px, side_px), "join": 1, "fit_objects": False}
    if fitting["tile_px"] < options.tile_px:
        logger.info("detector %s sees %d px and no more: tiles of %d px", detector, side_px, side_px)
    return options.model_copy(update=fitting)


def plan_tiling(
    engine: Engine,
    store: Store,
    batch_id: str,
    collection: str,
    detector: str,
    classes: Sequence[str],
    options: TilingOptions,
    kind: str = "boxes",
) -> TilingOptions:
    """Return the options under which a batch is scanned; the same ones whenever it is asked again.

    Args:
        engine: The catalogue, with what has settled so far.
        store: Where plans and calibrations are kept.
        batch_id: The batch.
        collection: Of the batch: its labels count.
        detector: Version of the detector.
        classes: Wanted ones.
        options: What the line asks for. What it asks for has to be the same whenever a batch is planned again; if it is
            not, the batch is planned anew.
        kind: Of the labels.
    """
    # As it was written when there was a coarse pass: a batch in the middle of its scan keeps its plan.
    wanted = options.model_dump_json().replace('"fit_objects"', '"coarse_score":0.0,"fit_objects"')
    asked = hashlib.sha256(f"{batch_id}|{detector}|{sorted(classes)}|{wanted}".encode()).hexdigest()
    key = f"plans/{asked[:32]}.json"
    if store.has(key):
        return TilingOptions.model_validate_json(store.get(key))
    planned = _fit_tiles(engine, collection, classes, options) if options.fit_objects else options
    if planned.calibrated:
        calibration = _calibration(engine, store, collection, detector, classes, planned, kind)
        planned = planned.model_copy(update={"calibration": calibration})
    store.put(key, planned.model_dump_json().encode(), "application/json")
    return planned


def recipe_of(engine: Engine, batch_id: str, detector: str, planned: str) -> str:
    """Return the recipe whose proposals count for a batch: once triage has gone through it, the one that it judged.

    A run that sleeps while people answer may wake up in a version to which the same options are another recipe. What
    the machine found and people judged stands under the former one; settled under another, it would be missing.
    """
    judged_of, judged = triaged_by(engine, batch_id)
    return judged if judged_of == detector and is_triaged(engine, batch_id) else planned


def _fit_tiles(engine: Engine, collection: str, classes: Sequence[str], options: TilingOptions) -> TilingOptions:
    sizes = object_sizes(engine, collection, classes)
    if len(sizes) < LEAST_OBJECTS:
        logger.info("%d labelled objects are too few to choose tiles by: %d px as given", len(sizes), options.tile_px)
        return options
    fitted = tiling_for(sizes, options)
    logger.info(
        "tiles of %d px that overlap by %.0f %%, chosen by the sizes of %d objects",
        fitted.tile_px,
        100 * fitted.overlap_share,
        len(sizes),
    )
    return fitted


def _calibration(
    engine: Engine,
    store: Store,
    collection: str,
    detector: str,
    classes: Sequence[str],
    options: TilingOptions,
    kind: str,
) -> str:
    """Return the name of the calibration to use: a kept one, or one fitted now; empty where none would help."""
    raw = options.uncalibrated()
    base = raw.recipe(classes)
    kept = {name: each for name, each in kept_calibrations(store, detector).items() if each.recipe == base}
    latest = max(kept, key=lambda name: (kept[name].points, name), default="")
    recipes = [base, *(raw.model_copy(update={"calibration": name}).recipe(classes) for name in sorted(kept))]
    judged = judged_proposals(engine, collection, detector, recipes, classes, label_kind(kind))
    if latest and len(judged.scores) < GROWTH * kept[latest].points:
        return latest
    try:
        fitted = fit_calibration(judged, base)
    except NotEnoughData as error:
        logger.info("scores of detector %s stay as they are: %s", detector, error)
        return latest
    if fitted.error_after >= fitted.error_before:
        logger.info(
            "scores of detector %s stay as they are: calibration error %.3f, calibrated %.3f on items held out",
            detector,
            fitted.error_before,
            fitted.error_after,
        )
        return latest
    logger.info(
        "scores of detector %s calibrated on %d judged boxes: expected calibration error %.3f before, %.3f after "
        "(items held out)",
        detector,
        fitted.points,
        fitted.error_before,
        fitted.error_after,
    )
    return keep_calibration(store, detector, fitted)
