"""Whether this machine has what the stack needs: a folder, a disk, ports."""

import os
import shutil
import stat
import tempfile
from pathlib import Path

from blocks.errors import StackError
from infra.doctor.findings import Finding, fail, warn, well
from infra.stack.secrets.credentials import secrets_path
from infra.stack.servers.ports import USUAL_PORTS, holder_of, is_free
from infra.stack.servers.processes import find_process
from infra.stack.state import ServiceName, read_state

LOW_DISK_GB = 5.0
NO_DISK_GB = 0.5


def check_home(home: Path) -> Finding:
    """Say whether the state folder can be written; before it exists, whether it can be made."""
    folder = home
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return well("state folder", f"{home} can be written")
    except OSError as error:
        return fail(
            "state folder",
            f"{folder} cannot be written ({error.strerror})",
            "give yourself write permission there, or name another folder in LABELLINE_HOME",
        )


def check_disk(home: Path) -> Finding:
    """Say whether the disk of the state folder has room."""
    folder = home
    while not folder.exists():
        folder = folder.parent
    free_gb = shutil.disk_usage(folder).free / 1e9
    found = f"{free_gb:.1f} GB free at {folder}"
    if free_gb < NO_DISK_GB:
        return fail("disk", found, "make room: databases stop when the disk is full")
    if free_gb < LOW_DISK_GB:
        return warn("disk", found, f"keep {LOW_DISK_GB:.0f} GB free: every training leaves weights and curves")
    return well("disk", found)


def check_secrets(home: Path) -> Finding:
    """Say whether only their owner can read the secrets."""
    path = secrets_path(home)
    if not path.exists():
        return well("secrets", "none yet; `labelline up` makes them")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return fail("secrets", f"{path} can be read by others (mode {mode:o})", f"run `chmod 600 {path}`")
    if path.stat().st_uid != os.getuid():
        return warn("secrets", f"{path} belongs to another user", "run labelline as the user who started the stack")
    return well("secrets", "readable by their owner alone")


def check_ports(home: Path) -> list[Finding]:
    """Say which ports the stack would have to do without."""
    try:
        state = read_state(home)
    except StackError as error:
        return [fail("stack.json", "damaged", str(error))]
    findings = []
    for service, usual in USUAL_PORTS.items():
        if state and find_process(state.processes.get(service)):
            continue
        port = state.ports.get(service, usual) if state else usual
        if is_free(port):
            continue
        found = f"{port} is in use by {holder_of(port)}"
        if state and service is ServiceName.GATEWAY and service in state.ports:
            advice = "pictures of posted questions are linked there: free it before `labelline up`"
            findings.append(fail(f"port of {service}", found, advice))
        else:
            findings.append(warn(f"port of {service}", found, "`labelline up` takes a free one instead"))
    return findings or [well("ports", "held by the stack, or free")]
