"""`ask`: a human micro-task as a durable function call. Nothing lost, nothing asked twice, no process waiting.

A deployed run writes down that it waits, looks once more, and suspends itself: its process ends. Whoever hears the
last answer (doorbell or sweep) calls `wake_due`, the run starts from the top, and every step finds its work done. If
the last answer comes between that last look and the suspension, `wake_due` finds a run that does not sleep yet and
leaves its note in place: the next sweep wakes it. So a wake-up may come late, and is never lost.

A run started by hand, and a flow inside another flow (Prefect suspends neither), polls Label Studio instead.
"""

import logging
import re
import time
from itertools import count
from uuid import UUID

from prefect import get_client, suspend_flow_run, task
from prefect.artifacts import create_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import ObjectNotFound
from prefect.runtime import deployment, flow_run
from sqlalchemy import Engine

from blocks.database import reading, writing
from blocks.errors import LabelStudioUnavailable
from blocks.plugs import open_catalog, open_server
from tasks.review import bookmarks, rules, steps
from tasks.review.poll import read_changes
from tasks.review.queues import Queue
from tasks.review.steps import Asked, Written

SUSPEND_TIMEOUT_S = 365 * 24 * 3600
"""People may take their time: how long a line waits is said by `Until`, not by a timeout that fails the run."""

POLL_S = 3.0
"""Between two looks of a run that polls."""

LOG = logging.getLogger(__name__)


def ask(queue: Queue, questions: Written, until: rules.Until | None = None, plugs: str = "local") -> Asked:
    """Ask people, and return when they have answered: call it in a flow like any other function.

    Args:
        queue: The kind of question.
        questions: What `write_missed_questions` or `write_kind_questions` returned for this queue.
        until: When to go on; by default when all are answered.
        plugs: Name of the saved blocks.

    Raises:
        LabelStudioUnavailable: Label Studio did not answer although it was tried again for two minutes.
        LabelStudioRefused: Label Studio says no, such as to a wrong token.
    """
    rule = until or rules.Until()
    while questions.count:
        steps.post_questions(queue, questions, plugs)
        engine = open_catalog(plugs)
        while True:
            show_progress(engine, questions)
            if can_sleep():
                _sleep(engine, questions, rule)
            else:
                _poll(engine, questions, rule, plugs)
            # Answers in doubt, or of people who may not answer, lead to seats for others: back to sleep.
            if _is_late(engine, questions, rule) or not steps.weigh_answers(queue, questions, plugs):
                break
            steps.post_questions(queue, questions, plugs)
        show_progress(engine, questions)
        rest = steps.ask_rest_again(questions, rule, plugs)
        if not rest.count:
            break
        questions = rest
    return steps.close_questions(queue, questions, rule, plugs)


def can_sleep() -> bool:
    """Say whether the current run may suspend: it has a deployment to be started again by, and no parent."""
    return deployment.id is not None and flow_run.parent_flow_run_id is None


def wake_due(engine: Engine) -> list[str]:
    """Resume the sleeping runs whose rule is met, and bring the progress artifacts of all up to date.

    Safe to call at any time, from anywhere, twice at once: Prefect resumes a run only where it sleeps. A run that is
    about to sleep is left for the next call (see the module's text), so call it again while `rules.due` names any.

    Returns:
        Ids of the flow runs that were resumed now.
    """
    asleep = rules.sleepers(engine)
    if not asleep:
        return []
    with get_client(sync_client=True) as client:
        woken = []
        for sleeper in asleep:
            so_far = rules.progress(engine, sleeper.queue, sleeper.batch_id, sleeper.round)
            _update_artifact(client, engine, bookmarks.progress_artifact(*_key(sleeper)), so_far)
            if rules.is_met(so_far, sleeper.until) and _wake(client, engine, sleeper):
                LOG.info("woke run %s: %s", sleeper.flow_run_id, so_far)
                woken.append(sleeper.flow_run_id)
    return woken


@task(cache_policy=NO_CACHE)
def wake_sleepers(plugs: str = "local") -> list[str]:
    """Resume the runs whose people have answered."""
    woken = wake_due(open_catalog(plugs))
    LOG.info("%d runs woken", len(woken))
    return woken


