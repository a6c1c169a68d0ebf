"""Review as Prefect steps: questions written, posted, closed; answers read. `ask` strings them together."""

import logging

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict

from blocks.errors import CatalogUnavailable, LabelStudioUnavailable
from blocks.plugs import open_catalog, open_server
from blocks.retries import WAITS_S, only_for
from tasks.review import confirm, drafts, outbox, poll, rules
from tasks.review.queues import Queue
from tasks.triage.order import ask_order

LOG = logging.getLogger(__name__)

AWAY = only_for(LabelStudioUnavailable, CatalogUnavailable)


class Written(BaseModel):
    """That a batch's questions are in the outbox."""

    model_config = ConfigDict(frozen=True)

    queue: str
    batch_id: str
    round: int
    count: int


class Asked(BaseModel):
    """What came of a queue's questions about a batch."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    asked: int
    answered: int
    passed: int
    closed: int
    people: int
    seconds: float


class Swept(BaseModel):
    """What a sweep heard that nobody had heard before."""

    model_config = ConfigDict(frozen=True)

    projects: int
    tasks: int
    answers: int
    deleted: int
    set_aside: int
    twins_removed: int
    unreadable: tuple[str, ...]


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def write_missed_questions(
    batch_id: str, queue: Queue, plugs: str = "local", *, round_: int = 0, first: dict[str, float] | None = None
) -> Written:
    """Write the questions about whole items of a batch into the outbox, what the strategies of `first` name ahead."""
    engine = open_catalog(plugs)
    order = ask_order(engine, batch_id, first) if first else None
    pages = drafts.draft_missed(engine, queue, batch_id, round_, order)
    count = drafts.write_once(engine, queue, batch_id, round_, pages)
    LOG.info("%s: %d questions of batch %s in the outbox", queue.name, count, batch_id)
    return Written(queue=queue.name, batch_id=batch_id, round=round_, count=count)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def write_kind_questions(
    batch_id: str, queue: Queue, plugs: str = "local", *, margin_share: float = 0.5, round_: int = 0
) -> Written:
    """Write the questions about single boxes of a batch into the outbox, once the first queue is answered."""
    engine = open_catalog(plugs)
    pages = drafts.draft_kinds(engine, batch_id, queue.kinds, margin_share, round_)
    count = drafts.write_once(engine, queue, batch_id, round_, pages)
    LOG.info("%s: %d questions of batch %s in the outbox", queue.name, count, batch_id)
    return Written(queue=queue.name, batch_id=batch_id, round=round_, count=count)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def write_confirm_questions(batch_id: str, queue: Queue, plugs: str = "local", *, round_: int = 0) -> Written:
    """Write the questions about boxes of a batch that were drawn by lot into the outbox."""
    engine = open_catalog(plugs)
    count = drafts.write_once(engine, queue, batch_id, round_, confirm.draft_confirms(engine, batch_id, round_))
    LOG.info("%s: %d questions of batch %s in the outbox", queue.name, count, batch_id)
    return Written(queue=queue.name, batch_id=batch_id, round=round_, count=count)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def write_second_looks(batch_id: str, queue: Queue, plugs: str = "local", *, round_: int = 0) -> Written:
    """Write the questions about boxes that the first person did not call right, once all first answers are in."""
    engine = open_catalog(plugs)
    count = drafts.write_once(engine, queue, batch_id, round_, confirm.draft_second_looks(engine, batch_id, round_))
    LOG.info("%s: %d questions of batch %s in the outbox", queue.name, count, batch_id)
    return Written(queue=queue.name, batch_id=batch_id, round=round_, count=count)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def post_questions(queue: Queue, questions: Written, plugs: str = "local") -> int:
    """Send what is in the outbox to Label Studio; returns how many questions were sent now."""
    report = outbox.post_questions(open_catalog(plugs), open_server(plugs), queue, questions.batch_id, questions.round)
    LOG.info(
        "%s: %d sent, %d found already there, %d twins removed", queue.name, report.sent, report.found, report.removed
    )
    return report.sent


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def close_questions(questions: Written, until: rules.Until, plugs: str = "local") -> Asked:
    """End what nobody answered, by the queue's rule, and count."""
    engine = open_catalog(plugs)
    key = (questions.queue, questions.batch_id, questions.round)
    closed = rules.close_rest(engine, *key, until.rest)
    so_far = rules.progress(engine, *key)
    LOG.info("%s: %s; %d closed now", questions.queue, so_far, closed)
    return Asked.model_validate(so_far)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def read_answers(plugs: str = "local") -> Swept:
    """Read what changed in Label Studio since the last sweep."""
    report = poll.read_all_changes(open_catalog(plugs), open_server(plugs))
    heard = report.recorded
    LOG.info("%d changed tasks in %d projects: %d new answers", report.tasks, report.projects, heard.new)
    return Swept(
        projects=report.projects,
        tasks=report.tasks,
        answers=heard.new,
        deleted=heard.deleted,
        set_aside=heard.set_aside,
        twins_removed=report.twins_removed,
        unreadable=report.unreadable,
    )
