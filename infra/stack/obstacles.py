"""What somebody has switched off in Prefect, so that a run would wait without a word: said where the person sits.

Nothing of it is switched on again by itself: somebody may have had a reason.
"""

from typing import TYPE_CHECKING

from blocks.errors import StackError
from infra.stack.servers.services import WORK_POOL

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

SWEEP = "sweep"
"""The flow without whose schedule an answer is heard only while the doorbell rings."""


def check_can_start(client: "SyncPrefectClient") -> None:
    """Say at once that a run would not begin.

    Raises:
        StackError: The work pool or one of its queues is paused, or takes no runs at all.
    """
    found = switched_off(client)
    if found:
        raise StackError("; ".join(found))


def switched_off(client: "SyncPrefectClient") -> list[str]:
    """Return what keeps runs from beginning, each with the one thing to do; empty where nothing does."""
    from prefect.exceptions import ObjectNotFound

    pages = str(client.api_url).rstrip("/").removesuffix("/api")
    here = f"{pages}/work-pools/work-pool/{WORK_POOL}"
    try:
        pool = client.read_work_pool(WORK_POOL)
    except ObjectNotFound:
        return [f"Prefect has no work pool {WORK_POOL!r} any more: `labelline up` makes it again"]
    queues = client.read_work_queues(work_pool_name=WORK_POOL)
    places = [(f"work pool {WORK_POOL!r}", pool.is_paused, pool.concurrency_limit)]
    places += [
        (f"queue {one.name!r} of work pool {WORK_POOL!r}", one.is_paused, one.concurrency_limit) for one in queues
    ]
    paused = [
        f"the {what} is paused, so no run starts: switch it on at {here}" for what, is_paused, _ in places if is_paused
    ]
    at_none = [
        f"the {what} may run nothing at once (limit 0): raise its limit at {here}"
        for what, _, limit in places
        if limit == 0
    ]
    return paused + at_none


def schedules_off(client: "SyncPrefectClient") -> list[str]:
    """Return what does not happen by itself any more since its schedule is switched off, each with what to do."""
    from prefect.client.schemas.filters import WorkPoolFilter

    ours = WorkPoolFilter.model_validate({"name": {"any_": [WORK_POOL]}})
    pages = str(client.api_url).rstrip("/").removesuffix("/api")
    found = []
    for deployment in client.read_deployments(work_pool_filter=ours):
        if not deployment.schedules:
            continue
        if deployment.paused or not any(schedule.active for schedule in deployment.schedules):
            entrypoint = (deployment.entrypoint or "").rpartition(".")[2]
            late = ": what the doorbell misses is not read, and nobody is woken by time" if entrypoint == SWEEP else ""
            found.append(
                f"the schedule of {deployment.name} ({entrypoint}) is off{late}; switch it on at "
                f"{pages}/deployments/deployment/{deployment.id}"
            )
    return found
