"""The doctor tries whether Label Studio can be made to fetch from this machine, and is not fooled either way."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from blocks.servers.annotation_server import AnnotationServer
from infra.doctor.findings import Level
from infra.doctor.protection import check_protection
from infra.stack.servers.label_studio import label_studio_command
from infra.stack.state import StackState
from tests import label_studio as label_studio_of_tests
from tests.label_studio import TOKEN, find_executable, free_port, server_at, start, stop

pytestmark = pytest.mark.label_studio


def stack_with(server: AnnotationServer) -> StackState:
    """Return what the doctor needs of a stack."""
    urls = SimpleNamespace(label_studio=server.url)
    return cast(StackState, SimpleNamespace(urls=urls, label_studio_token=server.api_token))


@pytest.fixture
def unprotected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AnnotationServer]:
    """A Label Studio as a team may have started it, so that its webhooks reach a private address."""
    executable = find_executable()
    if executable is None:
        pytest.skip("label-studio is not installed beside this environment (set LABELLINE_LABEL_STUDIO)")

    def without_ours(*arguments: Any) -> tuple[list[str], dict[str, str]]:
        command, environment = label_studio_command(*arguments)
        theirs = {name: value for name, value in environment.items() if name not in {"DJANGO_SETTINGS_MODULE"}}
        return command, {**theirs, "SSRF_PROTECTION_ENABLED": "false"}

    monkeypatch.setattr(label_studio_of_tests, "label_studio_command", without_ours)
    port = free_port()
    process: subprocess.Popen[bytes] = start(executable, tmp_path / "home", port)
    yield server_at(f"http://127.0.0.1:{port}", TOKEN)
    stop(process)


def test_the_stacks_own_is_protected_and_keeps_nothing_of_the_trial(label_studio: AnnotationServer) -> None:
    before = label_studio.call("GET", "api/projects/")["count"]
    found = check_protection(stack_with(label_studio))
    assert found.level is Level.OK, found
    assert label_studio.call("GET", "api/projects/")["count"] == before


@pytest.mark.slow
def test_one_that_fetches_from_this_machine_is_found_out(unprotected: AnnotationServer) -> None:
    found = check_protection(stack_with(unprotected))
    assert found.level is Level.FAIL
    assert "fetched http://127.0.0.1" in found.found and "labelline up" in found.advice
    assert unprotected.call("GET", "api/projects/")["count"] == 0
