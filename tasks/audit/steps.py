"""The audit station as Prefect steps: boxes sampled, thresholds certified, label errors reviewed, films watched."""

import logging

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from blocks.errors import BadWeights, CatalogUnavailable, StoreUnavailable, TrackingUnavailable
from blocks.naming.artifacts import artifact_key
from blocks.plugs import open_catalog, open_experiments, open_store
from blocks.retries import WAITS_S, only_for
from tasks.audit import reopen
from tasks.audit import settle_edits as edits
from tasks.audit.label_errors import scan as look_scan
from tasks.audit.label_errors.options import LabelErrorReviewOptions
from tasks.audit.label_errors.record import LookRef, LookScope, look_of_run, read_look
from tasks.audit.label_errors.report import LabelErrorReport, look_page
from tasks.audit.label_errors.review import review_round
from tasks.audit.label_errors.review.answers import read_answers, with_answers
from tasks.audit.label_errors.review.pictures import look_pictures
from tasks.audit.risk_control import prove as proving
from tasks.audit.risk_control import recheck
from tasks.audit.risk_control import sample_boxes as draws
from tasks.audit.risk_control import sample_more as more
from tasks.audit.risk_control.options import ReopenOptions, RiskControlRef
from tasks.audit.risk_control.report import RiskControlReport, draws_summary, risk_control_report, thresholds_summary
from tasks.audit.watching import film_round
from tasks.audit.watching.options import Watched, WatchOptions, WatchReport
from tasks.detect.refs import DetectorRef
from tasks.review.drafts.cutting import PartOptions
from tasks.review.questions.queue import Queue
from tasks.review.receiving.sweeping import SweepPart
from tasks.review.steps import QuestionsWritten

log = logging.getLogger(__name__)

AWAY = only_for(CatalogUnavailable)
AWAY_TOO = only_for(CatalogUnavailable, StoreUnavailable, TrackingUnavailable)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def sample_boxes(of: RiskControlRef, plugs: str = "local") -> int:
    """Randomly sample the boxes that people judge one by one; returns how many (none of a batch that has changed)."""
    engine = open_catalog(plugs)
    recheck.note_risk_control(engine, of)
    recheck.end_if_changed(engine, of.scope, of.classes, of.risk_control)
    drawn = draws.draw_evidence(engine, of.scope, of.classes, of.triage, of.risk_control)
    count = sum(each.drawn for each in drawn)
    log.info("%s: %d boxes randomly sampled: %s", of.batch_id, count, {each.class_name: each.drawn for each in drawn})
    key = artifact_key("drawn", of.batch_id)
    create_markdown_artifact(draws_summary(of.batch_id, drawn), key, "Randomly sampled boxes")
    return count


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def sample_more_boxes(of: RiskControlRef, plugs: str = "local") -> int:
    """Draw further boxes of the classes where they may still change something; returns how many."""
    drawn = more.draw_more(open_catalog(plugs), of.scope, of.classes, of.triage, of.risk_control)
    log.info("%s: %d more boxes randomly sampled: %s", of.batch_id, sum(drawn.values()), drawn)
    return sum(drawn.values())


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def certify_classes(of: RiskControlRef, plugs: str = "local") -> RiskControlReport:
    """Certify from which score each class of a batch is accepted unseen, from what people said of the boxes drawn."""
    found = proving.certify_thresholds(open_catalog(plugs), of.scope, of.classes, of.triage, of.risk_control)
    return _shown(risk_control_report(of.batch_id, found))


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def recheck_thresholds(of: RiskControlRef, plugs: str = "local") -> RiskControlReport:
    """Withdraw the thresholds of a settled batch that blind audits, changed answers or pictures speak against."""
    engine = open_catalog(plugs)
    drift = recheck.end_if_changed(engine, of.scope, of.classes, of.risk_control)
    found = recheck.recheck_thresholds(engine, of.scope, of.classes, of.triage, of.risk_control)
    return _shown(risk_control_report(of.batch_id, found, drift))


