"""Intake as Prefect steps: shards of files in, splits drawn, batches opened. Names and keys travel, never bytes."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

from prefect import get_client, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ObjectNotFound
from sqlalchemy import Engine

from blocks.errors import CatalogUnavailable, NoImages, NoTexts, StoreUnavailable
from blocks.frozen import Frozen
from blocks.naming.artifacts import artifact_key
from blocks.plugs import open_catalog, open_store
from blocks.retries import WAITS_S, only_for
from tasks.intake import batches, folders, sequences
from tasks.intake.near_duplicates import find
from tasks.intake.near_duplicates.find import NearDuplicates
from tasks.intake.reports import IntakeReport, as_markdown
from tasks.intake.sources.protocol import AskedOfSource
from tasks.intake.sources.registry import source_kind_of, source_kind_of_shard

LOG = logging.getLogger(__name__)

AWAY = only_for(StoreUnavailable, CatalogUnavailable)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def find_shards(
    folder: str, plugs: str = "local", asked: AskedOfSource | None = None, *, size: int = folders.CHUNK
) -> Sequence[Frozen]:
    """List what a place offers in shards; none where it holds nothing, which is no failure but nothing to do."""
    store, place, how = open_store(plugs), Path(folder), asked or AskedOfSource()
    try:
        shards = source_kind_of(place, how).list_shards(store, place, how, size)
    except (NoImages, NoTexts) as nothing:
        LOG.info("nothing to do: %s", nothing)
        return []
    LOG.info("%s: %d shards", folder, len(shards))
    return shards


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def take_in_shard(
    shard: Frozen, collection: str, plugs: str = "local", asked: AskedOfSource | None = None
) -> IntakeReport:
    """Take what one shard lists into a collection."""
    where = open_catalog(plugs), open_store(plugs), collection
    report = source_kind_of_shard(shard).take_in(*where, shard, asked or AskedOfSource())
    LOG.info("%s: %s", collection, report)
    return report


@task
def merge_reports(reports: Sequence[IntakeReport]) -> IntakeReport:
    """Make one report of those of all shards."""
    report = sum(reports, IntakeReport())
    LOG.info("%d shards: %s", len(reports), report)
    return report


@task
def publish_intake(collection: str, report: IntakeReport) -> None:
    """Show in the Prefect UI what became of the files, and why."""
    key = artifact_key("intake", collection)
    create_markdown_artifact(as_markdown(collection, report), key=key, description="What became of the files")
    LOG.info("%s: %d files set aside, listed in the artifact", collection, len(report.set_aside))


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def find_near_duplicates(collection: str, plugs: str = "local") -> NearDuplicates:
    """Find which new items of a collection are alike others, and show it in the Prefect UI; nothing is deleted."""
    found = find.find_near_duplicates(open_catalog(plugs), collection)
    if found.copies:
        key = artifact_key("near-duplicates", collection)
        create_markdown_artifact(find.as_markdown(collection, found), key=key, description=str(found))
    LOG.info("%s: %s", collection, found)
    return found


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def split_sequences(
    collection: str, plugs: str = "local", *, shares: tuple[float, float, float] = sequences.SHARES
) -> sequences.SplitCounts:
    """Give every new sequence of a collection its split, for good."""
    counts = sequences.assign_splits(open_catalog(plugs), collection, shares)
    LOG.info("%s: %d sequences got a split; items by split %s", collection, counts.assigned, dict(counts.items))
    return counts


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def open_batch(collection: str, size: int, flow_run_id: str | None = None, plugs: str = "local") -> batches.BatchRef:
    """Find this run's batch, or one whose run failed before it settled, or open one with the next items.

    Where nothing is new, a batch is taken up again whose run completed and left something open, such as an answer that
    could not be read.
    """
    engine = open_catalog(plugs)
    mine = [batch_id for batch_id, run_id in batches.unsettled(engine, collection).items() if run_id == flow_run_id]
    left = [] if mine else left_behind(engine, collection)
    failed = [batch.id for batch in left if not batch.completed]
    batch_id = next(iter([*mine, *failed]), f"{collection}-{(flow_run_id or uuid4().hex)[:8]}")
    batch = batches.open_batch(engine, batch_id, collection, size, flow_run_id)
    if left and not batch.size:
        batch = batches.open_batch(engine, left[0].id, collection, size, flow_run_id)
    batches.hand_over(engine, batch.id, flow_run_id)
    LOG.info("batch %s of %s: %d items", batch.id, collection, batch.size)
    return batch


class LeftBehind(NamedTuple):
    """An unsettled batch whose run will not go on by itself."""

    completed: bool
    ended_at: datetime
    id: str
    run_id: str | None


def left_behind(engine: Engine, collection: str) -> list[LeftBehind]:
    """Return the batches that a next run may continue: those of failed runs first, then what was left longest ago."""
    waiting = batches.unsettled(engine, collection)
    if not waiting:
        return []
    with get_client(sync_client=True) as client:
        looked_at = [_left_behind(client, batch_id, run_id) for batch_id, run_id in waiting.items()]
    return sorted((batch for batch in looked_at if batch), key=lambda batch: batch[:3])


def _left_behind(client: SyncPrefectClient, batch_id: str, run_id: str | None) -> LeftBehind | None:
    gone = LeftBehind(completed=False, ended_at=datetime.min.replace(tzinfo=UTC), id=batch_id, run_id=run_id)
    if run_id is None:
        return gone
    try:
        state = client.read_flow_run(UUID(run_id)).state
    except ObjectNotFound:
        return gone  # deleted, or a run of another server
    if state is None or not state.is_final():
        return None
    return LeftBehind(state.is_completed(), state.timestamp, batch_id, run_id)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def list_shards(batch_id: str, size: int = 64, plugs: str = "local") -> list[batches.Shard]:
    """Cut a batch into shards."""
    shards = batches.shards(open_catalog(plugs), batch_id, size)
    LOG.info("batch %s: %d shards of up to %d items", batch_id, len(shards), size)
    return shards
