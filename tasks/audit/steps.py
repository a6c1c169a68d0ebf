"""The audit station as Prefect steps: boxes drawn by lot, bands certified from what people said, bands watched."""

import logging

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from sqlalchemy import Engine

from blocks.artifacts import artifact_key
from blocks.errors import CatalogUnavailable, OtherModelVersion
from blocks.plugs import open_catalog
from blocks.retries import WAITS_S, only_for
from tasks.audit import draws, inputs, more, proving, watching
from tasks.audit.options import ProofOptions
from tasks.audit.report import ProofReport, bands_summary, draws_summary, proof_report
from tasks.audit.withdrawal import Drift
from tasks.triage.boxes import Scope
from tasks.triage.options import TriageOptions

log = logging.getLogger(__name__)

AWAY = only_for(CatalogUnavailable)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def draw_boxes(
    batch_id: str,
    detector: str,
    recipe: str,
    classes: tuple[str, ...],
    triage: TriageOptions,
    proof: ProofOptions,
    plugs: str = "local",
) -> int:
    """Draw by lot the boxes of a batch that people judge one by one; returns how many there are."""
    drawn = draws.draw_evidence(open_catalog(plugs), Scope(batch_id, detector, recipe), classes, triage, proof)
    count = sum(each.drawn for each in drawn)
    log.info("%s: %d boxes drawn by lot: %s", batch_id, count, {each.class_name: each.drawn for each in drawn})
    create_markdown_artifact(draws_summary(batch_id, drawn), artifact_key("drawn", batch_id), "Boxes drawn by lot")
    return count


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def draw_more_boxes(
    batch_id: str,
    detector: str,
    recipe: str,
    classes: tuple[str, ...],
    triage: TriageOptions,
    proof: ProofOptions,
    plugs: str = "local",
) -> int:
    """Draw further boxes of the classes where they may still change something; returns how many."""
    drawn = more.draw_more(open_catalog(plugs), Scope(batch_id, detector, recipe), classes, triage, proof)
    log.info("%s: %d more boxes drawn by lot: %s", batch_id, sum(drawn.values()), drawn)
    return sum(drawn.values())


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def certify_bands(
    batch_id: str,
    detector: str,
    recipe: str,
    classes: tuple[str, ...],
    triage: TriageOptions,
    proof: ProofOptions,
    plugs: str = "local",
) -> ProofReport:
    """Certify from which score each class of a batch is accepted unseen, from what people said of the boxes drawn."""
    found = proving.prove_bands(open_catalog(plugs), Scope(batch_id, detector, recipe), classes, triage, proof)
    return _shown(proof_report(batch_id, found))


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def watch_bands(
    batch_id: str,
    detector: str,
    recipe: str,
    classes: tuple[str, ...],
    triage: TriageOptions,
    proof: ProofOptions,
    plugs: str = "local",
) -> ProofReport:
    """Withdraw the bands of a settled batch that blind audits or changed answers contradict, and look for drift."""
    engine, scope = open_catalog(plugs), Scope(batch_id, detector, recipe)
    found = watching.watch_bands(engine, scope, classes, triage, proof)
    return _shown(proof_report(batch_id, found, _drift(engine, scope)))


def _drift(engine: Engine, scope: Scope) -> Drift | None:
    try:
        return inputs.input_drift(engine, scope)
    except OtherModelVersion as error:
        log.warning("pictures of %s are not compared with earlier ones: %s", scope.batch_id, error)
        return None  # a comparison for the report: no reason to fail a settled batch


def _shown(report: ProofReport) -> ProofReport:
    log.info("bands of %s: %s", report.batch_id, report.in_force.accept_from or "none")
    key = artifact_key("bands", report.batch_id)
    create_markdown_artifact(bands_summary(report), key=key, description="What is accepted unseen, and what shows it")
    return report
