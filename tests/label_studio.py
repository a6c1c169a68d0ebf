"""A real Label Studio for the tests that need one: started once per session, on a free port, in a folder of its own."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from blocks.servers.annotation_server import AnnotationServer
from blocks.servers.certificates import trusted_certificates
from infra.stack.servers.label_studio import label_studio_command, seed_database, without_our_settings

EMAIL = "admin@example.com"
PASSWORD = "only-for-tests-1"
TOKEN = "0123456789abcdef0123456789abcdef01234567"
START_S = 300
"""Where no migrated database is kept, the first start runs migrations: over 2 minutes on a very busy machine."""


def find_executable() -> Path | None:
    """Return Label Studio's program: the named one, or the one in the environment beside this one."""
    named = os.environ.get("LABELLINE_LABEL_STUDIO")
    environment = Path(sys.prefix)
    path = Path(named) if named else environment.parent / f"{environment.name}-label-studio" / "bin" / "label-studio"
    return path if path.is_file() else None


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(
    executable: Path, home: Path, port: int, *, as_delivered: bool = False, patience_s: float | None = 3.0
) -> subprocess.Popen[bytes]:
    """Start Label Studio and wait until it is healthy; as delivered, it has none of our settings for its SQLite.

    Opening a question waits for a suggestion for so many seconds, on a busy machine long enough that one that comes
    late is no failure; None waits as long as a line does.
    """
    home.mkdir(parents=True, exist_ok=True)
    seed_database(executable, home)
    arguments, environment = label_studio_command(executable, home, port, EMAIL, PASSWORD, TOKEN)
    if patience_s is not None:
        environment["LABELLINE_SUGGESTIONS_S"] = str(patience_s)
    if as_delivered:
        environment = without_our_settings(environment)
    with (home / "log.txt").open("ab") as output:
        process = subprocess.Popen(
            arguments, env=environment, cwd=home, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    address, deadline = f"http://127.0.0.1:{port}/health", time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if httpx.get(address, timeout=2, verify=trusted_certificates()).status_code == 200:
                return process
        except httpx.HTTPError:
            time.sleep(0.5)
    stop(process)
    pytest.fail(f"Label Studio did not start: {(home / 'log.txt').read_text(errors='replace')[-2000:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a Label Studio that this session started."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=15)


def server_at(url: str, token: str = TOKEN) -> AnnotationServer:
    """Return what plain code needs to talk to the test's Label Studio; nobody listens at its gateway."""
    return AnnotationServer(
        url=url,
        api_token=token,
        gateway_url="http://127.0.0.1:9",
        link_secret="link-secret-for-tests",
        doorbell_secret="doorbell-secret-for-tests",
    )


def save_label_studio(server: AnnotationServer, name: str, *, overwrite: bool = False) -> None:
    """Save a server as the block that flows find under a name."""
    from blocks.label_studio import LabelStudio

    LabelStudio(
        url=server.url,
        api_token=SecretStr(server.api_token),
        gateway_url=server.gateway_url,
        link_secret=SecretStr(server.link_secret),
        doorbell_secret=SecretStr(server.doorbell_secret),
    ).save(name, overwrite=overwrite)


@pytest.fixture(scope="session")
def label_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnnotationServer]:
    """A running Label Studio; skips where its program is not installed."""
    executable = find_executable()
    if executable is None:
        pytest.skip("label-studio is not installed beside this environment (set LABELLINE_LABEL_STUDIO)")
    port = free_port()
    process = start(executable, tmp_path_factory.mktemp("label-studio"), port)
    try:
        yield server_at(f"http://127.0.0.1:{port}")
    finally:
        stop(process)


@pytest.fixture(scope="session")
def personal_token(label_studio: AnnotationServer) -> str:
    """A personal access token of the administrator, who may have only one at a time."""
    label_studio.call("POST", "api/jwt/settings", body={"api_tokens_enabled": True, "legacy_api_tokens_enabled": True})
    token: str = label_studio.call("POST", "api/token/")["token"]
    return token


@contextmanager
def signed_up(label_studio: AnnotationServer) -> Iterator[httpx.Client]:
    """Sign somebody up by the invite link, in their own browser."""
    link = label_studio.call("GET", "api/invite")["invite_url"]
    with httpx.Client(base_url=label_studio.url, follow_redirects=True, timeout=60) as browser:
        form = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get(link).text)
        assert form is not None
        entries = {"email": f"cleo-{uuid4().hex[:8]}@people.invalid", "password": "a-password-only-for-tests"}
        browser.post(
            link, data={**entries, "csrfmiddlewaretoken": form[1]}, headers={"Referer": label_studio.url}
        ).raise_for_status()
        browser.headers.update({"X-CSRFToken": browser.cookies["csrftoken"], "Referer": label_studio.url})
        yield browser


@pytest.fixture
def colleague(label_studio: AnnotationServer) -> Iterator[httpx.Client]:
    """Somebody who has just signed up by the invite link, in their own browser."""
    with signed_up(label_studio) as browser:
        yield browser
