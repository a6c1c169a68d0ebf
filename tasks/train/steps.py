"""The train station as Prefect steps. Ids and references travel; weights, tiles and models stay where they are."""

import logging
import math
import time
from typing import Any

import httpx
from prefect import task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE

from blocks.errors import CatalogUnavailable, PrefectLacks, PrefectRefused, StoreUnavailable, TrackingUnavailable
from blocks.naming.artifacts import artifact_key
from blocks.plugs import open_catalog, open_experiments, open_store
from blocks.retries import WAITS_S, only_for
from blocks.servers.orchestrator import asking_prefect
from tasks.detect.options import TilingOptions
from tasks.detect.proposers.imported import find_imported
from tasks.detect.refs import DetectorRef
from tasks.intake.batches import BatchRef, detector_of, note_detector
from tasks.train import between_rounds, evaluate, promotion, registry, teaching
from tasks.train.evaluate import Comparison
from tasks.train.fitting import training
from tasks.train.fitting.backbones import keep_backbone
from tasks.train.fitting.training import TrainedRef
from tasks.train.fitting.watch import SAY_S, EpochReport, Progress
from tasks.train.options import PromoteOptions, TrainOptions
from tasks.train.promotion import PromotionReport
from tasks.train.propagating import find_propagated

log = logging.getLogger(__name__)

AWAY = only_for(StoreUnavailable, CatalogUnavailable, TrackingUnavailable)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def resolve_detector(
    collection: str, spec: str = "champion", plugs: str = "local", label_kind: str = "boxes"
) -> DetectorRef:
    """Find the model that a person means: the champion of this moment, a version, or a file; nobody where none is."""
    engine, store, experiments = open_catalog(plugs), open_store(plugs), open_experiments(plugs)
    ref = (
        find_imported(engine, collection, spec)
        or teaching.find_taught(engine, store, experiments, collection, spec, label_kind)
        or find_propagated(engine, store, experiments, collection, spec, label_kind)
        or registry.resolve_detector(experiments, store, collection, spec, label_kind)
    )
    log.info("detector of %s: %s (%s)", collection, ref.version, spec)
    return ref


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def choose_detector(
    batch: BatchRef, spec: str = "champion", plugs: str = "local", label_kind: str = "boxes", *, learns: bool = False
) -> DetectorRef:
    """Find the detector of a batch: chosen once, so that a promotion while people work changes nothing for them."""
    engine = open_catalog(plugs)
    chosen = detector_of(engine, batch.id)
    store, experiments, meant = open_store(plugs), open_experiments(plugs), chosen or spec
    ref = (
        find_imported(engine, batch.collection, meant)
        or teaching.find_taught(engine, store, experiments, batch.collection, meant, label_kind, batch.id)
        or find_propagated(engine, store, experiments, batch.collection, meant, label_kind, batch.id, learns=learns)
        or registry.resolve_detector(experiments, store, batch.collection, meant, label_kind)
    )
    note_detector(engine, batch.id, ref.version)
    log.info("batch %s: detector %s (%s)", batch.id, ref.version, "as before" if chosen else spec)
    return ref


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def finetune(
    snapshot_id: str, base: DetectorRef, options: TrainOptions, tiling: TilingOptions, plugs: str = "local"
) -> TrainedRef:
    """Train a detector further on a snapshot; a training that is done is not done again."""
    plugged = (open_experiments(plugs), open_store(plugs))
    options = keep_backbone(open_catalog(plugs), plugged[1], options)
    progress = _progress_artifact(base.name, snapshot_id)
    trained = training.finetune(*plugged, snapshot_id, base, options, tiling=tiling, progress=progress)
    log.info(
        "detector %s: %d epochs in %.0f s, run %s", trained.version, trained.epochs, trained.seconds, trained.run_id
    )
    return trained


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def learn_between_rounds(
    collection: str,
    spec: str,
    label_kind: str,
    options: TrainOptions,
    tiling: TilingOptions,
    plugs: str = "local",
) -> DetectorRef | None:
    """Train the detector of a propagating line's next round on what is settled; None: there is nothing to train."""
    where = (open_catalog(plugs), open_store(plugs), open_experiments(plugs), collection, spec, label_kind)
    progress = _progress_artifact(collection, "of this round")
    learnt = between_rounds.learn_between_rounds(*where, options, tiling, progress)
    log.info("%s: detector %s learnt between rounds", collection, learnt.version if learnt else "none")
    return learnt


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def compare(
    snapshot_id: str, champion: DetectorRef, challenger: TrainedRef, tiling: TilingOptions, plugs: str = "local"
) -> Comparison:
    """Evaluate two detectors on the frozen test items of a snapshot, the line's way."""
    result = evaluate.compare(
        open_store(plugs), snapshot_id, champion, challenger.detector, tiling, run_id=challenger.run_id
    )
    before, after = result.champion.metrics, result.challenger.metrics
    changes = (
        f"{after.word(name)} {before.numbers[name]:.3f} → {number:.3f}" for name, number in after.numbers.items()
    )
    log.info("%s on %d test items, %d %s", ", ".join(changes), result.challenger.items, result.challenger.truths,
             after.word("truths"))  # fmt: skip
    return result


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def promote(comparison: Comparison, options: PromoteOptions, plugs: str = "local") -> PromotionReport:
    """Register the challenger, and make it champion if it is better; leaves the comparison as an artifact."""
    engine = open_catalog(plugs)
    report = promotion.promote(engine, open_store(plugs), open_experiments(plugs), comparison, options)
    key = artifact_key("comparison", comparison.collection)
    create_markdown_artifact(report.markdown, key=key, description=f"{report.name}: {report.reason}")
    log.info(
        "%s version %s %s: %s", report.name, report.number, "promoted" if report.promoted else "kept", report.reason
    )
    return report


def _progress_artifact(collection: str, snapshot_id: str) -> Progress:
    """Return a callback that shows how far a training is; made at its first report, since most re-runs have none."""
    made: list[Any] = []
    shown_at = [-math.inf]

    def show(report: EpochReport) -> None:
        if report.share < 1 and time.monotonic() - shown_at[0] < SAY_S:
            return  # epochs of few pictures take less than a request
        shown_at[0] = time.monotonic()
        percent, description = 100.0 * report.share, f"training on snapshot {snapshot_id[:12]}: {report}"
        try:
            with asking_prefect("artifact of this training's progress"):
                if made:
                    update_progress_artifact(made[0], percent, description)
                else:
                    key = artifact_key("training", collection)
                    made.append(create_progress_artifact(percent, key=key, description=description))
        except PrefectLacks:
            made.clear()  # somebody deleted it: the next epoch makes it anew
        except (PrefectRefused, httpx.HTTPError) as error:
            log.warning("no progress shown for epoch %d: %s", report.epoch, error)  # no reason to stop training

    return show
