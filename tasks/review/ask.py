"""`ask`: a human micro-task as a durable function call. Nothing lost, nothing asked twice, no process waiting.

A deployed run writes down that it waits, looks once more, and suspends itself: its process ends. Whoever hears the
last answer (doorbell or sweep) calls `wake_due`, the run starts from the top, and every step finds its work done. If
the last answer comes between that last look and the suspension, `wake_due` finds a run that does not sleep yet and
leaves its note in place: the next sweep wakes it. So a wake-up may come late, and is never lost.

A run started by hand, and a flow inside another flow (Prefect suspends neither), polls Label Studio instead.

Each sleeper is on its own: what is wrong with one, its run or its artifact keeps nobody else asleep.
"""

import logging
import time
from itertools import count
from typing import Any
from uuid import UUID

from prefect import get_client, suspend_flow_run, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import SetStateStatus
from prefect.runtime import deployment, flow_run
from prefect.states import Cancelled
from sqlalchemy import Engine

from blocks.apart import Failures
from blocks.database.engine import reading, writing
from blocks.errors import LabelStudioLacks, LabelStudioUnavailable, PrefectLacks
from blocks.naming.artifacts import artifact_key
from blocks.plugs import open_catalog, open_server
from blocks.servers.orchestrator import asking_prefect
from tasks.review import steps
from tasks.review.decide import until as rules
from tasks.review.posting.gone import ask_gone_again
from tasks.review.questions import bookmarks
from tasks.review.questions.queue import Queue
from tasks.review.receiving.poll import read_changes
from tasks.review.receiving.sweeping import SweepPart
from tasks.review.steps import AskReport, QuestionsWritten

SUSPEND_TIMEOUT_S = 365 * 24 * 3600
"""People may take their time: how long a line waits is said by `Until`, not by a timeout that fails the run."""

POLL_S = 3.0
"""Between two looks of a run that polls."""

LOOK_S = 60.0
"""Between two looks of a run that polls for questions whose tasks somebody deleted."""

LOG = logging.getLogger(__name__)

Key = tuple[str, str, int]
"""Queue, batch and round."""


