"""The audit station as Prefect steps: boxes drawn by lot, bands certified from what people said, bands watched."""

import logging

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from blocks.artifacts import artifact_key
from blocks.errors import CatalogUnavailable
from blocks.plugs import open_catalog
from blocks.retries import WAITS_S, only_for
from tasks.audit import again, draws, drifting, more, proving, watching
from tasks.audit.options import ProofRef
from tasks.audit.report import ProofReport, bands_summary, draws_summary, proof_report

log = logging.getLogger(__name__)

AWAY = only_for(CatalogUnavailable)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def draw_boxes(of: ProofRef, plugs: str = "local") -> int:
    """Draw by lot the boxes that people judge one by one; returns how many (none of a batch that has changed)."""
    engine = open_catalog(plugs)
    again.note_proof(engine, of)
    drifting.end_if_changed(engine, of.scope, of.classes, of.proof)
    drawn = draws.draw_evidence(engine, of.scope, of.classes, of.triage, of.proof)
    count = sum(each.drawn for each in drawn)
    log.info("%s: %d boxes drawn by lot: %s", of.batch_id, count, {each.class_name: each.drawn for each in drawn})
    key = artifact_key("drawn", of.batch_id)
    create_markdown_artifact(draws_summary(of.batch_id, drawn), key, "Boxes drawn by lot")
    return count


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def draw_more_boxes(of: ProofRef, plugs: str = "local") -> int:
    """Draw further boxes of the classes where they may still change something; returns how many."""
    drawn = more.draw_more(open_catalog(plugs), of.scope, of.classes, of.triage, of.proof)
    log.info("%s: %d more boxes drawn by lot: %s", of.batch_id, sum(drawn.values()), drawn)
    return sum(drawn.values())


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def certify_bands(of: ProofRef, plugs: str = "local") -> ProofReport:
    """Certify from which score each class of a batch is accepted unseen, from what people said of the boxes drawn."""
    found = proving.prove_bands(open_catalog(plugs), of.scope, of.classes, of.triage, of.proof)
    return _shown(proof_report(of.batch_id, found))


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def watch_bands(of: ProofRef, plugs: str = "local") -> ProofReport:
    """Withdraw the bands of a settled batch that blind audits, changed answers or changed pictures speak against."""
    engine = open_catalog(plugs)
    drift = drifting.end_if_changed(engine, of.scope, of.classes, of.proof)
    found = watching.watch_bands(engine, of.scope, of.classes, of.triage, of.proof)
    return _shown(proof_report(of.batch_id, found, drift))


def _shown(report: ProofReport) -> ProofReport:
    log.info("bands of %s: %s", report.batch_id, report.in_force.accept_from or "none")
    key = artifact_key("bands", report.batch_id)
    create_markdown_artifact(bands_summary(report), key=key, description="What is accepted unseen, and what shows it")
    return report
