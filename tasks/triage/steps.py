"""Steps of the station `triage`."""

import logging

from prefect import task
from prefect.artifacts import create_markdown_artifact

from blocks.artifacts import artifact_key
from blocks.errors import CatalogUnavailable, StoreUnavailable
from blocks.plugs import open_catalog, open_store
from blocks.retries import WAITS_S, only_for
from tasks.triage.batch_surfaces import heat_maps
from tasks.triage.decide import decide
from tasks.triage.options import CertifiedBands, TriageOptions
from tasks.triage.report import TriageReport
from tasks.triage.summary import what_went_where

logger = logging.getLogger(__name__)

AWAY = only_for(CatalogUnavailable, StoreUnavailable)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def triage_batch(
    batch_id: str,
    detector: str,
    recipe: str,
    options: TriageOptions,
    plugs: str = "local",
    *,
    classes: tuple[str, ...] | None = None,
    bands: CertifiedBands | None = None,
) -> TriageReport:
    """Decide about every proposal and item of a batch, and show what went where."""
    engine = open_catalog(plugs)
    store = open_store(plugs) if options.odd_colours or options.odd_surfaces else None
    report = decide(engine, batch_id, options, detector, recipe, classes=classes, bands=bands, store=store)
    logger.info("triage of %s: items %s, boxes %s", batch_id, report.items_by_route, report.boxes_by_outcome)
    page = what_went_where(report) + (heat_maps(store, batch_id) if store else "")
    create_markdown_artifact(page, key=artifact_key("triage", batch_id), description="What went where")
    return report