def _shown(report: RiskControlReport) -> RiskControlReport:
    log.info("certified thresholds of %s: %s", report.batch_id, report.in_force.accept_from or "none")
    key = artifact_key("bands", report.batch_id)
    create_markdown_artifact(
        thresholds_summary(report), key=key, description="What is accepted unseen, and what shows it"
    )
    return report


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY_TOO, cache_policy=NO_CACHE)
def scan_settled(
    detector: DetectorRef, options: LabelErrorReviewOptions, run_id: str | None = None, plugs: str = "local"
) -> int:
    """Let the detector look at the settled items that it has not seen; returns how many it looked at now.

    Raises:
        BadWeights: There is no detector yet.
    """
    if detector.is_nobody:
        raise BadWeights(
            f"{options.collection!r} has no detector yet, and labels are held against what one sees: train one on them "
            f"first (`labelline retrain`), or name weights"
        )
    engine = open_catalog(plugs)
    if run_id and look_of_run(engine, run_id):
        return 0  # the run has its look: a detector promoted since has no say in it
    scope, most = _scope_of(detector, options), options.most_items
    tiling = options.tiling.uncalibrated()
    counts = look_scan.scan_settled(engine, open_store(plugs), scope, detector, tiling, most)
    log.info("settled items of %s: %s", options.collection, counts)
    return counts.scanned_now


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY_TOO, cache_policy=NO_CACHE)
def open_look(
    detector: DetectorRef, options: LabelErrorReviewOptions, run_id: str | None = None, plugs: str = "local"
) -> LookRef:
    """Find the settled labels that look wrong, and which items people look at again; a run keeps its look."""
    engine, scope, most = open_catalog(plugs), _scope_of(detector, options), options.most_items
    known = look_of_run(engine, run_id) if run_id else None
    learned = None if known else look_scan.count_learned(engine, open_experiments(plugs), detector, scope, most)
    look = review_round.open_look(
        engine,
        open_store(plugs),
        scope,
        options.label_errors,
        run_id,
        most_items=most,
        items_learned=learned,
    )
    log.info("look %s at %s: %s; %d asked", look.id, look.collection, look.report.findings, len(look.asked))
    return look.ref


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY_TOO, cache_policy=NO_CACHE)
def write_look_questions(
    look: LookRef, queue: Queue, parts: PartOptions | None = None, plugs: str = "local"
) -> list[QuestionsWritten]:
    """Write the questions of a label-error review into the outbox; returns them batch by batch."""
    known = read_look(open_store(plugs), look.collection, look.id)
    counts = review_round.write_questions(open_catalog(plugs), queue, known, parts)
    log.info("look %s: %d questions in %d batches", look.id, sum(counts.values()), len(counts))
    return [QuestionsWritten(queue=queue.name, batch_id=id_, round=known.round, count=n) for id_, n in counts.items()]


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY_TOO, cache_policy=NO_CACHE)
def settle_look(look: LookRef, plugs: str = "local") -> int:
    """Settle what people said to a label-error review as new revisions; returns how many labels are added or gone."""
    engine, store = open_catalog(plugs), open_store(plugs)
    written = review_round.settle_look(engine, store, read_look(store, look.collection, look.id))
    log.info("look %s: %d revisions of labels written", look.id, written)
    return written


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY_TOO, cache_policy=NO_CACHE)
def show_look(look: LookRef, pictures: int = 4, plugs: str = "local") -> LabelErrorReport:
    """Show what a label-error review found, what is asked, and what people changed so far."""
    engine, store = open_catalog(plugs), open_store(plugs)
    known = read_look(store, look.collection, look.id)
    looked_at = read_answers(engine, known)
    report = with_answers(known.report, looked_at)
    page = look_page(report, look_pictures(engine, store, looked_at, pictures))
    key = artifact_key("second-look", report.batch_id or look.collection)
    create_markdown_artifact(page, key=key, description="Labels that look wrong, and what people say to that")
    log.info("look %s: %d of %d items answered", look.id, report.items_answered, report.items_asked)
    return report


@task(cache_policy=NO_CACHE)
def settle_edited(plugs: str = "local") -> SweepPart:
    """Settle the items again of which people changed an answer after their batch had settled: a part of the sweep."""
    report = edits.settle_edited(open_catalog(plugs), open_store(plugs))
    changed = {one.batch_id: one.revisions for one in report.batches if one.revisions}
    log.info("%d revisions of labels, from answers changed after settling: %s", report.revisions, changed or "none")
    if report.revisions:
        create_markdown_artifact(edits.edits_page(report), "edited-answers", "Answers changed after settling")
    did = f"{report.revisions} revisions of labels, from answers changed after settling"
    return SweepPart(name="edited answers", did=did, failures=report.failures)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def reopen_questions(options: ReopenOptions, run_id: str | None = None, plugs: str = "local") -> reopen.Reopened:
    """Write what is without an answer as questions of a further round; a run keeps its own."""
    found = reopen.reopen(open_catalog(plugs), options.collection, options.names, run_id or "by hand")
    counts = {one.questions.queue: one.questions.count for one in found.asked}
    log.info(
        "%s: asked again %s; %d pictures are still in a run, %d in a film that stands open",
        options.collection,
        counts,
        len(found.waiting),
        len(found.watched),
    )
    return found


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def settle_reopened(reopened: reopen.Reopened, plugs: str = "local") -> reopen.ReopenReport:
    """Settle what people said to what was asked again, as new revisions."""
    report = reopen.settle_reopened(open_catalog(plugs), open_store(plugs), reopened)
    log.info("%s: %d revisions of labels, %d still skipped", report.collection, report.revisions, len(report.skipped))
    create_markdown_artifact(
        reopen.reopened_page(report), artifact_key("asked-again", report.collection), "What was asked again"
    )
    return report


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY_TOO, cache_policy=NO_CACHE)
def ask_to_watch(options: WatchOptions, run_id: str | None = None, plugs: str = "local") -> Watched:
    """Make the films of a collection's sequences, and write the questions about their frames; a run keeps its own."""
    watched = film_round.ask_to_watch(open_catalog(plugs), open_store(plugs), options, run_id or "by hand")
    frames = sum(one.count for one in watched.asked)
    log.info("%s: %d frames of %d batches in films", watched.collection, frames, len(watched.asked))
    return watched


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY_TOO, cache_policy=NO_CACHE)
def settle_watched(watched: Watched, plugs: str = "local") -> WatchReport:
    """Settle what people mended in films, as new revisions."""
    report = film_round.settle_watched(open_catalog(plugs), open_store(plugs), watched)
    log.info(
        "%s: %d of %d frames answered, %d revisions",
        report.collection,
        report.answered,
        report.frames,
        report.revisions,
    )
    return report


def _scope_of(detector: DetectorRef, options: LabelErrorReviewOptions) -> LookScope:
    return LookScope(options.collection, detector.version, options.recipe, options.classes, options.batch)
