"""Review as Prefect steps: questions written, posted, closed; answers read. `ask` strings them together."""

import logging

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Engine

from blocks.apart import Failure, Failures
from blocks.errors import CatalogUnavailable, LabelStudioUnavailable
from blocks.naming.artifacts import artifact_key
from blocks.plugs import open_catalog, open_server, open_store
from blocks.retries import WAITS_S, only_for
from blocks.servers.annotation_server import AnnotationServer
from blocks.servers.crashed_runs import restart_crashed
from tasks.detect.prompted.named import keep_again, note_network
from tasks.detect.refs import ScanRef
from tasks.intake.batches import BatchRef
from tasks.intake.texts.media import medium_of
from tasks.review import mending
from tasks.review import reask as again
from tasks.review.decide import aggregate as weighing
from tasks.review.decide import until as rules
from tasks.review.drafts import box_checks as confirm
from tasks.review.drafts import items_and_kinds as drafts
from tasks.review.drafts.line_queue import LineQueue, draft_questions
from tasks.review.posting import gone, outbox
from tasks.review.questions import asked, slots
from tasks.review.questions.queue import Queue
from tasks.review.receiving import poll, sweeping
from tasks.review.receiving.sweeping import SweepPart

LOG = logging.getLogger(__name__)

AWAY = only_for(LabelStudioUnavailable, CatalogUnavailable)


class QuestionsWritten(BaseModel):
    """That a batch's questions are in the outbox."""

    model_config = ConfigDict(frozen=True)

    queue: str
    batch_id: str
    round: int
    count: int


class AskReport(BaseModel):
    """What came of a queue's questions about a batch."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    asked: int
    answered: int
    passed: int
    closed: int
    people: int
    seconds: float


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def choose_outlines(batch: BatchRef, given: str = "", plugs: str = "local") -> str:
    """Note which network outlines what people click in a batch's questions; empty: colours do."""
    engine = open_catalog(plugs)
    network = keep_again(engine, open_store(plugs), given) if given else None
    note_network(engine, batch.id, network)
    LOG.info("what is clicked in batch %s is outlined by %s", batch.id, network or "colours")
    return str(network or "")


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def write_questions(scan: ScanRef, asked_here: LineQueue, *, round_: int = 0) -> QuestionsWritten:
    """Write what a batch has to ask at one stop of the line into the outbox."""
    engine, store, batch_id = open_catalog(scan.plugs), open_store(scan.plugs), scan.batch.id
    queue = asked_here.queue.showing(medium_of(engine, batch_id))
    asked_here = asked_here.model_copy(update={"queue": queue})
    pages = draft_questions(engine, batch_id, asked_here, round_, store)
    count = drafts.write_once(engine, queue, batch_id, round_, pages)
    LOG.info("%s: %d questions of batch %s in the outbox", queue.name, count, batch_id)
    return QuestionsWritten(queue=queue.name, batch_id=batch_id, round=round_, count=count)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def write_confirm_questions(batch_id: str, queue: Queue, plugs: str = "local", *, round_: int = 0) -> QuestionsWritten:
    """Write the questions about randomly sampled boxes of a batch into the outbox."""
    engine = open_catalog(plugs)
    count = drafts.write_once(engine, queue, batch_id, round_, confirm.draft_confirms(engine, batch_id, round_))
    LOG.info("%s: %d questions of batch %s in the outbox", queue.name, count, batch_id)
    return QuestionsWritten(queue=queue.name, batch_id=batch_id, round=round_, count=count)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def write_confirm_again_questions(
    batch_id: str, queue: Queue, plugs: str = "local", *, round_: int = 0
) -> QuestionsWritten:
    """Write the questions about boxes that the first person did not call right, once all first answers are in."""
    engine = open_catalog(plugs)
    count = drafts.write_once(engine, queue, batch_id, round_, confirm.draft_confirms_again(engine, batch_id, round_))
    LOG.info("%s: %d questions of batch %s in the outbox", queue.name, count, batch_id)
    return QuestionsWritten(queue=queue.name, batch_id=batch_id, round=round_, count=count)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def post_questions(queue: Queue, questions: QuestionsWritten, plugs: str = "local") -> int:
    """Send what is in the outbox to Label Studio; returns how many questions were sent now.

    What was sent before and has been deleted there since is sent again.
    """
    engine, server, sent = open_catalog(plugs), open_server(plugs), 0
    gone.reopen_gone(engine, server, queue.name, questions.batch_id, questions.round)
    for part in slots.unsent_queues(engine, queue, questions.batch_id, questions.round):
        report = outbox.post_questions(engine, server, part, questions.batch_id, questions.round)
        LOG.info(
            "%s: %d sent, %d found already there, %d twins removed, %d had lost their proposals and have them again",
            part.name,
            report.sent,
            report.found,
            report.removed,
            report.mended,
        )
        sent += report.sent
    return sent


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def weigh_answers(queue: Queue, questions: QuestionsWritten, plugs: str = "local") -> int:
    """Decide what can be decided of several people's answers; returns how many more are to be asked, as slots."""
    return weighing.weigh_answers(open_catalog(plugs), queue, questions.batch_id, questions.round).opened


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def close_questions(queue: Queue, questions: QuestionsWritten, until: rules.Until, plugs: str = "local") -> AskReport:
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
    return AskReport.model_validate(so_far)


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def ask_rest_again(questions: QuestionsWritten, until: rules.Until, plugs: str = "local") -> QuestionsWritten:
    """Write what nobody answered as the next round, where the rule says so; its count is 0 where nothing is."""
    key = (questions.queue, questions.batch_id, questions.round)
    count = again.ask_rest_again(open_catalog(plugs), open_server(plugs), *key, until)
    return questions.model_copy(update={"round": questions.round + 1, "count": count})


