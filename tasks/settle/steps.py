"""Steps of the station `settle`."""

import logging
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event

from blocks.artifacts import artifact_key
from blocks.errors import CatalogUnavailable, StoreUnavailable
from blocks.plugs import open_catalog, open_store
from blocks.retries import WAITS_S, only_for
from tasks.review.weighing import weigh_again
from tasks.settle.artifacts import effort_summary, labels_summary
from tasks.settle.effort import Effort, effort_of
from tasks.settle.in_force import LabelNews, news_of
from tasks.settle.labels import settle
from tasks.settle.people import PeopleReport, people_of, people_summary
from tasks.settle.pictures import pictures_markdown
from tasks.settle.report import SettleReport
from tasks.triage.boxes import Scope

logger = logging.getLogger(__name__)

AWAY = only_for(StoreUnavailable, CatalogUnavailable)

LABELS_READY = "labelline.labels.ready"
"""The event that says that a collection has enough new labels to train on."""


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def settle_batch(batch_id: str, detector: str, recipe: str, plugs: str = "local") -> SettleReport:
    """Turn verdicts and answers of a batch into labels, and show what they are."""
    engine = open_catalog(plugs)
    weigh_again(engine, batch_id)
    report = settle(engine, batch_id, detector, recipe)
    logger.info("settled %s: %d labels %s", batch_id, report.labels, report.by_origin)
    create_markdown_artifact(labels_summary(report), artifact_key("labels", batch_id), "Labels, and who said so")
    return report


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def show_effort(batch_id: str, detector: str, recipe: str, plugs: str = "local") -> Effort:
    """Show the human seconds of a batch against labelling it by hand."""
    effort = effort_of(open_catalog(plugs), batch_id, detector, recipe)
    logger.info("%s took people %.0f s, by hand %.0f s", batch_id, effort.human_seconds, effort.human_seconds_manual)
    create_markdown_artifact(effort_summary(effort), artifact_key("effort", batch_id), "Human seconds, against by hand")
    return effort


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def show_people(batch_id: str, plugs: str = "local") -> PeopleReport:
    """Show how people agreed on a batch, how they did at gold questions and audits, and what they could not answer."""
    report = people_of(open_catalog(plugs), batch_id)
    logger.info("%s: %d queues to compare people in, %d for rework", batch_id, len(report.queues), len(report.rework))
    create_markdown_artifact(people_summary(report), artifact_key("people", batch_id), "Agreement, gold and rework")
    return report


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def show_pictures(batch_id: str, detector: str, recipe: str, count: int = 3, plugs: str = "local") -> None:
    """Show some images of a batch with their proposals and labels."""
    engine, store = open_catalog(plugs), open_store(plugs)
    markdown = pictures_markdown(engine, store, Scope(batch_id, detector, recipe), count)
    logger.info("pictures of %s: %d kB", batch_id, len(markdown) // 1000)
    create_markdown_artifact(markdown, artifact_key("pictures", batch_id), "Proposals and labels on some images")


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY)
def announce_labels(
    collection: str,
    at_least: int,
    options: dict[str, Any] | None = None,
    plugs: str = "local",
    *,
    tiling: dict[str, Any] | None = None,
) -> LabelNews:
    """Say by one event that a collection has enough new labels to train on, if it has.

    How to train, and how the line cuts its images, go along: the challenger must look the way the line does.
    """
    news = news_of(open_catalog(plugs), collection)
    logger.info("%s: %d new labels since the last snapshot (training starts at %d)", collection, news.count, at_least)
    if news.count >= max(1, at_least):
        resource = {"prefect.resource.id": f"labelline.collection.{collection}", "labelline.collection": collection}
        # The same news has the same id, so a re-run does not announce it as another event.
        name = f"{collection}|{news.since}|{news.count}"
        payload = {"collection": collection, "new_labels": news.count}
        payload |= {"options": options or {}, "tiling": tiling or {}}
        emit_event(LABELS_READY, resource, payload=payload, id=uuid5(NAMESPACE_URL, name))
    return news
