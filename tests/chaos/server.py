"""A Label Studio of the harness's own, that it may kill and start again."""

import random
import time
from pathlib import Path
from secrets import token_hex

import httpx
import psutil

from blocks.errors import StackError
from blocks.servers.annotation_server import AnnotationServer
from blocks.servers.certificates import trusted_certificates
from infra.stack.servers.label_studio import (
    DATABASE,
    find_label_studio,
    label_studio_command,
    seed_database,
    without_our_settings,
)
from infra.stack.servers.ports import FREE_RANGE, is_free
from infra.stack.servers.processes import find_process, start_detached, stop_trees, tail_of, wait_until
from infra.stack.state import HOST, ProcessRecord

START_S = 300.0
"""Without a prepared database the first start runs migrations: two minutes on a very busy machine."""


class OwnLabelStudio:
    """A real Label Studio in a folder, stopped at the end of the `with` block.

    Args:
        home: Its data folder.
        gateway_url: Where its webhooks go.
        as_delivered: Without our settings for its SQLite, as anybody else would start it.
    """

    def __init__(self, home: Path, gateway_url: str, as_delivered: bool = False) -> None:
        self.as_delivered = as_delivered
        self._home = home
        self._port = _free_port()
        self._gateway_url = gateway_url
        self._token, self._password = token_hex(20), token_hex(10)
        self._record: ProcessRecord | None = None

    @property
    def server(self) -> AnnotationServer:
        """What plain code needs to talk to it; a new one each time, as each process needs its own connection."""
        return self.server_ringing(self._gateway_url)

    def server_ringing(self, gateway_url: str) -> AnnotationServer:
        """Return the same, for projects whose webhooks go elsewhere."""
        return AnnotationServer(
            url=f"http://{HOST}:{self._port}",
            api_token=self._token,
            gateway_url=gateway_url,
            link_secret="chaos-links",
            doorbell_secret="chaos-doorbell",
        )

    @property
    def database(self) -> Path:
        """Its SQLite file."""
        return self._home / DATABASE

    def start(self) -> None:
        """Start it and wait until it is healthy.

        Raises:
            StackError: It ended, or did not become healthy in time.
        """
        executable, log = find_label_studio(), self._home / "label-studio.log"
        self._home.mkdir(parents=True, exist_ok=True)
        seed_database(executable, self._home)
        who = ("admin@example.com", self._password, self._token)
        arguments, environment = label_studio_command(executable, self._home, self._port, *who)
        if self.as_delivered:
            environment = without_our_settings(environment)
        self._record = start_detached(arguments, environment, log, self._home)
        address, deadline = f"http://{HOST}:{self._port}/health", time.monotonic() + START_S
        while find_process(self._record) is not None and wait_until(deadline):
            try:
                if httpx.get(address, timeout=2, verify=trusted_certificates()).status_code == 200:
                    return
            except httpx.HTTPError:
                continue
        raise StackError(f"Label Studio did not start (expected: healthy within {START_S:.0f} s): {tail_of(log)}")

    def kill(self) -> None:
        """End it as a power cut would: no signal that it could act on."""
        process = find_process(self._record)
        if process is not None:
            family = [*process.children(recursive=True), process]
            for member in family:
                member.kill()
            psutil.wait_procs(family, timeout=20)

    def __enter__(self) -> "OwnLabelStudio":
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        if self._record is not None:
            stop_trees([self._record])


def _free_port() -> int:
    # Outside the range of outgoing connections: none of them may sit on the port while the server is restarted.
    return next(port for port in random.sample(FREE_RANGE, 200) if is_free(port))
