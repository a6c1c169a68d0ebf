"""The local stack is five servers that must start together, end together, and never take each other for another's.

Here is what can be tested without them; `test_real_stack.py` starts them all.
"""

import os
import re
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from blocks.errors import PortTaken, StackError
from infra.stack.secrets.credentials import Credentials, ensure_credentials, read_credentials, secrets_path
from infra.stack.secrets.private_files import close_to_others
from infra.stack.servers.health import wait_for
from infra.stack.servers.label_studio import (
    DATABASE,
    find_label_studio,
    label_studio_command,
    prepared_database,
    seed_database,
)
from infra.stack.servers.ports import USUAL_PORTS, claim_ports, holder_of
from infra.stack.servers.processes import find_process, mark_of, start_detached, stop_marked, stop_trees, tail_of
from infra.stack.servers.services import Service, describe_service, stack_environment
from infra.stack.start import start_stack
from infra.stack.state import ProcessRecord, ServiceName, StackState, open_stack, read_state
from infra.stack.stop import stop_stack
from tests.unprivileged import as_nobody

PORTS = {
    ServiceName.LABEL_STUDIO: 21001,
    ServiceName.PREFECT: 21002,
    ServiceName.MLFLOW: 21003,
    ServiceName.GATEWAY: 21004,
}
SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def state(tmp_path: Path) -> StackState:
    """A stack that was set up and does not run."""
    ensure_credentials(tmp_path)
    state = StackState(home=tmp_path, ports=PORTS)
    state.save()
    return state


def secrets_of(state: StackState) -> list[str]:
    """Every secret value of a stack, whatever fields are added."""
    values = [value for _name, value in state.credentials]
    found = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    assert len(found) == len(Credentials.model_fields) - 1, "all but the administrator's address are secret"
    return found


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which this process listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


# Ports


def test_a_named_port_in_use_is_refused_with_who_has_it(taken_port: int) -> None:
    with (
        pytest.raises(PortTaken, match=rf"{taken_port} is in use by .*{os.getpid()}.*--mlflow-port"),
        claim_ports([ServiceName.MLFLOW], {ServiceName.MLFLOW: taken_port}, {}),
    ):
        pass


def test_the_gateway_does_not_move_by_itself(taken_port: int) -> None:
    with (
        pytest.raises(PortTaken, match="pictures of posted questions"),
        claim_ports([ServiceName.GATEWAY], {}, {ServiceName.GATEWAY: taken_port}),
    ):
        pass


def test_another_service_moves_when_its_port_is_taken(taken_port: int) -> None:
    with claim_ports([ServiceName.MLFLOW], {}, {ServiceName.MLFLOW: taken_port}) as ports:
        assert ports[ServiceName.MLFLOW] != taken_port


def test_last_times_ports_are_taken_again() -> None:
    with claim_ports(list(PORTS), {}, PORTS) as ports:
        assert ports == PORTS


def test_two_stacks_that_start_at_once_get_different_ports() -> None:
    with claim_ports(list(PORTS), {}, {}) as mine, claim_ports(list(PORTS), {}, {}) as others:
        assert not set(mine.values()) & set(others.values())


def test_a_port_claim_follows_no_link_and_empties_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user can make a folder in the shared temporary directory first, with links to our files in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    victim = tmp_path / "thesis.txt"
    victim.write_text("years of work")
    folder = tmp_path / "labelline" / "ports"
    folder.mkdir(parents=True)
    for port in USUAL_PORTS.values():
        (folder / str(port)).symlink_to(victim)
    with pytest.raises(StackError, match=r"symbolic links.*remove it"), claim_ports(list(PORTS), {}, {}):
        pass
    assert victim.read_text() == "years of work"


def test_a_linked_folder_for_locks_is_not_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, spare, elsewhere = tmp_path / "cache", tmp_path / "spare", tmp_path / "elsewhere"
    for folder in (cache / "labelline", spare, elsewhere):
        folder.mkdir(parents=True)
    (cache / "labelline" / "ports").symlink_to(elsewhere)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setattr(tempfile, "tempdir", str(spare))
    with claim_ports(list(PORTS), {}, {}):
        pass
    assert not list(elsewhere.iterdir())
    # Ports that others hold are passed over, each with its lock.
    assert len(list(spare.glob("labelline-ports-*/*"))) >= len(PORTS)


def test_a_folder_of_another_user_is_not_entered(closed_folder: Path) -> None:
    """Seen from an ordinary user: root made the folder, open to all, in both places."""
    for name in ("cache/labelline/ports", "tmp/labelline-ports-65534"):
        (closed_folder / name).mkdir(parents=True)
        (closed_folder / name).chmod(0o777)
    imports = (
        "import os, tempfile\nfrom pathlib import Path\nfrom infra.stack.secrets.private_folder import open_own_folder"
    )
    code = (
        "os.environ['XDG_CACHE_HOME'] = sys.argv[1] + '/cache'; tempfile.tempdir = sys.argv[1] + '/tmp'\n"
        "try:\n with open_own_folder('ports'): print('entered')\nexcept Exception as error: print(error)"
    )
    said = as_nobody(closed_folder, imports, code)
    assert said.count("belongs to another user") == 2, said
    assert "XDG_CACHE_HOME" in said