# The parts of a sweep. Only the first is tried again: the next sweep, minutes later, is the next try of the others.


@task(retries=len(WAITS_S), retry_delay_seconds=WAITS_S, retry_condition_fn=AWAY, cache_policy=NO_CACHE)
def read_answers(plugs: str = "local") -> SweepPart:
    """Read what changed in Label Studio since the last sweep, project by project."""
    report = poll.read_all_changes(open_catalog(plugs), open_server(plugs))
    heard = report.recorded
    read = report.projects - len(report.unreadable) - len(report.gone)
    did = (
        f"{read} of {report.projects} projects read: {report.tasks} changed tasks, {heard.new} new answers "
        f"({heard.set_aside} set aside), {heard.deleted} deleted, {report.twins_removed} twins removed"
    )
    LOG.info("%s", did)
    gone_now = tuple(f"project {id_} was deleted in Label Studio: its answers stay in force" for id_ in report.gone)
    mended = (f"{report.mended} open questions stood without their proposals",) if report.mended else ()
    return SweepPart(name="answers", did=did, mended=(*gone_now, *mended), failures=report.unreadable)


@task(cache_policy=NO_CACHE)
def ask_gone_again(plugs: str = "local") -> SweepPart:
    """Ask the open questions again that runs wait for and whose tasks somebody deleted, and mend webhooks."""
    failures = Failures()
    found = mending.mend_questions(open_catalog(plugs), open_server(plugs), failures)
    did = f"{found.looked_for} open questions looked for in Label Studio"
    LOG.info("%s; mended: %s", did, found.mended or "nothing")
    return SweepPart(name="questions", did=did, mended=found.mended, failures=tuple(failures.found))


@task(cache_policy=NO_CACHE)
def ask_on(plugs: str = "local") -> SweepPart:
    """Weigh the answers that sleeping runs wait for, and ask the next people."""
    engine, server, failures, opened = open_catalog(plugs), open_server(plugs), Failures(), 0
    for sleeper in rules.sleepers(engine):
        with failures.apart(f"asking the next people of {sleeper.queue}, batch {sleeper.batch_id}"):
            opened += _ask_on(engine, server, sleeper)
    LOG.info("%d more slots opened", opened)
    return SweepPart(name="slots", did=f"{opened} more slots opened", failures=tuple(failures.found))


def _ask_on(engine: Engine, server: AnnotationServer, sleeper: rules.Sleeper) -> int:
    key = sleeper.queue, sleeper.batch_id, sleeper.round
    queue = asked.queue_asked(engine, *key)
    if queue is None or queue.is_plain or rules.is_late(rules.progress(engine, *key), sleeper.until):
        return 0
    opened = weighing.weigh_answers(engine, queue, sleeper.batch_id, sleeper.round).opened
    for part in slots.unsent_queues(engine, queue, sleeper.batch_id, sleeper.round):
        outbox.post_questions(engine, server, part, sleeper.batch_id, sleeper.round)
    return opened


@task(cache_policy=NO_CACHE)
def restart_crashed_runs() -> SweepPart:
    """Start runs again whose process died alone."""
    failures = Failures()
    restarted = restart_crashed(failures)
    did = f"{len(restarted)} crashed runs started again"
    return SweepPart(name="crashed runs", did=did, failures=tuple(failures.found))


@task(cache_policy=NO_CACHE)
def show_sweep(parts: list[SweepPart], failures: list[Failure], plugs: str = "local") -> sweeping.Sweep:
    """Keep what a sweep did for `labelline status`, and show it; one artifact has the history of all sweeps."""
    swept = sweeping.end_sweep(parts, failures)
    with Failures().apart("keeping what the sweep did"):
        sweeping.keep_sweep(open_catalog(plugs), swept)
    told = "all is well" if swept.is_whole else f"{len(swept.failures)} things failed"
    create_markdown_artifact(sweeping.sweep_page(swept), artifact_key("sweep", plugs), f"The last sweep: {told}")
    return swept
