"""Steps of the station `monitor`."""

import logging
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from prefect import get_client, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import TaskRun
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Batch
from blocks.errors import BadWeights, CatalogUnavailable, NotEnoughData, StoreUnavailable, TrackingUnavailable
from blocks.naming.artifacts import artifact_key
from blocks.plugs import open_catalog, open_experiments, open_store
from blocks.retries import WAITS_S, only_for
from tasks.audit.risk_control.certified_pages import pages_summary, read_page_thresholds
from tasks.audit.risk_control.recheck import watch_again
from tasks.dataset.certificates import issue_certificate
from tasks.dataset.snapshots import newest_snapshot, read_snapshot, take_snapshot
from tasks.detect.options import TilingOptions
from tasks.detect.proposals import ProposalCounts, propose
from tasks.detect.refs import DetectorRef
from tasks.intake.batches import BatchRef, hand_over, open_batch, unsettled
from tasks.intake.steps import left_behind
from tasks.monitor import report
from tasks.monitor.active_learning import choose, label_rounds, rounds
from tasks.monitor.active_learning.choose import Selection
from tasks.monitor.active_learning.goals import Goal, LoopVerdict, Round, judge_rounds
from tasks.monitor.active_learning.label_rounds import RoundRef
from tasks.monitor.cost import ledger
from tasks.monitor.cost.ledger import Ledger
from tasks.monitor.cost.ledger_page import ledger_page, overview_page
from tasks.monitor.cost.machines import MachineTime, training_times
from tasks.monitor.cost.spent import read_spent
from tasks.monitor.lift import report as lift_report
from tasks.monitor.lift.page import LiftReport, lift_page, lift_plot
from tasks.monitor.options import MonitorOptions
from tasks.monitor.page import monitor_page
from tasks.monitor.plots import monitor_plot
from tasks.monitor.report import MonitorReport
from tasks.suggest.paging.plan import RoundOptions
from tasks.train.fitting.backbones import with_backbone
from tasks.train.fitting.beginnings import check_trainable
from tasks.train.fitting.enough import check_enough
from tasks.train.fitting.trainers.registry import recipe_for, trainer_of
from tasks.train.naming import registry_name
from tasks.train.options import TrainOptions
from tasks.train.registry import champion_of
from tasks.triage.active_learning.looks import looks_of

log = logging.getLogger(__name__)

AWAY = only_for(CatalogUnavailable, StoreUnavailable, TrackingUnavailable)

PAGE = 200
"""Task runs that Prefect's API gives at once."""


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def list_lines(collection: str | None = None, plugs: str = "local") -> list[str]:
    """List the collections that have batches; only the named one, where one is named."""
    query = select(Batch.collection).distinct().order_by(col(Batch.collection))
    with reading(open_catalog(plugs)) as session:
        known = list(session.exec(query).all())
    log.info("%d lines: %s", len(known), ", ".join(known))
    return [collection] if collection else known


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def show_ledger(collection: str, options: MonitorOptions, plugs: str = "local") -> Ledger:
    """Show what the labels of a collection cost."""
    engine = open_catalog(plugs)
    machine = [*step_times(engine, collection), *training_times(open_experiments(plugs), collection)]
    kept = ledger.keep_ledger(engine, collection, machine, options)
    log.info("%s cost people %.0f s, machines %.0f s, %.2f %s", collection, kept.whole.human_seconds,
             kept.whole.machine_seconds or 0.0, kept.whole.money, options.rates.currency)  # fmt: skip
    create_markdown_artifact(ledger_page(kept), artifact_key("ledger", collection), "What labels cost")
    return kept


