"""Whether the running stack does what it should: asked by requests, as its users would."""

import secrets
from typing import Any

import httpx
import yaml

from infra.doctor.findings import Finding, fail, warn, well
from infra.stack.deployments import REGISTRY
from infra.stack.health import is_well
from infra.stack.processes import find_process
from infra.stack.services import describe_service
from infra.stack.state import ServiceName, StackState

TIMEOUT_S = 10.0
START = "run `labelline up`"


def check_services(state: StackState) -> list[Finding]:
    """Say of each service whether it is well."""
    return [_check_service(name, state) for name in ServiceName]


def _check_service(name: ServiceName, state: StackState) -> Finding:
    if find_process(state.processes.get(name)) is None:
        return fail(name, "does not run", f"{START}; its last words are in {state.log_path(name)}")
    if not is_well(describe_service(name, state), state):
        advice = f"wait a little, then `labelline down` and `labelline up`; its log is {state.log_path(name)}"
        return fail(name, "runs and does not answer", advice)
    return well(name, f"well at port {state.ports[name]}" if name in state.ports else "online")


def check_token(state: StackState) -> Finding:
    """Say whether Label Studio takes the token of the stack."""
    answer = httpx.get(f"{state.urls.label_studio}/api/current-user/whoami", headers=_token(state), timeout=TIMEOUT_S)
    if answer.status_code != 200:
        return fail(
            "Label Studio token",
            f"refused ({answer.status_code})",
            f"its data folder is not of this secrets file: restore {state.home} as a whole",
        )
    return well("Label Studio token", f"accepted for {answer.json().get('email')}")


def check_protection(state: StackState) -> Finding:
    """Say whether Label Studio may call addresses of this machine."""
    process = find_process(state.processes.get(ServiceName.LABEL_STUDIO))
    setting = process.environ().get("SSRF_PROTECTION_ENABLED", "") if process else ""
    if setting.lower() != "false":
        return fail(
            "SSRF protection",
            f"SSRF_PROTECTION_ENABLED is {setting or 'not set'}: Label Studio refuses to ring a private address",
            "start it with `labelline up`; a team's own needs SSRF_PROTECTION_ENABLED=false, or a gateway with a "
            "public address",
        )
    return well("SSRF protection", "off for this machine's own addresses")


def check_doorbell(state: StackState) -> Finding:
    """Let Label Studio ring: a project is made, a webhook set on it and sent, and the gateway asked whether it rang."""
    api = f"{state.urls.label_studio}/api"
    with httpx.Client(headers=_token(state), timeout=TIMEOUT_S) as client:
        made = client.post(f"{api}/projects/", json={"title": f"labelline doctor {secrets.token_hex(3)}"})
        if made.status_code != 201:
            return fail(
                "doorbell", f"no project could be made ({made.status_code})", f"see {state.log_path('label-studio')}"
            )
        project: int = made.json()["id"]
        try:
            return _ring(client, api, project, state)
        finally:
            client.delete(f"{api}/projects/{project}/")


def _ring(client: httpx.Client, api: str, project: int, state: StackState) -> Finding:
    from blocks.annotation_server import DOORBELL_HEADER

    hook: dict[str, Any] = {
        "project": project,
        "url": f"{state.urls.gateway}/webhooks/label-studio",
        "headers": {DOORBELL_HEADER: state.doorbell_secret},
        "send_for_all_actions": False,
        "actions": ["PROJECT_UPDATED"],
    }
    set_ = client.post(f"{api}/webhooks/", json=hook)
    if set_.status_code != 201:
        return fail("doorbell", f"Label Studio takes no webhook ({set_.status_code})", "check its SSRF protection")
    before = _rings(state)
    client.patch(f"{api}/projects/{project}/", json={"description": "a webhook is being tried"})
    if _rings(state) <= before:
        return fail(
            "doorbell",
            "Label Studio's webhook did not reach the gateway, or not with its secret",
            f"the sweep still finds every answer, minutes late; see {state.log_path('label-studio')}",
        )
    return well("doorbell", "Label Studio's webhook reaches the gateway")


def check_deployments(state: StackState) -> Finding:
    """Say whether what `prefect.yaml` names is deployed."""
    entries = yaml.safe_load(REGISTRY.read_text())["deployments"] if REGISTRY.exists() else []
    wanted = {f"{entry['entrypoint'].rsplit('.', 1)[1]}/{entry['name']}" for entry in entries}
    missing = sorted(name for name in wanted if not _is_deployed(state, name))
    if missing:
        return fail("deployments", f"missing: {', '.join(missing)}", START)
    return well("deployments", f"{len(wanted)} of prefect.yaml")


def check_rings(state: StackState) -> Finding:
    """Say whether rings were lost."""
    counts = httpx.get(f"{state.urls.gateway}/health", timeout=TIMEOUT_S).json()["rings"]
    lost = counts["failed"] + counts["overflowed"]
    if lost:
        return warn(
            "rings", f"{lost} were not heard", f"the sweep finds their answers; why: {state.log_path('gateway')}"
        )
    return well("rings", f"{counts['heard']} heard since the gateway started")


def _is_deployed(state: StackState, name: str) -> bool:
    answer = httpx.get(f"{state.urls.prefect_api}/deployments/name/{name}", timeout=TIMEOUT_S)
    return answer.status_code == 200


def _rings(state: StackState) -> int:
    return int(httpx.get(f"{state.urls.gateway}/health", timeout=TIMEOUT_S).json()["rings"]["rung"])


def _token(state: StackState) -> dict[str, str]:
    return {"Authorization": f"Token {state.label_studio_token}"}