def show_progress(engine: Engine, questions: Written) -> None:
    """Make or update the artifact in the Prefect UI that shows how far people are."""
    key = (questions.queue, questions.batch_id, questions.round)
    name, so_far = bookmarks.progress_artifact(*key), rules.progress(engine, *key)
    with get_client(sync_client=True) as client:
        if _update_artifact(client, engine, name, so_far):
            return
    artifact_id = create_progress_artifact(
        progress=100 * so_far.share,
        key=re.sub(r"[^a-z0-9-]+", "-", f"people-{questions.queue}-{questions.batch_id}".lower()),
        description=f"People: {so_far}",
    )
    with writing(engine) as session:
        bookmarks.write_bookmarks(session, {name: str(artifact_id)})


def _sleep(engine: Engine, questions: Written, until: rules.Until) -> None:
    run_id = str(flow_run.id)
    sleeper = rules.Sleeper(run_id, questions.queue, questions.batch_id, questions.round, until)
    for nap in count():
        if _is_met(engine, sleeper):
            break
        rules.note_sleeper(engine, sleeper)
        if _is_met(engine, sleeper):  # what was heard before the note was there has woken nobody
            break
        # Ends the process. After a resume the flow comes here again, passes the naps it has slept, and takes a new one.
        suspend_flow_run(key=f"{'/'.join(map(str, _key(sleeper)))}/{nap}", timeout=SUSPEND_TIMEOUT_S)
    rules.forget_sleeper(engine, run_id)


def _poll(engine: Engine, questions: Written, until: rules.Until, plugs: str) -> None:
    server = open_server(plugs)
    sleeper = rules.Sleeper("", questions.queue, questions.batch_id, questions.round, until)
    projects = rules.projects_of(engine, *_key(sleeper))
    said = ""
    while not _is_met(engine, sleeper):
        time.sleep(POLL_S)
        try:
            for project_id in projects:
                read_changes(engine, server, project_id, "poll")
        except LabelStudioUnavailable as error:
            LOG.warning("still waiting for people: %s", error)  # they cannot answer either; it will be back
        so_far = str(rules.progress(engine, *_key(sleeper)))
        if so_far != said:
            LOG.info("%s: %s", questions.queue, so_far)
            show_progress(engine, questions)
            said = so_far


def _is_late(engine: Engine, questions: Written, until: rules.Until) -> bool:
    return rules.is_late(rules.progress(engine, questions.queue, questions.batch_id, questions.round), until)


def _is_met(engine: Engine, sleeper: rules.Sleeper) -> bool:
    return rules.is_met(rules.progress(engine, *_key(sleeper)), sleeper.until)


def _key(sleeper: rules.Sleeper) -> tuple[str, str, int]:
    return sleeper.queue, sleeper.batch_id, sleeper.round


def _wake(client: SyncPrefectClient, engine: Engine, sleeper: rules.Sleeper) -> bool:
    try:
        state = client.read_flow_run(UUID(sleeper.flow_run_id)).state
    except ObjectNotFound:
        rules.forget_sleeper(engine, sleeper.flow_run_id)  # somebody deleted the run
        return False
    if state is not None and state.is_final():
        rules.forget_sleeper(engine, sleeper.flow_run_id)  # cancelled or failed; a retried run notes itself again
        return False
    if state is None or not state.is_paused():
        return False  # not asleep yet, or on its way already: the next call looks again
    return client.resume_flow_run(UUID(sleeper.flow_run_id)).status == SetStateStatus.ACCEPT


def _update_artifact(client: SyncPrefectClient, engine: Engine, name: str, so_far: rules.Progress) -> bool:
    with reading(engine) as session:
        artifact_id = bookmarks.read_bookmarks(session, [name]).get(name)
    if artifact_id is None:
        return False
    try:
        update = ArtifactUpdate(data=100 * so_far.share, description=f"People: {so_far}")
        client.update_artifact(UUID(artifact_id), update)
    except ObjectNotFound:
        return False
    return True
