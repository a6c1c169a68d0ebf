"""Whether servers are well, asked in the only way that counts: by a request."""

import time

import httpx

from blocks.errors import StackError
from infra.stack.processes import find_process, tail_of, wait_until
from infra.stack.services import WORK_POOL, WORKER_NAME, Service
from infra.stack.state import ServiceName, StackState


def is_well(service: Service, state: StackState, timeout_s: float = 3.0) -> bool:
    """Say whether a service's own process runs and answers."""
    if find_process(state.processes.get(service.name)) is None:
        return False
    if service.health_url is None:
        return worker_is_online(state, timeout_s)
    try:
        return httpx.get(service.health_url, timeout=timeout_s).status_code == 200
    except httpx.HTTPError:
        return False


def worker_is_online(state: StackState, timeout_s: float = 3.0) -> bool:
    """Say whether Prefect hears the worker."""
    address = f"{state.urls.prefect_api}/work_pools/{WORK_POOL}/workers/filter"
    try:
        answer = httpx.post(address, json={}, timeout=timeout_s)
        workers = answer.json() if answer.status_code == 200 else []
    except (httpx.HTTPError, ValueError):
        return False
    return any(worker["name"] == WORKER_NAME and worker["status"] == "ONLINE" for worker in workers)


def wait_for(service: Service, state: StackState) -> float:
    """Wait until a service is well.

    Returns:
        The seconds it took.

    Raises:
        StackError: It ended, or is not well after its limit; with the end of its log.
    """
    started = time.monotonic()
    while not is_well(service, state):
        if find_process(state.processes.get(service.name)) is None:
            raise _failure(service, state, "ended while it started")
        if not wait_until(started + service.start_limit_s):
            raise _failure(service, state, f"is not well after {service.start_limit_s:.0f} s")
    return time.monotonic() - started


def _failure(service: Service, state: StackState, what: str) -> StackError:
    log = state.log_path(service.name)
    tail = state.credentials.redact(tail_of(log))
    hint = "`labelline doctor` says what is wrong with this machine"
    if "address already in use" in tail.lower() or "port is already in use" in tail.lower():
        hint = f"another program took port {state.ports.get(service.name)}: run `labelline up` again to get a free one"
    elif service.name is ServiceName.PREFECT and "min_items" in tail:
        hint = "fastapi is too new for this Prefect: install with `--constraint constraints.txt`"
    elif "no space left" in tail.lower():
        hint = f"the disk of {state.home} is full"
    return StackError(f"{service.name} {what}: {hint}. The end of {log}:\n{tail}")
