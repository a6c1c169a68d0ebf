"""The audit station as Prefect steps: boxes drawn by lot, bands certified and watched, second looks."""

import logging

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from blocks.artifacts import artifact_key
from blocks.errors import CatalogUnavailable, StoreUnavailable, TrackingUnavailable
from blocks.plugs import open_catalog, open_experiments, open_store
from blocks.retries import WAITS_S, only_for
from tasks.audit import again, draws, drifting, edits, look_scan, more, proving, second_look, watching
from tasks.audit.look import LookRef, LookScope, look_of_run, read_look
from tasks.audit.look_answers import read_answers, with_answers
from tasks.audit.look_options import LookOptions
from tasks.audit.look_pictures import look_pictures
from tasks.audit.look_report import SecondLookReport, look_page
from tasks.audit.options import ProofRef
from tasks.audit.report import ProofReport, bands_summary, draws_summary, proof_report
from tasks.detect.refs import DetectorRef
from tasks.review.queues import Queue
from tasks.review.steps import Written

log = logging.getLogger(__name__)

AWAY = only_for(CatalogUnavailable)
AWAY_TOO = only_for(CatalogUnavailable, StoreUnavailable, TrackingUnavailable)


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


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY_TOO, cache_policy=NO_CACHE)
def scan_settled(detector: DetectorRef, options: LookOptions, run_id: str | None = None, plugs: str = "local") -> int:
    """Let the detector look at the settled items that it has not seen; returns how many it looked at now."""
    engine = open_catalog(plugs)
    if run_id and look_of_run(engine, run_id):
        return 0  # the run has its look: a detector promoted since has no say in it
    scope, most = _scope_of(detector, options), options.most_items
    tiling = options.tiling.uncalibrated()
    counts = look_scan.scan_settled(engine, open_store(plugs), scope, detector, tiling, most)
    log.info("settled items of %s: %s", options.collection, counts)
    return counts.scanned_now


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY_TOO, cache_policy=NO_CACHE)
def open_look(detector: DetectorRef, options: LookOptions, run_id: str | None = None, plugs: str = "local") -> LookRef:
    """Find the settled labels that look wrong, and which items people look at again; a run keeps its look."""
    engine, scope, most = open_catalog(plugs), _scope_of(detector, options), options.most_items
    known = look_of_run(engine, run_id) if run_id else None
    learned = None if known else look_scan.count_learned(engine, open_experiments(plugs), detector, scope, most)
    look = second_look.open_look(
        engine,
        open_store(plugs),
        scope,
        options.faults,
        run_id,
        most_items=most,
        items_learned=learned,
    )
    log.info("look %s at %s: %s; %d asked", look.id, look.collection, look.report.findings, len(look.asked))
    return look.ref


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY_TOO, cache_policy=NO_CACHE)
def write_look_questions(look: LookRef, queue: Queue, plugs: str = "local") -> list[Written]:
    """Write the questions of a second look into the outbox; returns them batch by batch."""
    known = read_look(open_store(plugs), look.collection, look.id)
    counts = second_look.write_questions(open_catalog(plugs), queue, known)
    log.info("look %s: %d questions in %d batches", look.id, sum(counts.values()), len(counts))
    return [Written(queue=queue.name, batch_id=id_, round=known.round, count=n) for id_, n in counts.items()]


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY_TOO, cache_policy=NO_CACHE)
def settle_look(look: LookRef, plugs: str = "local") -> int:
    """Settle what people said to a second look as new revisions; returns how many labels that adds or retracts."""
    written = second_look.settle_look(open_catalog(plugs), read_look(open_store(plugs), look.collection, look.id))
    log.info("look %s: %d revisions of labels written", look.id, written)
    return written


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY_TOO, cache_policy=NO_CACHE)
def show_look(look: LookRef, pictures: int = 4, plugs: str = "local") -> SecondLookReport:
    """Show what a second look found, what is asked, and what people changed so far."""
    engine, store = open_catalog(plugs), open_store(plugs)
    known = read_look(store, look.collection, look.id)
    looked_at = read_answers(engine, known)
    report = with_answers(known.report, looked_at)
    page = look_page(report, look_pictures(engine, store, looked_at, pictures))
    key = artifact_key("second-look", report.batch_id or look.collection)
    create_markdown_artifact(page, key=key, description="Labels that look wrong, and what people say to that")
    log.info("look %s: %d of %d items answered", look.id, report.items_answered, report.items_asked)
    return report


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def settle_edited(plugs: str = "local") -> edits.EditReport:
    """Settle the items again of which people changed an answer after their batch had settled."""
    report = edits.settle_edited(open_catalog(plugs))
    changed = {one.batch_id: one.revisions for one in report.batches if one.revisions}
    log.info("%d revisions of labels, from answers changed after settling: %s", report.revisions, changed or "none")
    if report.revisions:
        create_markdown_artifact(edits.edits_page(report), "edited-answers", "Answers changed after settling")
    return report


def _scope_of(detector: DetectorRef, options: LookOptions) -> LookScope:
    return LookScope(options.collection, detector.version, options.recipe, options.classes, options.batch)
