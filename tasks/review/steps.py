"""Review as Prefect steps: questions written, posted, closed; answers read. `ask` strings them together."""

import logging

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict

from blocks.crashed_runs import restart_crashed
from blocks.errors import CatalogUnavailable, LabelStudioUnavailable
from blocks.plugs import open_catalog, open_server
from blocks.retries import WAITS_S, only_for
from tasks.review import again, confirm, drafts, outbox, page_rounds, poll, rules, seats, weighing
from tasks.review.pages import PageOptions
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
    """Write the questions about whole items of a batch into the outbox, what the strategies of `first` name ahead.

    Items of which a crop was removed from a page are asked as well.
    """
    engine = open_catalog(plugs)
    page_rounds.send_back_removed(engine, batch_id)
    order = ask_order(engine, batch_id, first) if first else None
    pages = drafts.draft_missed(engine, queue, batch_id, round_, order)
    count = drafts.write_once(engine, queue, batch_id, round_, pages)
    LOG.info("%s: %d questions of batch %s in the outbox", queue.name, count, batch_id)
    return Written(queue=queue.name, batch_id=batch_id, round=round_, count=count)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def write_confirm_pages(
    batch_id: str, queue: Queue, options: PageOptions, plugs: str = "local", *, round_: int = 0
) -> Written:
    """Write the questions about pages of very sure crops of a batch into the outbox."""
    engine = open_catalog(plugs)
    pages = page_rounds.draft_confirm_pages(engine, queue, batch_id, options, round_)
    count = drafts.write_once(engine, queue, batch_id, round_, pages)
    LOG.info("%s: %d pages of batch %s in the outbox", queue.name, count, batch_id)
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
    engine, server, sent = open_catalog(plugs), open_server(plugs), 0
    for part in seats.unsent_queues(engine, queue, questions.batch_id, questions.round):
        report = outbox.post_questions(engine, server, part, questions.batch_id, questions.round)
        LOG.info(
            "%s: %d sent, %d found already there, %d twins removed",
            part.name,
            report.sent,
            report.found,
            report.removed,
        )
        sent += report.sent
    return sent


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def weigh_answers(queue: Queue, questions: Written, plugs: str = "local") -> int:
    """Decide what can be decided of several people's answers; returns how many more are to be asked, as seats."""
    return weighing.weigh_answers(open_catalog(plugs), queue, questions.batch_id, questions.round).opened


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def ask_on(plugs: str = "local") -> int:
    """Weigh the answers that sleeping runs wait for, and ask the next people; returns how many seats were opened."""
    engine, server = open_catalog(plugs), open_server(plugs)
    opened = 0
    for sleeper in rules.sleepers(engine):
        key = sleeper.queue, sleeper.batch_id, sleeper.round
        queue = weighing.queue_asked(engine, *key)
        if queue is None or queue.is_plain or rules.is_late(rules.progress(engine, *key), sleeper.until):
            continue
        opened += weighing.weigh_answers(engine, queue, sleeper.batch_id, sleeper.round).opened
        for part in seats.unsent_queues(engine, queue, sleeper.batch_id, sleeper.round):
            outbox.post_questions(engine, server, part, sleeper.batch_id, sleeper.round)
    LOG.info("%d more seats opened", opened)
    return opened


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def close_questions(queue: Queue, questions: Written, until: rules.Until, plugs: str = "local") -> Asked:
    """End what nobody answered, by the queue's rule, take it out of people's way, and count over all rounds."""
    engine = open_catalog(plugs)
    key = (questions.queue, questions.batch_id)
    rounds = range(questions.round + 1)
    for number in rounds:
        weighing.weigh_answers(engine, queue, questions.batch_id, number, is_last=True)
    closed = sum(rules.close_rest(engine, *key, number, until.rest) for number in rounds)
    tasks = again.closed_tasks(engine, *key, rounds)
    gone = again.take_back_closed(open_server(plugs), tasks) if tasks else 0
    so_far = rules.progress_of_rounds([rules.progress(engine, *key, number) for number in rounds])
    LOG.info("%s: %s; %d closed now, %d taken out of Label Studio", questions.queue, so_far, closed, gone)
    return Asked.model_validate(so_far)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def ask_rest_again(questions: Written, until: rules.Until, plugs: str = "local") -> Written:
    """Write what nobody answered as the next round, where the rule says so; its count is 0 where nothing is."""
    key = (questions.queue, questions.batch_id, questions.round)
    count = again.ask_rest_again(open_catalog(plugs), open_server(plugs), *key, until)
    return questions.model_copy(update={"round": questions.round + 1, "count": count})


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


@task(cache_policy=NO_CACHE)
def restart_crashed_runs() -> list[str]:
    """Start runs again whose process died alone; returns their ids."""
    return restart_crashed()
