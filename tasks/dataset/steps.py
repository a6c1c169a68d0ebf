"""The dataset station as Prefect steps: settled truth becomes an immutable version, is certified, is taken along."""

import logging

from prefect import task
from prefect.artifacts import create_markdown_artifact

from blocks.errors import CatalogUnavailable, StoreUnavailable
from blocks.naming.artifacts import artifact_key
from blocks.plugs import open_catalog, open_store
from blocks.retries import WAITS_S, only_for
from tasks.audit.certificate.certificate import Certificate
from tasks.dataset import certificates, snapshots
from tasks.dataset.certificate_page import certificate_page
from tasks.dataset.exporting import DatasetOptions, ExportReport, export_dataset
from tasks.dataset.snapshots import SnapshotRef, read_snapshot

MOST_SAID = 20
"""So many lines go to the log; the report has all."""

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


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def issue_certificate(snapshot_id: str, plugs: str = "local") -> Certificate:
    """Certify a snapshot: who made its labels, how wrong they may be, and what shows it; as JSON and as a page."""
    store = open_store(plugs)
    certificate = certificates.issue_certificate(open_catalog(plugs), store, snapshot_id)
    most = certificate.wrong_at_most
    log.info("certificate of %s: wrong at most %s", snapshot_id[:12], "not measured" if most is None else f"{most:.2%}")
    page = certificate_page(certificate, store, read_snapshot(store, snapshot_id))
    key = artifact_key("certificate", certificate.collection)
    create_markdown_artifact(page, key=key, description="What the snapshot holds, and how wrong it may be")
    return certificate


@task
def export_labels(collection: str, folder: str, options: DatasetOptions, plugs: str = "local") -> ExportReport:
    """Write the settled labels of a collection as a dataset; nothing is left there if it fails."""
    report = export_dataset(open_catalog(plugs), open_store(plugs), collection, folder, options)
    for line in report.said[:MOST_SAID]:
        log.warning("%s", line)
    log.info("%d labels of %s are in %s (%s)", sum(report.labels.values()), collection, report.folder, options.format)
    return report
