"""Steps of an import: prepare it, bring its parts in, end it, show it."""

import logging
from collections.abc import Sequence

from prefect import task
from prefect.artifacts import create_markdown_artifact

from blocks.errors import CatalogUnavailable, StoreUnavailable
from blocks.naming.artifacts import artifact_key
from blocks.plugs import open_catalog, open_store
from blocks.retries import WAITS_S, only_for
from tasks.dataset.imports import bring_in, splits
from tasks.dataset.imports.options import TRUTH, ImportOptions
from tasks.dataset.imports.pictures import import_pictures
from tasks.dataset.imports.plan import ImportPlan, read_plan
from tasks.dataset.imports.preparing.prepare import prepare_import
from tasks.dataset.imports.report import ImportCounts, ImportReport, import_page

log = logging.getLogger(__name__)

AWAY = only_for(StoreUnavailable, CatalogUnavailable)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def plan_import(options: ImportOptions, prepared: str | None = None, plugs: str = "local") -> ImportPlan:
    """Read labels and check all that can be checked, or take up what the command line has read."""
    engine, store = open_catalog(plugs), open_store(plugs)
    plan = read_plan(store, prepared) if prepared else prepare_import(engine, store, options, _say)
    bring_in.begin(engine, plan)
    log.info("import %s of %s: %s, in %d parts", plan.id, plan.name, plan.facts, len(plan.parts))
    return plan


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def import_part(number: int, plan: ImportPlan, plugs: str = "local") -> ImportCounts:
    """Bring the pictures of one part in, with their labels."""
    counts = bring_in.bring_in_part(open_catalog(plugs), open_store(plugs), plan, number)
    log.info("part %d of %d: pictures %s, labels %s", number + 1, len(plan.parts), counts.pictures, counts.labels)
    return counts


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def keep_splits(plan: ImportPlan, plugs: str = "local") -> int:
    """Keep the parts that a dataset of truth has itself, to train and to test on."""
    kept = splits.keep_splits(open_catalog(plugs), open_store(plugs), plan) if plan.purpose == TRUTH else 0
    log.info("%d sequences have the split of their dataset", kept)
    return kept


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def end_import(plan: ImportPlan, parts: Sequence[ImportCounts], plugs: str = "local") -> ImportReport:
    """Add up what came in, and put all problems into one table."""
    report = bring_in.end(open_catalog(plugs), open_store(plugs), plan, parts)
    for line in report.told():
        log.info("%s", line)
    return report


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def show_import(report: ImportReport, plugs: str = "local") -> None:
    """Show what became of an import, with its labels drawn on some pictures."""
    pictures = import_pictures(open_catalog(plugs), open_store(plugs), report)
    key = artifact_key("import", f"{report.collection} {report.name}")
    create_markdown_artifact(f"{import_page(report)}\n\n{pictures}", key=key, description="What became of the labels")
    log.info("import %s of %s: %d problems", report.import_id, report.name, report.problems)


def _say(pictures: int) -> None:
    log.info("%d pictures read", pictures)
