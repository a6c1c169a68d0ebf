"""The secrets of one stack: whole, private, and cut out of whatever is shown."""

import base64
import json
from pathlib import Path

from infra.stack.secrets.credentials import ensure_credentials, read_credentials, secrets_path
from infra.stack.servers.services import describe_service, stack_environment
from infra.stack.state import ServiceName, StackState

PORTS = {name: 21000 + place for place, name in enumerate(ServiceName)}


def older_secrets(home: Path) -> dict[str, str]:
    """Write what a version that knew no password of Prefect's wrote."""
    ensure_credentials(home)
    kept: dict[str, str] = json.loads(secrets_path(home).read_text())
    del kept["prefect_password"], kept["score_token"]
    secrets_path(home).write_text(json.dumps(kept))
    return kept


def test_secrets_of_an_older_version_get_what_they_lack_and_keep_the_rest(tmp_path: Path) -> None:
    kept = older_secrets(tmp_path)
    made = ensure_credentials(tmp_path)
    written = json.loads(secrets_path(tmp_path).read_text())
    assert {name: value for name, value in written.items() if name in kept} == kept
    assert made.prefect_password and made.prefect_password.get_secret_value() == written["prefect_password"]
    assert made.score_bearer == written["score_token"]
    assert ensure_credentials(tmp_path) == read_credentials(tmp_path) == made
    assert made.score_bearer not in made.redact(f"Bearer {made.score_bearer}")
    assert secrets_path(tmp_path).stat().st_mode & 0o777 == 0o600


def test_an_older_stack_can_be_looked_at_and_ended_before_it_is_started_anew(tmp_path: Path) -> None:
    older_secrets(tmp_path)
    state = StackState(home=tmp_path, ports=PORTS)
    assert state.credentials.prefect_headers == {}
    assert stack_environment(state)["PREFECT_API_AUTH_STRING"] == ""


def test_prefects_password_is_cut_out_of_logs_in_each_of_its_forms(tmp_path: Path) -> None:
    credentials = ensure_credentials(tmp_path)
    login = credentials.prefect_login
    encoded = base64.b64encode(login.encode()).decode()
    shown = credentials.redact(f"{login} {credentials.prefect_headers} Basic {encoded}")
    assert login.partition(":")[2] not in shown
    assert encoded not in shown


def test_whoever_speaks_to_prefect_has_its_password_and_nobody_else(tmp_path: Path) -> None:
    ensure_credentials(tmp_path)
    state = StackState(home=tmp_path, ports=PORTS)
    login = state.credentials.prefect_login
    speakers = {n for n in ServiceName if describe_service(n, state).settings.get("PREFECT_API_AUTH_STRING") == login}
    assert speakers == {ServiceName.PREFECT, ServiceName.GATEWAY, ServiceName.WORKER}
    assert login not in describe_service(ServiceName.LABEL_STUDIO, state).settings.values()
    assert describe_service(ServiceName.PREFECT, state).settings["PREFECT_SERVER_API_AUTH_STRING"] == login


def test_a_service_is_another_one_with_another_secret_and_tells_none(tmp_path: Path) -> None:
    ensure_credentials(tmp_path)
    state, again = (StackState(home=tmp_path, ports=PORTS) for _ in range(2))
    before = {name: describe_service(name, state).fingerprint for name in ServiceName}
    assert before == {name: describe_service(name, again).fingerprint for name in ServiceName}
    older_secrets(tmp_path)
    ensure_credentials(tmp_path)
    other = StackState(home=tmp_path, ports=PORTS)
    changed = {name for name in ServiceName if describe_service(name, other).fingerprint != before[name]}
    assert changed == set(ServiceName) - {ServiceName.LABEL_STUDIO}
    assert not any(secret in "".join(before.values()) for secret in state.credentials.prefect_login.split(":"))
