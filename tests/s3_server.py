"""A real S3 server for tests: OpenStack Swift on free loopback ports, started once and stopped at the end.

Its programs live in `.venv-s3` (or `LABELLINE_S3`), which `make` installs; where they are absent the tests skip and say
so. Data and settings lie in a temporary folder, so test runs side by side do not meet.
"""

import os
import secrets
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
SCRIPT = REPOSITORY / "tests" / "s3_swift.sh"


@dataclass(frozen=True)
class S3Server:
    """One running server and how to reach it."""

    folder: Path
    port: int
    first_backend_port: int
    installed: Path
    access_key: str = "labelline:tester"
    secret_key: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    region: str = "us-east-1"

    @property
    def endpoint(self) -> str:
        """Host and port, as S3Store takes them."""
        return f"127.0.0.1:{self.port}"

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the script: start, stop, kill9, …"""
        settings = {
            "SWIFT_INSTALL": str(self.installed),
            "SWIFT_PORT": str(self.port),
            "SWIFT_BACKEND_PORT": str(self.first_backend_port),
            "SWIFT_ACCESS_KEY": self.access_key,
            "SWIFT_SECRET_KEY": self.secret_key,
            "SWIFT_REGION": self.region,
        }
        return subprocess.run(
            ["bash", str(SCRIPT), command, str(self.folder)],
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A running S3 server of this test session's own."""
    installed = Path(os.environ.get("LABELLINE_S3", REPOSITORY / ".venv-s3"))
    if not (installed / ".installed").is_file():
        pytest.skip(f"no S3 server in {installed}: install it with `bash tests/s3_swift.sh install .venv-s3`")
    for attempt in range(3):
        folder = tmp_path_factory.mktemp("s3")
        server = S3Server(folder, free_ports(1), free_ports(3), installed)
        started = server.run("start")
        if started.returncode == 0:
            break
        if "xattr" in started.stderr:
            pytest.skip(f"the S3 server cannot keep its data in {folder}: {started.stderr.strip()}")
        # Whoever takes one of its ports after our look and its own makes one of its services end, in many words.
        assert attempt < 2, started.stderr
    yield server
    stopped = server.run("stop")
    assert stopped.returncode == 0, stopped.stderr


def free_ports(count: int) -> int:
    """Return the first of so many consecutive free ports."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first: int = probe.getsockname()[1]
        if first + count < 65536 and all(_is_free(first + n) for n in range(count)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
