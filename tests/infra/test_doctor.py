"""The doctor must find what is wrong, say what to do, and never be the thing that fails."""

import re
import shutil
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from infra.doctor.doors import check_names
from infra.doctor.examine import examine
from infra.doctor.findings import Finding, Level, fail, warn, well
from infra.doctor.machine import check_disk, check_home, check_ports, check_secrets
from infra.doctor.packages import (
    CONSTRAINTS,
    LABEL_STUDIO_CONSTRAINTS,
    check_label_studio,
    check_packages,
    installed_versions,
    optional_packages,
    read_constraints,
)
from infra.doctor.report import print_findings
from infra.doctor.services import check_services
from infra.stack.secrets.credentials import ensure_credentials, secrets_path
from infra.stack.state import ServiceName, StackState
from tests.unprivileged import as_nobody

TESTED = {"torch": "2.14.1"}
GOOD = {
    "torch": "2.14.1",
    "fastapi": "0.149.0",
    "SQLAlchemy": "2.0.44",
    "opencv-python": "4.12.0.88",
    "opencv-python-headless": "4.12.0.88",
}


def worst(findings: list[Finding]) -> Level:
    order = list(Level)
    return max((finding.level for finding in findings), key=order.index)


def test_tested_versions_are_well() -> None:
    assert worst(check_packages(TESTED, GOOD)) is Level.OK


def test_a_build_of_the_tested_version_is_well() -> None:
    assert worst(check_packages(TESTED, {**GOOD, "torch": "2.14.1+cpu"})) is Level.OK


def test_another_version_is_a_warning_with_both_named() -> None:
    findings = check_packages(TESTED, {**GOOD, "torch": "2.15.0"})
    assert worst(findings) is Level.WARN
    assert findings[0].found == "2.15.0, tested with 2.14.1"


@pytest.mark.parametrize(
    ("package", "version"),
    [("torch", None), ("fastapi", "0.150.0"), ("fastapi", "1.0"), ("SQLAlchemy", "2.1.9"), ("opencv-python", "4.13.0")],
)
def test_a_version_that_breaks_something_is_a_failure_with_a_way_out(package: str, version: str | None) -> None:
    failures = [each for each in check_packages(TESTED, {**GOOD, package: version}) if each.level is Level.FAIL]
    assert len(failures) == 1
    assert "make setup" in failures[0].advice


def test_a_missing_twin_is_a_failure() -> None:
    assert worst(check_packages(TESTED, {**GOOD, "opencv-python-headless": None})) is Level.FAIL


def test_tools_that_are_not_installed_are_no_failure() -> None:
    tested = {**TESTED, "ruff": "0.17.5", "sahi": "0.12.8"}
    optional = optional_packages(tested)
    assert optional == {"ruff", "sahi"}
    assert worst(check_packages(tested, GOOD, optional)) is Level.OK
    assert worst(check_packages(tested, {**GOOD, "ruff": "0.1"}, optional)) is Level.WARN
    assert worst(check_packages(tested, {**GOOD, "torch": None}, optional)) is Level.FAIL


def test_every_pin_is_one_version_with_its_reason_above_it() -> None:
    reason = False
    for line in CONSTRAINTS.read_text().splitlines():
        if not line:
            reason = False
        elif line.startswith("#"):
            reason = True
        else:
            assert reason, f"{line} has no reason"
            assert re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9.]*", line), line


def test_constraints_are_read_without_their_reasons(tmp_path: Path) -> None:
    (tmp_path / "constraints.txt").write_text("# why\ntorch==2.14.1  # because\n\nnumpy==2.2.6\n")
    assert read_constraints(tmp_path / "constraints.txt") == {"torch": "2.14.1", "numpy": "2.2.6"}
    assert read_constraints(tmp_path / "none.txt") == {}


def test_installed_versions_are_found_and_missing_ones_said() -> None:
    found = installed_versions(["pytest", "no-such-package-of-ours"])
    assert found["pytest"]
    assert found["no-such-package-of-ours"] is None


def test_a_missing_label_studio_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELLINE_LABEL_STUDIO", "/nowhere/label-studio")
    assert check_label_studio().level is Level.FAIL