def ask(queue: Queue, questions: QuestionsWritten, until: rules.Until | None = None, plugs: str = "local") -> AskReport:
    """Ask people, and return when they have answered: call it in a flow like any other function.

    Args:
        queue: The kind of question.
        questions: What `write_questions` returned for this queue.
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
            # Answers in doubt, or of people who may not answer, lead to slots for others: back to sleep.
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


def wake_due(engine: Engine, failures: Failures | None = None) -> list[str]:
    """Resume the sleeping runs whose rule is met, and bring the progress artifacts of all up to date.

    Safe to call at any time, from anywhere, twice at once: Prefect resumes a run only where it sleeps. A run that is
    about to sleep is left for the next call (see the module's text), so call it again while `rules.due` names any.

    Args:
        engine: The catalogue.
        failures: Takes what is wrong with single runs and artifacts; it is logged where nobody takes it.

    Returns:
        Ids of the flow runs that were resumed now.
    """
    failures = failures if failures is not None else Failures()
    asleep = rules.sleepers(engine, failures)
    if not asleep:
        return []
    woken = []
    with get_client(sync_client=True) as client:
        for sleeper in asleep:
            about = f"run {sleeper.flow_run_id}, asleep for {sleeper.queue} of {sleeper.batch_id}"
            with failures.apart(f"waking {about}"), asking_prefect(about):
                so_far = rules.progress(engine, *_key(sleeper))
                is_noted = _still_sleeps(client, engine, sleeper, failures)
                if is_noted and rules.is_met(so_far, sleeper.until) and _resume(client, sleeper):
                    LOG.info("woke run %s: %s", sleeper.flow_run_id, so_far)
                    woken.append(sleeper.flow_run_id)
                if is_noted:
                    _show(client, engine, _key(sleeper), so_far, sleeper.flow_run_id)
    return woken


@task(cache_policy=NO_CACHE)
def wake_sleepers(plugs: str = "local") -> SweepPart:
    """Resume the runs whose people have answered; what is wrong with one of them keeps no other asleep."""
    failures = Failures()
    woken = wake_due(open_catalog(plugs), failures)
    LOG.info("%d runs woken", len(woken))
    return SweepPart(name="runs", did=f"{len(woken)} runs woken", failures=tuple(failures.found))


def show_progress(engine: Engine, questions: QuestionsWritten) -> None:
    """Make or update the artifact in the Prefect UI that shows how far people are."""
    key = (questions.queue, questions.batch_id, questions.round)
    with Failures().apart(f"showing how far {key} is"), get_client(sync_client=True) as client:
        _show(client, engine, key, rules.progress(engine, *key), str(flow_run.id))


def _sleep(engine: Engine, questions: QuestionsWritten, until: rules.Until) -> None:
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


def _poll(engine: Engine, questions: QuestionsWritten, until: rules.Until, plugs: str) -> None:
    server = open_server(plugs)
    sleeper = rules.Sleeper("", questions.queue, questions.batch_id, questions.round, until)
    said, looked_at = "", time.monotonic()
    while not _is_met(engine, sleeper):
        time.sleep(POLL_S)
        try:
            if time.monotonic() > looked_at + LOOK_S:
                looked_at = time.monotonic()
                ask_gone_again(engine, server, *_key(sleeper))
            for project_id in rules.projects_of(engine, *_key(sleeper)):
                read_changes(engine, server, project_id, "poll")
        except LabelStudioUnavailable as error:
            LOG.warning("still waiting for people: %s", error)  # they cannot answer either; it will be back
        except LabelStudioLacks as error:
            LOG.warning("a project is gone, its questions are asked again: %s", error)
            looked_at -= LOOK_S  # at once
        so_far = str(rules.progress(engine, *_key(sleeper)))
        if so_far != said:
            LOG.info("%s: %s", questions.queue, so_far)
            show_progress(engine, questions)
            said = so_far


def _is_late(engine: Engine, questions: QuestionsWritten, until: rules.Until) -> bool:
    return rules.is_late(rules.progress(engine, questions.queue, questions.batch_id, questions.round), until)


def _is_met(engine: Engine, sleeper: rules.Sleeper) -> bool:
    return rules.is_met(rules.progress(engine, *_key(sleeper)), sleeper.until)


def _key(sleeper: rules.Sleeper) -> Key:
    return sleeper.queue, sleeper.batch_id, sleeper.round


def _still_sleeps(client: SyncPrefectClient, engine: Engine, sleeper: rules.Sleeper, failures: Failures) -> bool:
    """Say whether a run may still be woken; one that cannot be is forgotten, and its batch is free for the next run."""
    run_id = UUID(sleeper.flow_run_id)
    goes_on = f"the next run of the line takes batch {sleeper.batch_id} up (`labelline label`)"
    try:
        with asking_prefect(f"run {run_id}"):
            run = client.read_flow_run(run_id)
    except PrefectLacks as error:
        rules.forget_sleeper(engine, sleeper.flow_run_id)
        failures.note(f"{sleeper.queue} of {sleeper.batch_id}", f"{error}; {goes_on}")
        return False
    if run.state is not None and run.state.is_final():
        rules.forget_sleeper(engine, sleeper.flow_run_id)  # cancelled or failed; a retried run notes itself again
        return False
    if run.state is not None and run.state.is_paused() and not _is_deployed(client, run):
        why = f"its deployment was deleted, so it cannot be woken; {goes_on}"
        ended: State[Any] = Cancelled(message=why)
        client.set_flow_run_state(run_id, ended, force=True)
        rules.forget_sleeper(engine, sleeper.flow_run_id)
        failures.note(f"run {run.name} ({run_id})", why)
        return False
    return True


def _is_deployed(client: SyncPrefectClient, run: FlowRun) -> bool:
    if run.deployment_id is None:
        return False
    try:
        with asking_prefect(f"deployment {run.deployment_id}"):
            client.read_deployment(run.deployment_id)
    except PrefectLacks:
        return False
    return True


def _resume(client: SyncPrefectClient, sleeper: rules.Sleeper) -> bool:
    """Resume a run where it sleeps; one that is not asleep yet, or on its way already, is looked at the next time."""
    state = client.read_flow_run(UUID(sleeper.flow_run_id)).state
    if state is None or not state.is_paused():
        return False
    return client.resume_flow_run(UUID(sleeper.flow_run_id)).status == SetStateStatus.ACCEPT


def _show(client: SyncPrefectClient, engine: Engine, key: Key, so_far: rules.Progress, run_id: str) -> None:
    """Bring the artifact of a round up to date; the first time, or where somebody deleted it, it is made."""
    name = bookmarks.progress_artifact(*key)
    with reading(engine) as session:
        artifact_id = bookmarks.read_bookmarks(session, [name]).get(name)
    shown = {"data": 100 * so_far.share, "description": f"People: {so_far}"}
    about = f"artifact {artifact_id}"
    if artifact_id is not None:
        try:
            with asking_prefect(about):
                client.update_artifact(UUID(artifact_id), ArtifactUpdate.model_validate(shown))
            return
        except PrefectLacks as error:
            LOG.info("%s; it is made anew", error)
    title = artifact_key("people", f"{key[0]} {key[1]}")
    with asking_prefect(f"new artifact {title}"):
        made = client.create_artifact(
            ArtifactCreate.model_validate({"type": "progress", "key": title, "flow_run_id": run_id, **shown})
        )
    with writing(engine) as session:
        bookmarks.write_bookmarks(session, {name: str(made.id)})
