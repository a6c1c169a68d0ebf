"""Steps of the station `settle`."""

import logging
from uuid import NAMESPACE_URL, uuid5

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event

from blocks.errors import CatalogUnavailable, StoreUnavailable
from blocks.frozen import Frozen
from blocks.naming.artifacts import artifact_key
from blocks.plugs import open_catalog, open_store
from blocks.retries import WAITS_S, only_for
from tasks.detect.refs import ScanRef
from tasks.kinds.registry import label_kind
from tasks.review.decide.aggregate import weigh_again
from tasks.settle.annotators.people import PeopleReport, people_of, people_summary
from tasks.settle.artifacts import effort_summary, labels_summary
from tasks.settle.effort import Effort, effort_of
from tasks.settle.identities import settle_tracks
from tasks.settle.in_force import LabelNews, news_of
from tasks.settle.labels import settle
from tasks.settle.pictures import pictures_markdown
from tasks.settle.report import SettleReport

logger = logging.getLogger(__name__)

AWAY = only_for(StoreUnavailable, CatalogUnavailable)

LABELS_READY = "labelline.labels.ready"
"""The event that says that a collection has enough new labels to train on."""


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def settle_batch(scan: ScanRef) -> SettleReport:
    """Turn verdicts and answers of a batch into labels, and show what they are."""
    engine, batch_id = open_catalog(scan.plugs), scan.batch.id
    weigh_again(engine, batch_id)
    report = settle(engine, batch_id, scan.detector.version, scan.recipe)
    if scan.detector.is_propagated or label_kind(scan.label_kind).has_identity:
        settle_tracks(engine, open_store(scan.plugs), batch_id, scan.detector.version)
    logger.info("settled %s: %d labels %s", batch_id, report.labels, report.by_origin)
    create_markdown_artifact(labels_summary(report), artifact_key("labels", batch_id), "Labels, and who said so")
    return report


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def show_effort(scan: ScanRef) -> Effort:
    """Show the human seconds of a batch against labelling it by hand."""
    batch_id = scan.batch.id
    effort = effort_of(open_catalog(scan.plugs), batch_id, scan.detector.version, scan.recipe)
    logger.info("%s took people %.0f s, by hand %.0f s", batch_id, effort.human_seconds, effort.human_seconds_manual)
    create_markdown_artifact(effort_summary(effort), artifact_key("effort", batch_id), "Human seconds, against by hand")
    return effort


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def show_people(scan: ScanRef) -> PeopleReport:
    """Show how people agreed on a batch, how they did at gold questions and audits, and what they could not answer."""
    batch_id = scan.batch.id
    report = people_of(open_catalog(scan.plugs), batch_id)
    logger.info("%s: %d queues to compare people in, %d for rework", batch_id, len(report.queues), len(report.rework))
    create_markdown_artifact(people_summary(report), artifact_key("people", batch_id), "Agreement, gold and rework")
    return report


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def show_pictures(scan: ScanRef, count: int = 3) -> None:
    """Show some images of a batch with their proposals and labels."""
    engine, store, batch_id = open_catalog(scan.plugs), open_store(scan.plugs), scan.batch.id
    markdown = pictures_markdown(engine, store, scan.scope, count)
    logger.info("pictures of %s: %d kB", batch_id, len(markdown) // 1000)
    create_markdown_artifact(markdown, artifact_key("pictures", batch_id), "Proposals and labels on some images")


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def announce_labels(scan: ScanRef, at_least: int, training: Frozen) -> LabelNews:
    """Say by one event that a collection has enough new labels to train on, if it has.

    How to train, and how the line cuts its images, go along: the challenger must look the way the line does.
    """
    collection = scan.batch.collection
    news = news_of(open_catalog(scan.plugs), collection)
    logger.info("%s: %d new labels since the last snapshot (training starts at %d)", collection, news.count, at_least)
    if news.count >= max(1, at_least):
        resource = {"prefect.resource.id": f"labelline.collection.{collection}", "labelline.collection": collection}
        # The same news has the same id, so a re-run does not announce it as another event.
        name = f"{collection}|{news.since}|{news.count}"
        payload = {"collection": collection, "new_labels": news.count}
        tiling = scan.tiling.uncalibrated()
        payload |= {"options": training.model_dump(mode="json"), "tiling": tiling.model_dump(mode="json")}
        emit_event(LABELS_READY, resource, payload=payload, id=uuid5(NAMESPACE_URL, name))
    return news
