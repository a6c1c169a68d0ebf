"""State folders of stacks that do not run, but for the session's Prefect: commands find their blocks through it."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from infra.stack.secrets.credentials import ensure_credentials
from infra.stack.state import ProcessRecord, ServiceName, StackState


def home_with_prefect(home: Path, prefect_api: str) -> Path:
    """Write the state of a stack whose Prefect is the session's; at its other ports nobody listens."""
    home.mkdir(parents=True, exist_ok=True)
    ensure_credentials(home)
    me = ProcessRecord(pid=os.getpid(), created=psutil.Process().create_time())
    port = urlsplit(prefect_api).port
    assert port is not None
    ports = dict.fromkeys(ServiceName, 9) | {ServiceName.PREFECT: port}
    StackState(home=home, ports=ports, processes={ServiceName.PREFECT: me}).save()
    return home
