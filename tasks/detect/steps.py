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
from tasks.detect.refs import DetectorRef
from tasks.detect.turns import TURNS
from tasks.intake.batches import BatchRef, Shard, items_of, set_aside

LOG = logging.getLogger(__name__)

AWAY = only_for(StoreUnavailable, CatalogUnavailable)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def plan_tiling(
    batch: BatchRef, detector: DetectorRef, options: TilingOptions, classes: tuple[str, ...], plugs: str = "local"
) -> TilingOptions:
    """Settle how a batch is looked at: tiles by the sizes of known objects, scores by what labels say of them."""
    engine, store = open_catalog(plugs), open_store(plugs)
    planned = plan.plan_tiling(engine, store, batch.id, batch.collection, detector.version, classes, options)
    how = f"scores calibrated ({planned.calibration})" if planned.calibration else "scores as they are"
    LOG.info("batch %s: tiles of %d px, overlap %.2f, %s", batch.id, planned.tile_px, planned.overlap_share, how)
    return planned


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def detect_shard(
    shard: Shard, ref: DetectorRef, classes: tuple[str, ...], options: TilingOptions, plugs: str = "local"
) -> ProposalCounts:
    """Look at the items of one shard through tiles, and write what the detector proposes."""
    engine = open_catalog(plugs)
    store = open_store(plugs)
    items = items_of(engine, shard.batch_id, shard.start, shard.stop)
    with TURNS.of(f"{ref.version} {options.tile_px} {options.backend}"):
        counts = propose(engine, store, items, ref, classes, options)
    for each in counts.set_aside:
        set_aside(engine, shard.batch_id, each.item_id, each.reason)
    unknown = f"; detector {ref.name} does not know {', '.join(counts.lacking)}" if counts.lacking else ""
    LOG.info("batch %s, places %d to %d: %s%s", shard.batch_id, shard.start, shard.stop, counts, unknown)
    return counts
