"""Detection as a Prefect step: a shard of a batch in, counts out; images and models stay in the process."""

import logging

from prefect import task
from prefect.cache_policies import NO_CACHE

from blocks.errors import CatalogUnavailable, StoreUnavailable
from blocks.plugs import open_catalog, open_store
from blocks.retries import WAITS_S, only_for
from tasks.detect import plan
from tasks.detect.options import TilingOptions
from tasks.detect.proposals import ProposalCounts, propose
from tasks.detect.proposers.registry import proposer_of
from tasks.detect.refs import DetectorRef, ScanRef
from tasks.detect.turns import TURNS
from tasks.intake.batches import BatchRef, Shard, items_of, set_aside
from tasks.intake.label_kinds import note_label_kind

LOG = logging.getLogger(__name__)

AWAY = only_for(StoreUnavailable, CatalogUnavailable)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def plan_scan(
    batch: BatchRef,
    detector: DetectorRef,
    options: TilingOptions,
    classes: tuple[str, ...],
    plugs: str = "local",
    label_kind: str = "boxes",
) -> ScanRef:
    """Settle how a batch is looked at: tiles by the sizes of known objects, scores by what labels say of them."""
    engine, store = open_catalog(plugs), open_store(plugs)
    note_label_kind(engine, batch.collection, label_kind)
    has_model = not (detector.is_nobody or detector.is_import or detector.is_taught or detector.is_propagated)
    asked = options if not has_model else proposer_of(label_kind, detector.weights_key).fit(store, detector, options)
    planned = plan.plan_tiling(engine, store, batch.id, batch.collection, detector.version, classes, asked, label_kind)
    how = f"scores calibrated ({planned.calibration})" if planned.calibration else "scores as they are"
    LOG.info("batch %s: tiles of %d px, overlap %.2f, %s", batch.id, planned.tile_px, planned.overlap_share, how)
    recipe = plan.recipe_of(engine, batch.id, detector.version, planned.recipe(classes))
    return ScanRef(
        batch=batch,
        detector=detector,
        classes=classes,
        tiling=planned,
        recipe=recipe,
        label_kind=label_kind,
        plugs=plugs,
    )


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def detect_shard(shard: Shard, scan: ScanRef) -> ProposalCounts:
    """Look at the items of one shard through tiles, and write what the detector proposes."""
    engine, store = open_catalog(scan.plugs), open_store(scan.plugs)
    items = items_of(engine, shard.batch_id, shard.start, shard.stop)
    with TURNS.of(f"{scan.detector.version} {scan.tiling.tile_px} {scan.tiling.backend}"):
        counts = propose(engine, store, items, scan.detector, scan.classes, scan.tiling, scan.label_kind)
    for each in counts.set_aside:
        set_aside(engine, shard.batch_id, each.item_id, each.reason)
    unknown = f"; detector {scan.detector.name} does not know {', '.join(counts.lacking)}" if counts.lacking else ""
    LOG.info("batch %s, places %d to %d: %s%s", shard.batch_id, shard.start, shard.stop, counts, unknown)
    return counts
