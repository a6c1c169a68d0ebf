"""Everything the doctor looks at, in an order in which the first failure explains the later ones."""

from collections.abc import Iterator
from pathlib import Path

import httpx

from blocks.errors import StackError
from infra.doctor.doors import check_names
from infra.doctor.findings import Finding, Level, fail, well
from infra.doctor.machine import check_disk, check_home, check_ports, check_secrets
from infra.doctor.packages import (
    TOO_NEW,
    TWINS,
    check_label_studio,
    check_packages,
    check_python,
    installed_versions,
    optional_packages,
    read_constraints,
)
from infra.doctor.protection import check_protection
from infra.doctor.services import (
    check_deployments,
    check_doorbell,
    check_password,
    check_rings,
    check_services,
    check_settings,
    check_switches,
    check_token,
)
from infra.stack.state import ServiceName, StackState, open_stack, read_state


def examine(home: Path) -> Iterator[Finding]:
    """Look at the machine, and at the stack where one was started.

    Args:
        home: The state folder.
    """
    tested = read_constraints()
    yield check_python()
    yield from check_packages(tested, installed_versions([*tested, *TOO_NEW, *TWINS]), optional_packages(tested))
    yield check_label_studio()
    yield check_home(home)
    yield check_disk(home)
    yield check_secrets(home)
    yield from check_ports(home)
    try:
        if read_state(home) is None:
            yield well("stack", f"none was started in {home} yet; `labelline up` starts one")
            return
        state = open_stack(home)
    except StackError:
        return  # check_ports has said it
    yield from _examine_stack(state)


def _examine_stack(state: StackState) -> Iterator[Finding]:
    if not state.processes:
        yield well("stack", "is down; `labelline up` starts it")
        return
    services = check_services(state)
    yield from services
    yield check_settings(state)
    is_well = {finding.what for finding in services if finding.level is Level.OK}
    label_studio, gateway = ServiceName.LABEL_STUDIO in is_well, ServiceName.GATEWAY in is_well
    try:
        yield check_names(state, is_well)
        if label_studio:
            yield check_token(state)
            yield check_protection(state)
        if label_studio and gateway:
            yield check_doorbell(state)
        if gateway:
            yield check_rings(state)
        if ServiceName.PREFECT in is_well:
            locked = check_password(state)
            yield locked
            if locked.level is Level.OK:
                yield check_deployments(state)
                yield check_switches(state)
    except httpx.HTTPError as error:
        yield fail("stack", f"a service stopped answering: {type(error).__name__}", "run `labelline doctor` again")
