"""Detection as a Prefect step: a shard of a batch in, counts out; images and models stay in the process."""

import logging
from typing import Any, cast

from prefect import task
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task
from sqlalchemy import Engine

from blocks.catalog import Catalog
from blocks.errors import CatalogUnavailable, StoreUnavailable
from blocks.object_store import ObjectStore
from blocks.stores import Store
from tasks.detect.options import TilingOptions
from tasks.detect.proposals import ProposalCounts, propose
from tasks.detect.refs import DetectorRef
from tasks.intake.batches import Shard, items_of, set_aside

LOG = logging.getLogger(__name__)

WAITS_S = [2.0, 10.0, 30.0]
"""A store or a database that restarts is back within these."""


async def _waiting_can_help(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    return isinstance(await state.aresult(raise_on_failure=False), StoreUnavailable | CatalogUnavailable)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=_waiting_can_help)
def detect_shard(
    shard: Shard, ref: DetectorRef, classes: tuple[str, ...], options: TilingOptions, plugs: str = "local"
) -> ProposalCounts:
    """Look at the items of one shard through tiles, and write what the detector proposes."""
    engine: Engine = cast(Catalog, Catalog.load(plugs)).open()
    store: Store = cast(ObjectStore, ObjectStore.load(plugs)).open()
    items = items_of(engine, shard.batch_id, shard.start, shard.stop)
    counts = propose(engine, store, items, ref, classes, options)
    for each in counts.set_aside:
        set_aside(engine, shard.batch_id, each.item_id, each.reason)
    unknown = f"; detector {ref.name} does not know {', '.join(counts.lacking)}" if counts.lacking else ""
    LOG.info("batch %s, places %d to %d: %s%s", shard.batch_id, shard.start, shard.stop, counts, unknown)
    return counts
