"""How one batch is looked at, settled once: its tiles by the objects that are known, its scores by known labels.

Labels settle while a run sleeps, so both are looked up when a batch is first detected, and kept beside it: a run that
wakes up, or is made again, looks at its images as it did before.
"""

import hashlib
import logging
from collections.abc import Sequence

from sqlalchemy import Engine

from blocks.errors import NotEnoughData
from blocks.stores import Store
from tasks.detect.calibration import fit_calibration, keep_calibration, kept_calibrations
from tasks.detect.known import judged_proposals, object_sizes
from tasks.detect.options import TilingOptions
from tasks.detect.tile_size import tiling_for

logger = logging.getLogger(__name__)

LEAST_OBJECTS = 30
"""Fewer labelled objects say too little about the largest ones."""

GROWTH = 1.5
"""A calibration is fitted anew once there is half as much again to fit it on: each one makes a recipe of its own."""


def plan_tiling(
    engine: Engine,
    store: Store,
    batch_id: str,
    collection: str,
    detector: str,
    classes: Sequence[str],
    options: TilingOptions,
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
    """
    asked = hashlib.sha256(f"{batch_id}|{detector}|{sorted(classes)}|{options.model_dump_json()}".encode()).hexdigest()
    key = f"plans/{asked[:32]}.json"
    if store.has(key):
        return TilingOptions.model_validate_json(store.get(key))
    planned = _fit_tiles(engine, collection, classes, options) if options.fit_objects else options
    if planned.calibrated:
        calibration = _calibration(engine, store, collection, detector, classes, planned)
        planned = planned.model_copy(update={"calibration": calibration})
    store.put(key, planned.model_dump_json().encode(), "application/json")
    return planned


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
    engine: Engine, store: Store, collection: str, detector: str, classes: Sequence[str], options: TilingOptions
) -> str:
    """Return the name of the calibration to use: a kept one, or one fitted now; empty where none would help."""
    raw = options.uncalibrated()
    base = raw.recipe(classes)
    kept = {name: each for name, each in kept_calibrations(store, detector).items() if each.recipe == base}
    latest = max(kept, key=lambda name: (kept[name].points, name), default="")
    recipes = [base, *(raw.model_copy(update={"calibration": name}).recipe(classes) for name in sorted(kept))]
    judged = judged_proposals(engine, collection, detector, recipes, classes)
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
