"""Steps of the station `triage`."""

import logging

from prefect import task
from prefect.artifacts import create_markdown_artifact

from blocks.errors import CatalogUnavailable, StoreUnavailable
from blocks.naming.artifacts import artifact_key
from blocks.plugs import open_catalog, open_store
from blocks.retries import WAITS_S, only_for
from tasks.detect.refs import ScanRef
from tasks.triage.decide import decide
from tasks.triage.options import CertifiedThresholds, TriageOptions
from tasks.triage.outliers.read_surfaces import heat_maps
from tasks.triage.report import TriageReport
from tasks.triage.summary import what_went_where

logger = logging.getLogger(__name__)

AWAY = only_for(CatalogUnavailable, StoreUnavailable)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def triage_batch(scan: ScanRef, options: TriageOptions, thresholds: CertifiedThresholds | None = None) -> TriageReport:
    """Decide about every proposal and item of a batch, and show what went where."""
    engine = open_catalog(scan.plugs)
    # How surfaces look, and how followed boxes moved, is no row of the catalogue.
    store = open_store(scan.plugs) if options.surface_anomalies or scan.detector.is_propagated else None
    seen_by = scan.detector.version, scan.recipe
    batch_id = scan.batch.id
    report = decide(engine, batch_id, options, *seen_by, classes=scan.classes, thresholds=thresholds, store=store)
    logger.info("triage of %s: items %s, boxes %s", batch_id, report.items_by_route, report.boxes_by_outcome)
    page = what_went_where(report) + (heat_maps(store, batch_id) if store and options.surface_anomalies else "")
    create_markdown_artifact(page, key=artifact_key("triage", batch_id), description="What went where")
    return report