def test_who_holds_a_port_is_named(taken_port: int) -> None:
    assert f"pid {os.getpid()}" in holder_of(taken_port)


# Secrets and state


def test_secrets_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    first = ensure_credentials(tmp_path)
    assert ensure_credentials(tmp_path) == first
    assert stat.S_IMODE(secrets_path(tmp_path).stat().st_mode) == 0o600


def test_secrets_do_not_show_in_representations_or_state(state: StackState) -> None:
    shown = repr(state.credentials) + repr(state) + str(state) + (state.home / "stack.json").read_text()
    for secret in secrets_of(state):
        assert secret not in shown


def test_secrets_are_cut_out_of_what_is_shown_of_logs(state: StackState) -> None:
    for secret in secrets_of(state):
        assert state.credentials.redact(f"token={secret} end") == "token=*** end"


def test_damaged_secrets_are_reported_without_their_content(tmp_path: Path) -> None:
    secrets_path(tmp_path).write_text('{"email": "a", "password": "hidden-word"')
    with pytest.raises(StackError, match="damaged") as caught:
        read_credentials(tmp_path)
    assert "hidden-word" not in str(caught.value)


def test_a_stack_that_was_never_started_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="labelline up"):
        open_stack(tmp_path)


def test_a_damaged_state_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("{")
    with pytest.raises(StackError, match=r"stack\.json is damaged"):
        read_state(tmp_path)


def test_a_copied_home_keeps_its_ports_and_forgets_processes(state: StackState, tmp_path: Path) -> None:
    state.processes[ServiceName.PREFECT] = ProcessRecord(pid=os.getpid(), created=1.0)
    state.save()
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "stack.json").write_bytes((tmp_path / "stack.json").read_bytes())
    found = read_state(copy)
    assert found is not None
    assert (found.home, found.ports, found.processes) == (copy, PORTS, {})


def test_a_home_without_write_permission_is_named(closed_folder: Path) -> None:
    imports = (
        "from pathlib import Path\nfrom blocks.errors import StackError\nfrom infra.stack.start import start_stack"
    )
    code = "try: start_stack(Path(sys.argv[1]) / 'home')\nexcept StackError as error: print(error)"
    said = as_nobody(closed_folder, imports, code)
    assert re.search(rf"{closed_folder}/home cannot be written \(Permission denied\).*LABELLINE_HOME", said)


def test_a_home_that_cannot_be_a_folder_is_named(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.touch()
    with pytest.raises(StackError, match=r"cannot be written.*LABELLINE_HOME"):
        start_stack(blocker / "home")


def test_a_home_of_another_user_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(tmp_path, 65534, 65534)
    with pytest.raises(StackError, match="belongs to another user"):
        start_stack(tmp_path)


def test_databases_of_older_versions_are_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "prefect").mkdir()
    for name in ("catalog.sqlite", "catalog.sqlite-wal", "prefect/prefect.db"):
        (tmp_path / name).touch(mode=0o644)
    assert close_to_others(tmp_path) == 3
    assert close_to_others(tmp_path) == 0
    assert stat.S_IMODE((tmp_path / "catalog.sqlite").stat().st_mode) == 0o600


# Processes


def test_what_a_server_writes_is_for_its_owner_alone(tmp_path: Path) -> None:
    script = "open('made', 'w').close()"
    record = start_detached([sys.executable, "-c", script], os.environ, tmp_path / "log", tmp_path)
    deadline = time.monotonic() + 10
    while find_process(record) is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o600


def test_what_a_dead_server_left_behind_is_ended(tmp_path: Path) -> None:
    """Its child has a session of its own, as runs have, and nobody above it that is known."""
    script = f"import subprocess, time; subprocess.Popen({SLEEPER!r}, start_new_session=True); time.sleep(60)"
    environment = {**os.environ, **mark_of(tmp_path, "mlflow")}
    record = start_detached([sys.executable, "-c", script], environment, tmp_path / "log", tmp_path)
    server = psutil.Process(record.pid)
    deadline = time.monotonic() + 10
    while not (children := server.children()) and time.monotonic() < deadline:
        time.sleep(0.02)
    server.kill()
    server.wait(10)
    assert children[0].is_running()
    assert stop_marked(tmp_path, ["gateway"]) == 0
    assert stop_marked(tmp_path / "..", ["mlflow"]) == 0
    assert stop_marked(tmp_path, ["mlflow"]) == 1
    assert not children[0].is_running()