@task(cache_policy=NO_CACHE)
def show_overview(ledgers: list[Ledger]) -> None:
    """Show what labels cost on all lines."""
    create_markdown_artifact(overview_page(ledgers), artifact_key("ledgers", "overview"), "What labels cost, by line")
    log.info("%d lines in the ledger", len(ledgers))


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def compare_with_people(collection: str, options: MonitorOptions, plugs: str = "local") -> MonitorReport:
    """Compare model and people of a collection, and show it with plots."""
    found, judged = report.watch_line(open_catalog(plugs), collection, options)
    plot = monitor_plot(found, judged, options.show_score)
    page = monitor_page(found, options.show_score, plot)
    create_markdown_artifact(page, artifact_key("monitor", collection), "Model against people")
    for alarm in found.alarms:
        log.warning("%s: %s", collection, alarm)
    log.info("%s: %d items judged blind, %d with proposals", collection, found.items_blind, found.items_shown)
    return found


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def show_lift(collection: str, options: MonitorOptions, plugs: str = "local") -> LiftReport:
    """Show what suggested classes are worth to people; a class of which no lift is shown is quiet from now on."""
    engine = open_catalog(plugs)
    found = lift_report.measure_lift(engine, collection, options)
    if found.whole.shown:
        page = lift_page(found, lift_report.why_quiet(engine, collection), lift_plot(found))
        create_markdown_artifact(page, artifact_key("lift", collection), "What suggestions are worth")
    log.info("%s: %d answers with suggestions, %d without, quiet: %s", collection, found.whole.shown, found.whole.blind,
             ", ".join(found.quiet) or "none")  # fmt: skip
    return found


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def recheck_collection(collection: str, plugs: str = "local") -> dict[str, tuple[str, ...]]:
    """End the thresholds that answers changed since speak against; the newest snapshot is certified anew then."""
    engine = open_catalog(plugs)
    ended = watch_again(engine, collection)
    snapshot_id = newest_snapshot(engine, collection)
    if ended and snapshot_id:
        issue_certificate(engine, open_store(plugs), snapshot_id)
    log.info("%s: thresholds ended in %d batches", collection, len(ended))
    return ended


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def scan_pool(
    collection: str,
    detector: DetectorRef,
    classes: tuple[str, ...],
    tiling: TilingOptions,
    selection: Selection,
    plugs: str = "local",
    label_kind: str = "boxes",
) -> ProposalCounts:
    """Let the detector look at the items among which a round chooses; what it has seen it does not look at again."""
    engine = open_catalog(plugs)
    pool = choose.pool_of(engine, collection, selection)
    counts = propose(engine, open_store(plugs), pool, detector, classes, tiling, label_kind)
    log.info("pool of %s: %s", collection, counts)
    return counts


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def choose_batch(
    collection: str, detector: DetectorRef, recipe: str, selection: Selection, plugs: str = "local"
) -> BatchRef:
    """Open the batch of a round with the items that tell most, or that are unlike each other where no model tells.

    What an earlier life of the loop has begun comes first.
    """
    left = take_up(open_catalog(plugs), collection, flow_run.id)
    if left is not None:
        log.info("%s of %s was begun before: it goes on", left.id, collection)
        return left
    look = partial(looks_of, open_store(plugs)) if detector.is_nobody else None
    batch = choose.choose_batch(open_catalog(plugs), collection, (detector.version, recipe), selection, look)
    how = "being unlike each other" if look and not selection.is_random else str(selection)
    log.info("%s chose %d items of %s for %s", how, batch.size, collection, batch.id)
    return batch


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def open_round(
    collection: str, spec: str, label_kind: str, options: RoundOptions, run_id: str | None, plugs: str = "local"
) -> RoundRef:
    """Go on with the round of this run, or with one whose run has ended before it settled, or open the next one."""
    engine = open_catalog(plugs)
    mine = [batch_id for batch_id, owner in unsettled(engine, collection).items() if owner == run_id]
    left = next(iter([*mine, *(batch.id for batch in left_behind(engine, collection) if not batch.completed)]), None)
    if left is not None:
        hand_over(engine, left, run_id)
    if left is not None and not label_rounds.is_pages(left):
        batch = open_batch(engine, left, collection, 1, run_id)  # it is there: it comes back as it is
        return RoundRef(batch=batch, accept=label_rounds.accept_of(engine, left))
    where = (engine, open_store(plugs), open_experiments(plugs), collection)
    found = label_rounds.open_round(*where, spec, label_kind, options, run_id)
    log.info("round %s: %d items, onto pages from %.3f", found.batch.id, found.batch.size, found.accept)
    page = pages_summary(collection, read_page_thresholds(engine, collection))
    create_markdown_artifact(
        page, artifact_key("pages", collection), "Certified pages: what is shown, and what proves it"
    )
    return found


def take_up(engine: Engine, collection: str, run_id: str | None) -> BatchRef | None:
    """Free a batch for the next labelling run whose own run was part of this loop, or ended before it had settled.

    A process that dies leaves the runs of flows inside of it behind as running, and nobody would go on with them.
    """
    with get_client(sync_client=True) as client:
        for batch_id, owner in unsettled(engine, collection).items():
            if owner is not None and not _is_over(client, owner, run_id):
                continue
            hand_over(engine, batch_id, None)
            return open_batch(engine, batch_id, collection, 1)  # it is there: it comes back as it is
    return None


