"""Start deployed runs on the stack's Prefect server, and wait for them."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

from blocks.errors import LabellingError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

POLL_S = 0.5
TRIGGER_LIMIT_S = 90.0
"""How long an automation may take to start what an event asks for: seconds on an idle machine."""

SHOWN_LOG_LINES = 15


def wait_for_run(
    client: "SyncPrefectClient", run_id: UUID, limit_s: float, meanwhile: Callable[[bool], None] | None = None
) -> None:
    """Wait until a run has completed, however often it sleeps in between.

    Args:
        client: Of the stack's Prefect server.
        run_id: The run.
        limit_s: Seconds after which it is given up.
        meanwhile: Called between looks; told whether the run sleeps.

    Raises:
        LabellingError: It failed, with the end of its log; or it took too long.
    """
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        run = client.read_flow_run(run_id)
        if run.state is not None and run.state.is_final():
            if run.state.is_completed():
                return
            raise LabellingError(
                f"run {run.name} ended as {run.state.name}: {run.state.message}\n{_end_of_log(client, run)}"
            )
        if meanwhile:
            meanwhile(run.state is not None and run.state.is_paused())
        time.sleep(POLL_S)
    run = client.read_flow_run(run_id)
    state = run.state.name if run.state else "unknown"
    raise LabellingError(
        f"run {run.name} is still {state} after {limit_s:.0f} s (expected: Completed)\n{_end_of_log(client, run)}"
    )


def wait_for_triggered_run(client: "SyncPrefectClient", flow: str, after: UUID, limit_s: float) -> UUID:
    """Wait for the run of a flow that an event started after another run, until it has completed; return its id.

    Raises:
        LabellingError: No such run was started, or it failed.
    """
    from prefect.client.schemas.filters import FlowFilter

    began = client.read_flow_run(after).created
    assert began is not None
    only = FlowFilter.model_validate({"name": {"any_": [flow]}})
    deadline = time.monotonic() + TRIGGER_LIMIT_S
    while time.monotonic() < deadline:
        runs = [run for run in client.read_flow_runs(flow_filter=only) if run.created and run.created > began]
        if runs:
            first = min(runs, key=lambda run: run.created or began)
            wait_for_run(client, first.id, limit_s)
            return first.id
        time.sleep(POLL_S)
    raise LabellingError(
        f"no {flow} run was started within {TRIGGER_LIMIT_S:.0f} s of the event: look at Automations in the Prefect "
        "UI, and whether enough new labels settled (retrain_after)"
    )


def _end_of_log(client: "SyncPrefectClient", run: "FlowRun") -> str:
    from prefect.client.schemas.filters import LogFilter
    from prefect.client.schemas.sorting import LogSort

    only = LogFilter.model_validate({"flow_run_id": {"any_": [str(run.id)]}})
    lines = client.read_logs(log_filter=only, limit=SHOWN_LOG_LINES, sort=LogSort.TIMESTAMP_DESC)
    # Of a traceback only its last line: what went wrong.
    return "\n".join(line.message.rstrip().rpartition("\n")[2] for line in reversed(lines))
