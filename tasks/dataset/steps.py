"""The dataset station as a Prefect step: a collection's settled truth becomes an immutable version."""

import logging

from prefect import task

from blocks.errors import CatalogUnavailable, StoreUnavailable
from blocks.plugs import open_catalog, open_store
from blocks.retries import WAITS_S, only_for
from tasks.dataset import snapshots
from tasks.dataset.snapshots import SnapshotRef

log = logging.getLogger(__name__)

AWAY = only_for(StoreUnavailable, CatalogUnavailable)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def take_snapshot(collection: str, plugs: str = "local") -> SnapshotRef:
    """Write down all settled items of a collection as an immutable version."""
    engine = open_catalog(plugs)
    store = open_store(plugs)
    ref = snapshots.take_snapshot(engine, store, collection)
    log.info("snapshot %s of %s: %d items, %d labels, %s", ref.id[:12], collection, ref.items, ref.labels, ref.splits)
    return ref
