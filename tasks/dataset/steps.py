"""The dataset station as a Prefect step: a collection's settled truth becomes an immutable version."""

import logging
from typing import Any, cast

from prefect import task
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from blocks.catalog import Catalog
from blocks.errors import CatalogUnavailable, StoreUnavailable
from blocks.object_store import ObjectStore
from tasks.dataset import snapshots
from tasks.dataset.snapshots import SnapshotRef

log = logging.getLogger(__name__)

WAITS_S = [2.0, 10.0, 30.0]
"""A store or a database that restarts is back within these."""


async def _waiting_can_help(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    return isinstance(await state.aresult(raise_on_failure=False), StoreUnavailable | CatalogUnavailable)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=_waiting_can_help)
def take_snapshot(collection: str, plugs: str = "local") -> SnapshotRef:
    """Write down all settled items of a collection as an immutable version."""
    engine = cast(Catalog, Catalog.load(plugs)).open()
    store = cast(ObjectStore, ObjectStore.load(plugs)).open()
    ref = snapshots.take_snapshot(engine, store, collection)
    log.info("snapshot %s of %s: %d items, %d labels, %s", ref.id[:12], collection, ref.items, ref.labels, ref.splits)
    return ref
