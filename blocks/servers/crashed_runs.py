"""Runs whose process died alone, such as for want of memory: Prefect calls them crashed, and they are started again.

A run that loses its process together with the stack goes on with the next `labelline up`; while the stack stays up,
the worker reports the death and nobody would take the run up again. Started anew, it finds its finished steps done.
What kills a run three times is likely to kill it once more, and is left to people.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.runtime import flow_run
from prefect.states import AwaitingRetry

from blocks.apart import Failures
from blocks.servers.orchestrator import asking_prefect

CRASHES = 3
"""So often may a run crash before it is left alone."""

ENDED_WITH_STACK = "its process ended with the stack"
"""Why a run waits that `labelline down` has interrupted: the crash it reported then is nothing of its own."""

RECENT = timedelta(days=1)
"""What crashed earlier than this is no interruption any more: somebody has seen to it, or nobody needs it."""

LOG = logging.getLogger(__name__)


def restart_crashed(failures: Failures | None = None) -> list[str]:
    """Start the crashed runs of the current run's own work pool again; by hand, outside of any pool, none.

    Args:
        failures: Takes what one run failed with, so that the others go on; they are logged where nobody takes them.

    Returns:
        Ids of the flow runs that were scheduled again now.

    Raises:
        httpx.HTTPError: The Prefect server does not answer.
    """
    if flow_run.id is None:
        return []
    with get_client(sync_client=True) as client:
        pool = client.read_flow_run(flow_run.id).work_pool_name
        return restart_crashed_in(client, pool, failures) if pool else []


def restart_crashed_in(client: SyncPrefectClient, work_pool: str, failures: Failures | None = None) -> list[str]:
    """Schedule the crashed runs of a work pool again, but for those of a schedule, whose next run does their work.

    Args:
        client: Of the Prefect server.
        work_pool: Name of the pool whose worker the runs had; other projects' pools are not touched.
        failures: Takes what one run failed with, such as that somebody has just deleted it.

    Returns:
        Ids of the flow runs that were scheduled again now.
    """
    failures = failures if failures is not None else Failures()
    restarted = []
    for run in _crashed(client, work_pool):
        about = f"run {run.name} ({run.id})"
        with failures.apart(f"starting crashed {about} again"), asking_prefect(about):
            if _restart(client, run):
                restarted.append(str(run.id))
    return restarted


def _restart(client: SyncPrefectClient, run: FlowRun) -> bool:
    crashes = _own_crashes(client.read_flow_run_states(run.id))
    if crashes >= CRASHES:
        LOG.warning("run %s (%s) has crashed %d times: see why, then retry it in the UI", run.name, run.id, crashes)
        return False
    why = f"its process died (crash {crashes}; after crash {CRASHES} it is left alone)"
    again: State[Any] = AwaitingRetry(message=why)
    if client.set_flow_run_state(run.id, again, force=True).status is not SetStateStatus.ACCEPT:
        return False
    LOG.info("run %s (%s) crashed and is started again", run.name, run.id)
    return True


def _own_crashes(states: Sequence[State[Any]]) -> int:
    """Count the crashes of a run, but for those that came of the end of the stack."""
    in_turn = sorted(states, key=lambda state: state.timestamp)
    followed = zip(in_turn, [*(each.message for each in in_turn[1:]), None], strict=True)
    return sum(state.type is StateType.CRASHED and after != ENDED_WITH_STACK for state, after in followed)


def _crashed(client: SyncPrefectClient, work_pool: str) -> list[FlowRun]:
    since = (datetime.now(UTC) - RECENT).isoformat()
    runs = client.read_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate(
            {"state": {"type": {"any_": [StateType.CRASHED.value]}}, "end_time": {"after_": since}}
        ),
        work_pool_filter=WorkPoolFilter.model_validate({"name": {"any_": [work_pool]}}),
    )
    return [run for run in runs if run.deployment_id is not None and not run.auto_scheduled]