def test_a_moved_folder_keeps_its_servers_and_a_copy_has_none(tmp_path: Path) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy"
    home.mkdir()
    copy.mkdir()
    mark = mark_of(home, "mlflow")
    assert mark_of(home.rename(tmp_path / "moved"), "mlflow") == mark != mark_of(copy, "mlflow")


def test_a_started_process_is_found_and_ended_with_its_children(tmp_path: Path) -> None:
    script = f"import subprocess, sys; subprocess.run({SLEEPER!r})"
    record = start_detached([sys.executable, "-c", script], os.environ, tmp_path / "log", tmp_path)
    process = find_process(record)
    assert process is not None
    deadline = time.monotonic() + 10
    while not process.children() and time.monotonic() < deadline:
        time.sleep(0.02)
    children = process.children()
    assert stop_trees([record]) == 2
    assert find_process(record) is None
    assert not any(child.is_running() for child in children)


def test_a_process_that_will_not_end_is_forced(tmp_path: Path) -> None:
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    record = start_detached([sys.executable, "-c", script], os.environ, tmp_path / "log", tmp_path)
    deadline = time.monotonic() + 10
    while "deaf" not in tail_of(tmp_path / "log") and time.monotonic() < deadline:
        time.sleep(0.02)
    stop_trees([record], grace_s=0.2)
    assert find_process(record) is None


def test_another_process_with_the_same_id_is_left_alone() -> None:
    stranger = ProcessRecord(pid=os.getpid(), created=psutil.Process().create_time() - 1000)
    assert find_process(stranger) is None
    assert stop_trees([stranger]) == 0


def test_a_service_that_dies_at_its_start_is_reported_with_its_last_words(state: StackState) -> None:
    program = [sys.executable, "-c", f"print('no such table; token {state.label_studio_token}'); raise SystemExit(3)"]
    service = Service(ServiceName.MLFLOW, program, dict(os.environ), "http://127.0.0.1:9/", 20)
    log = state.log_path(service.name)
    state.processes[service.name] = start_detached(service.arguments, service.environment, log, state.home)
    with pytest.raises(StackError, match="mlflow ended while it started") as caught:
        wait_for(service, state)
    assert "no such table; token ***" in str(caught.value)


# Command lines


def test_nothing_secret_is_on_a_command_line(state: StackState) -> None:
    for name in ServiceName:
        arguments = " ".join(describe_service(name, state).arguments)
        for secret in secrets_of(state):
            assert secret not in arguments


def test_a_persons_own_prefect_settings_stay_out(state: StackState, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_KEY", "cloud")
    monkeypatch.setenv("PREFECT_API_URL", "https://elsewhere.example/api")
    environment = describe_service(ServiceName.WORKER, state).environment
    assert "PREFECT_API_KEY" not in environment
    assert environment["PREFECT_API_URL"] == state.urls.prefect_api == stack_environment(state)["PREFECT_API_URL"]


def test_label_studio_is_quiet_and_takes_our_token(tmp_path: Path) -> None:
    arguments, environment = label_studio_command(Path("/x/label-studio"), tmp_path, 8123, "a@b.c", "pw", "t" * 40)
    assert arguments[:2] == ["/x/label-studio", "start"]
    assert environment["COLLECT_ANALYTICS"] == "false"
    assert environment["DJANGO_SETTINGS_MODULE"] == "labelline_settings"
    assert (Path(environment["PYTHONPATH"]) / "labelline_settings.py").is_file()
    assert "SSRF_PROTECTION_ENABLED" not in environment  # the settings say so themselves, whatever one inherits
    assert environment["LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN"] == "true"


def test_a_new_label_studio_begins_with_the_prepared_database(tmp_path: Path) -> None:
    program = tmp_path / "venv" / "bin" / "label-studio"
    home = tmp_path / "home"
    assert not seed_database(program, home)
    prepared_database(program).parent.mkdir(parents=True)
    prepared_database(program).write_bytes(b"migrated")
    assert seed_database(program, home)
    (home / DATABASE).write_bytes(b"with questions")
    assert not seed_database(program, home)
    assert (home / DATABASE).read_bytes() == b"with questions"


def test_a_missing_label_studio_says_where_it_was_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELLINE_LABEL_STUDIO", "/nowhere/label-studio")
    with pytest.raises(StackError, match=r"/nowhere/label-studio.*Run `make setup`, or name.*LABELLINE_LABEL_STUDIO"):
        find_label_studio()


def test_stopping_what_never_ran_is_no_error(tmp_path: Path) -> None:
    assert stop_stack(tmp_path) == 0


def test_the_stack_command_can_be_imported_without_prefect() -> None:
    code = "import sys, infra.cli.main; sys.exit('prefect' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