def _is_over(client: SyncPrefectClient, owner: str, loop_id: str | None) -> bool:
    try:
        run = client.read_flow_run(UUID(owner))
        parent = client.read_task_run(run.parent_task_run_id).flow_run_id if run.parent_task_run_id else None
    except ObjectNotFound:
        return True
    if parent is not None and str(parent) == loop_id:
        return True
    # One that completed has left something open that another run would leave open again.
    return run.state is not None and run.state.is_final() and not run.state.is_completed()


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def lacking_for_training(collection: str, options: TrainOptions, plugs: str = "local") -> str:
    """Say in words what a collection's truth lacks to be trained and tested on; empty where there is enough."""
    engine, store = open_catalog(plugs), open_store(plugs)
    try:
        snapshot = take_snapshot(engine, store, collection)
        issue_certificate(engine, store, snapshot.id)  # it is kept, also where there is too little to train on
        manifest = read_snapshot(store, snapshot.id)
        champion = champion_of(open_experiments(plugs), registry_name(collection))
        base = champion.ref if champion else DetectorRef.nobody(collection)
        options = with_backbone(store, options, base)
        what = manifest.kind, manifest.medium, options.backbone
        check_enough(manifest, options, recipe_for(what[0], base, *what[1:]))
        if champion is not None and not options.base and not trainer_of(*what).begins_anew:
            check_trainable(champion.ref)
    except (NotEnoughData, BadWeights) as error:
        log.info("no training of %s yet: %s", collection, error)
        return str(error)
    return ""


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def close_round(collection: str, ended: Round, goal: Goal, plugs: str = "local") -> LoopVerdict:
    """Write a round down with what people have spent by now, show all rounds, and say whether the goal is met."""
    engine = open_catalog(plugs)
    seconds = sum(one.seconds or 0.0 for one in read_spent(engine, collection))
    all_rounds = rounds.note_round(engine, collection, ended.model_copy(update={"human_seconds": seconds}))
    verdict = judge_rounds(all_rounds, goal)
    page = rounds.rounds_page(collection, all_rounds, verdict)
    create_markdown_artifact(page, artifact_key("loop", collection), f"Round {len(all_rounds)}: {verdict.reason}")
    log.info("%s after round %d: %s", collection, len(all_rounds), verdict.reason)
    return verdict


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def read_rounds(collection: str, plugs: str = "local") -> tuple[Round, ...]:
    """Read the rounds of a collection so far, also those of an earlier run of its loop."""
    found = rounds.read_rounds(open_catalog(plugs), collection)
    log.info("%s has had %d rounds", collection, len(found))
    return found


def step_times(engine: Engine, collection: str) -> list[MachineTime]:
    """Return the time of every ended task run of the runs that labelled a collection's batches.

    A flow run's own time is not used: it includes waiting for people. Task runs beside each other are added up.
    """
    query = select(Batch.flow_run_id, Batch.id).where(
        Batch.collection == collection, col(Batch.flow_run_id).is_not(None)
    )
    with reading(engine) as session:
        batch_of = {str(run_id): batch_id for run_id, batch_id in session.exec(query).all()}
    return [
        MachineTime(_step_of(run), run.total_run_time.total_seconds(), _ended_at(run), batch_of[str(run.flow_run_id)])
        for run in _task_runs(list(batch_of))
        if run.state is not None and run.state.is_final() and run.state.name != "Cached"  # found done: no work
    ]


def _task_runs(flow_run_ids: list[str]) -> list[TaskRun]:
    if not flow_run_ids:
        return []
    ours = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(run_id) for run_id in flow_run_ids]))
    found: list[TaskRun] = []
    with get_client(sync_client=True) as client:
        while page := client.read_task_runs(flow_run_filter=ours, limit=PAGE, offset=len(found)):
            found += page
    return found


def _step_of(run: TaskRun) -> str:
    # `detect_shard-3f2`: the name of the step, and what tells its runs apart.
    return run.name.rsplit("-", 1)[0]


def _ended_at(run: TaskRun) -> datetime:
    return run.end_time or run.start_time or datetime.max.replace(tzinfo=UTC)