def test_another_label_studio_than_the_tested_one_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "label-studio"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setenv("LABELLINE_LABEL_STUDIO", str(program))
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    tested = read_constraints(LABEL_STUDIO_CONSTRAINTS)["label-studio"]
    for version, level in (("1.0.0", Level.WARN), (tested, Level.OK)):
        folder = packages / f"label_studio-{version}.dist-info"
        folder.mkdir(parents=True)
        finding = check_label_studio()
        assert (finding.level, version in finding.found) == (level, True)
        folder.rmdir()


def test_a_home_that_does_not_exist_yet_is_well(tmp_path: Path) -> None:
    assert check_home(tmp_path / "a" / "b").level is Level.OK
    assert check_disk(tmp_path / "a" / "b").level is not Level.FAIL
    assert not (tmp_path / "a").exists()


def test_a_home_without_write_permission_is_a_failure(closed_folder: Path) -> None:
    imports = "from pathlib import Path\nfrom infra.doctor.machine import check_home"
    code = "for home in ('.', 'not/yet/there'): print(check_home(Path(sys.argv[1]) / home))"
    lines = as_nobody(closed_folder, imports, code).splitlines()
    assert len(lines) == 2
    assert all("Level.FAIL" in line and "Permission denied" in line and "LABELLINE_HOME" in line for line in lines)


@pytest.mark.parametrize(("free_gb", "level"), [(0.4, Level.FAIL), (4.9, Level.WARN), (5.1, Level.OK)])
def test_a_disk_that_fills_up_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_gb: float, level: Level
) -> None:
    disk = SimpleNamespace(total=int(100e9), used=0, free=int(free_gb * 1e9))
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: disk)
    finding = check_disk(tmp_path)
    assert (finding.level, f"{free_gb} GB free" in finding.found) == (level, True)


def test_secrets_that_others_can_read_are_a_failure(tmp_path: Path) -> None:
    ensure_credentials(tmp_path)
    assert check_secrets(tmp_path).level is Level.OK
    secrets_path(tmp_path).chmod(0o644)
    finding = check_secrets(tmp_path)
    assert finding.level is Level.FAIL
    assert "chmod 600" in finding.advice


def test_the_gateways_port_taken_by_another_is_a_failure(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        names = [name for name in ServiceName if name is not ServiceName.WORKER]
        StackState(home=tmp_path, ports=dict.fromkeys(names, port)).save()
        levels = {finding.what: finding.level for finding in check_ports(tmp_path)}
    assert levels["port of gateway"] is Level.FAIL
    assert levels["port of mlflow"] is Level.WARN


def test_a_service_that_died_is_a_failure_with_its_log(tmp_path: Path) -> None:
    ensure_credentials(tmp_path)
    ports = {name: 22000 + place for place, name in enumerate(ServiceName)}
    findings = check_services(StackState(home=tmp_path, ports=ports))
    assert {finding.level for finding in findings} == {Level.FAIL}
    assert "mlflow.log" in next(finding.advice for finding in findings if finding.what == "mlflow")


def test_a_machine_without_a_stack_is_examined_to_the_end(tmp_path: Path) -> None:
    findings = list(examine(tmp_path / "home"))
    assert findings[-1].what == "stack"
    assert "labelline up" in findings[-1].found


def test_a_damaged_state_file_is_a_finding_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("{")
    assert any(finding.level is Level.FAIL and "damaged" in finding.found for finding in examine(tmp_path))


@pytest.mark.parametrize(
    ("findings", "code"),
    [([], 0), ([well("a", "b")], 0), ([warn("a", "b", "c")], 0), ([well("a", "b"), fail("a", "b", "do this")], 1)],
)
def test_only_a_failure_makes_the_exit_code_1(findings: list[Finding], code: int) -> None:
    out = StringIO()
    assert print_findings(findings, Console(file=out)) == code
    assert ("do this" in out.getvalue()) is bool(code)


def test_a_server_that_answers_under_every_name_is_a_failure(tmp_path: Path) -> None:
    class Open(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Open) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        state = StackState(home=tmp_path, ports={ServiceName.MLFLOW: server.server_address[1]})
        finding = check_names(state, {ServiceName.MLFLOW})
        assert (finding.level, finding.found.split()[0]) == (Level.FAIL, "mlflow")
        assert check_names(state, set()).level is Level.OK, "what does not answer was asked"
        server.shutdown()
