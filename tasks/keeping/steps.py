"""Steps of the station `keeping`."""

import logging

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from blocks.errors import CatalogUnavailable, PartlyFailed, StoreUnavailable
from blocks.naming.artifacts import artifact_key
from blocks.plugs import open_catalog, open_store
from blocks.retries import WAITS_S, only_for
from blocks.storage.mirrored import copies_of
from tasks.keeping.check import CheckOptions, check_objects
from tasks.keeping.page import check_page
from tasks.keeping.report import CheckReport

log = logging.getLogger(__name__)


@task(
    cache_policy=NO_CACHE,
    retries=len(WAITS_S),
    retry_delay_seconds=WAITS_S,
    retry_condition_fn=only_for(CatalogUnavailable, StoreUnavailable),  # it goes on where it was
)
def check_kept(options: CheckOptions, plugs: str) -> CheckReport:
    """Check every object, show what was found, and fail where something is missing or damaged."""
    report = check_objects(open_catalog(plugs), copies_of(open_store(plugs)), options)
    create_markdown_artifact(check_page(report), key=artifact_key("objects", plugs), description="Objects of the store")
    log.info("%d objects looked at, %d of them missing or damaged", report.objects, report.remaining)
    if report.remaining:
        raise PartlyFailed(
            f"{report.remaining:,} of {report.objects:,} objects are missing or damaged: the artifact "
            f"{artifact_key('objects', plugs)} lists them with what to do, and so does `labelline fsck`"
        )
    return report
