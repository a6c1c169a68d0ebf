"""Whether servers are well, asked in the only way that counts: by a request."""

import time
from enum import StrEnum

import httpx

from blocks.errors import StackError
from blocks.servers.certificates import trusted_certificates
from infra.stack.servers.processes import find_process, tail_of, wait_until
from infra.stack.servers.services import WORK_POOL, WORKER_NAME, Service, describe_service
from infra.stack.state import ServiceName, StackState


class Health(StrEnum):
    """How a service is; in words that fit behind "is"."""

    WELL = "well"
    SLOW = "slow"  # its process runs, and takes longer to answer than one wants to wait
    SILENT = "not answering"  # its process runs, and refuses or fails: it starts, or something is wrong
    DEAD = "dead"  # its process is gone


def is_well(service: Service, state: StackState, timeout_s: float = 3.0) -> bool:
    """Say whether a service's own process runs and answers in time."""
    return health_of(service, state, timeout_s) is Health.WELL


def health_of(service: Service, state: StackState, timeout_s: float = 3.0) -> Health:
    """Say how a service is: slow is not dead."""
    if find_process(state.processes.get(service.name)) is None:
        return Health.DEAD
    if service.health_url is None:
        return Health.WELL if worker_is_online(state, timeout_s) else Health.SILENT
    try:
        answer = httpx.get(service.health_url, timeout=timeout_s, verify=trusted_certificates())
        return Health.WELL if answer.status_code == 200 else Health.SILENT
    except httpx.TimeoutException:
        return Health.SLOW
    except httpx.HTTPError:
        return Health.SILENT


def worker_is_online(state: StackState, timeout_s: float = 3.0) -> bool:
    """Say whether Prefect hears the worker."""
    address = f"{state.urls.prefect_api}/work_pools/{WORK_POOL}/workers/filter"
    try:
        headers, certificates = state.credentials.prefect_headers, trusted_certificates()
        answer = httpx.post(address, json={}, headers=headers, timeout=timeout_s, verify=certificates)
        workers = answer.json() if answer.status_code == 200 else []
    except (httpx.HTTPError, ValueError):
        return False
    return any(worker["name"] == WORKER_NAME and worker["status"] == "ONLINE" for worker in workers)


def outdated_services(state: StackState) -> list[ServiceName]:
    """Return the services that run with other settings than they would be started with now: before a new secret."""
    running = [name for name in ServiceName if find_process(state.processes.get(name))]
    return [name for name in running if state.processes[name].settings != describe_service(name, state).fingerprint]


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
