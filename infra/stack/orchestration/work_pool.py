"""The work pool that the registry names: how its worker starts runs, and what a run may say about that.

By Prefect's own template any run and any deployment may name the command that its worker executes, its environment and
its folder: whoever may start a labelling run could start every program. Ours leaves nothing to choose but where output
goes, so neither a field of the form nor an unknown one reaches the worker.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from infra.stack.servers.services import WORK_POOL

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

RUNS_AT_ONCE = 4
"""Held by the work pool, not by the worker: one that counts for itself ends with an error when a run is resumed while
the process that suspended it has not ended yet. Sleeping runs do not count."""

JOB_TEMPLATE: dict[str, Any] = {
    "job_configuration": {"stream_output": "{{ stream_output }}"},
    "variables": {
        "type": "object",
        "properties": {
            "stream_output": {
                "type": "boolean",
                "title": "Stream output",
                "description": "Whether what a run prints goes to the worker's log too.",
                "default": True,
            }
        },
        "additionalProperties": False,
    },
}
"""What a run may choose about its process. Source: Prefect, "Work pools", base job template."""


def ensure_work_pool(client: "SyncPrefectClient", tell: Callable[[str], None]) -> None:
    """Create the work pool that the registry names, or give the one that is there its limit and our template.

    Args:
        client: Of the stack's Prefect server.
        tell: Told when a pool of an older version, or one that was edited, was changed.
    """
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectNotFound

    try:
        pool = client.read_work_pool(WORK_POOL)
    except ObjectNotFound:
        ours = WorkPoolCreate(
            name=WORK_POOL, type="process", base_job_template=JOB_TEMPLATE, concurrency_limit=RUNS_AT_ONCE
        )
        client.create_work_pool(ours)
        return
    limit = RUNS_AT_ONCE if pool.concurrency_limit is None else pool.concurrency_limit
    if (pool.base_job_template, pool.concurrency_limit) != (JOB_TEMPLATE, limit):
        client.update_work_pool(WORK_POOL, WorkPoolUpdate(base_job_template=JOB_TEMPLATE, concurrency_limit=limit))
        tell(f"work pool {WORK_POOL}: {limit} runs at once, and none of them may name a command")
