"""Which ports the services listen on: the named ones, else last time's, else the usual ones, else any free one."""

import fcntl
import os
import random
import socket
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import psutil

from blocks.errors import PortTaken, StackError
from infra.stack.secrets.private_folder import open_own_folder
from infra.stack.state import HOST, ServiceName

USUAL_PORTS = {
    ServiceName.LABEL_STUDIO: 8080,
    ServiceName.PREFECT: 4200,
    ServiceName.MLFLOW: 5000,
    ServiceName.GATEWAY: 8090,
}

FREE_RANGE = range(20_000, 30_000)
"""Below the range from which outgoing connections take theirs."""


@contextmanager
def claim_ports(
    services: Collection[ServiceName], named: Mapping[ServiceName, int], remembered: Mapping[ServiceName, int]
) -> Iterator[dict[ServiceName, int]]:
    """Choose a port for each service to start, and hold the choice against other stacks that start at the same time.

    Args:
        services: The services to start; the others keep their ports.
        named: Ports that a person asked for.
        remembered: Ports of the last start.

    Raises:
        PortTaken: A named port is in use, or the gateway's last one, which links in posted questions point to.
    """
    with ExitStack() as claims:
        chosen = dict(remembered)
        for service in [name for name in USUAL_PORTS if name in services]:
            last = remembered.get(service)
            flag = f"--{service}-port"
            if service in named:
                _require(named[service], claims, f"choose another one with {flag}, or leave it out to get a free one")
                chosen[service] = named[service]
            elif service is ServiceName.GATEWAY and last is not None:
                _require(
                    last,
                    claims,
                    "pictures of posted questions are linked there. Free it and run `labelline up` again, or choose "
                    f"another one with {flag}: every link in Label Studio is then written anew, which takes a while",
                )
            else:
                usual = USUAL_PORTS[service]
                chosen[service] = _first_free([last, usual] if last else [usual], claims)
        yield chosen


def is_free(port: int) -> bool:
    """Say whether a server could listen on a port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            return False
    return True


def holder_of(port: int) -> str:
    """Return who listens on a port, such as `nginx (pid 12)`, as far as this user may know."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:  # macOS tells only the administrator
        return "another program"
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            try:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
            except psutil.Error:
                break
    return "another program"


def _require(port: int, claims: ExitStack, way_out: str) -> None:
    if not _claim(port, claims):
        raise PortTaken(f"port {port} is in use by {holder_of(port)}: {way_out}")


def _first_free(wanted: list[int], claims: ExitStack) -> int:
    for port in [*wanted, *random.sample(FREE_RANGE, 200)]:
        if _claim(port, claims):
            return port
    raise StackError(f"found no free port between {FREE_RANGE.start} and {FREE_RANGE.stop}: is the network set up?")


def _claim(port: int, claims: ExitStack) -> bool:
    """Lock a port's name until the claims end: between choosing and listening lie seconds in which others choose."""
    with open_own_folder("ports") as (path, folder):
        # Opened by its name in that very folder, never through a link, and never emptied.
        try:
            lock = os.open(str(port), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
        except OSError as error:
            raise StackError(
                f"the lock of a port, {path / str(port)}, cannot be opened ({error.strerror}): remove it"
            ) from error
    claims.callback(os.close, lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return is_free(port)
