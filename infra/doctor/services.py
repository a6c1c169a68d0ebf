"""Whether the running stack does what it should: asked by requests, as its users would."""

import secrets
from typing import Any

import httpx

from blocks.servers.annotation_server import DOORBELL_HEADER, token_advice
from infra.doctor.findings import Finding, fail, warn, well
from infra.stack.obstacles import schedules_off, switched_off
from infra.stack.orchestration.connection import connected
from infra.stack.orchestration.deployments import missing_in, registered
from infra.stack.secrets.credentials import secrets_path
from infra.stack.servers.health import is_well, outdated_services
from infra.stack.servers.processes import find_process
from infra.stack.servers.services import describe_service
from infra.stack.state import ServiceName, StackState

TIMEOUT_S = 10.0
START = "run `labelline up`"


def check_services(state: StackState) -> list[Finding]:
    """Say of each service whether it is well."""
    return [_check_service(name, state) for name in ServiceName]


def _check_service(name: ServiceName, state: StackState) -> Finding:
    if find_process(state.processes.get(name)) is None:
        return fail(name, "does not run", f"{START}; its last words are in {state.log_path(name)}")
    if not is_well(describe_service(name, state), state, TIMEOUT_S):
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
            token_advice(state.urls.label_studio, str(secrets_path(state.home))),
        )
    return well("Label Studio token", f"accepted for {answer.json().get('email')}")


def check_password(state: StackState) -> Finding:
    """Say whether Prefect lets in who knows its password, and nobody else."""
    address, what = f"{state.urls.prefect_api}/admin/version", "Prefect password"
    if httpx.get(address, timeout=TIMEOUT_S).status_code != 401:
        return fail(what, "Prefect answers without it: anybody on this machine can make it run programs", START)
    answer = httpx.get(address, headers=state.credentials.prefect_headers, timeout=TIMEOUT_S)
    if answer.status_code != 200:
        return fail(what, f"refused ({answer.status_code})", f"{START}, which starts Prefect with the one in use now")
    return well(what, "asked for, and accepted")


def check_settings(state: StackState) -> Finding:
    """Say whether the servers were started with the secrets and settings of now."""
    outdated = outdated_services(state)
    if outdated:
        return fail(
            "settings",
            f"{', '.join(outdated)} still run with other secrets or settings than {secrets_path(state.home)} says",
            START,
        )
    return well("settings", "every server runs with the secrets and settings of now")


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
    """Say whether what `prefect.yaml` names is deployed, with its schedules and triggers."""
    with connected(state) as client:
        missing = missing_in(client)
    if missing:
        return fail("deployments", f"missing, or without their schedules: {', '.join(missing)}", START)
    return well("deployments", f"{len(registered())} of prefect.yaml")


def check_switches(state: StackState) -> Finding:
    """Say whether somebody has switched off in Prefect what runs need, or what happens by itself."""
    with connected(state) as client:
        off, late = switched_off(client), schedules_off(client)
    if off:
        return fail("switches", "runs would wait for ever", "; ".join(off))
    if late:
        return warn("switches", f"{len(late)} schedules are off", "; ".join(late))
    return well("switches", "work pool, queues and schedules are on")


def check_rings(state: StackState) -> Finding:
    """Say whether rings were lost."""
    counts = httpx.get(f"{state.urls.gateway}/health", timeout=TIMEOUT_S).json()["rings"]
    lost = counts["failed"] + counts["overflowed"]
    if lost:
        return warn(
            "rings", f"{lost} were not heard", f"the sweep finds their answers; why: {state.log_path('gateway')}"
        )
    return well("rings", f"{counts['heard']} heard since the gateway started")


def _rings(state: StackState) -> int:
    return int(httpx.get(f"{state.urls.gateway}/health", timeout=TIMEOUT_S).json()["rings"]["rung"])


def _token(state: StackState) -> dict[str, str]:
    return {"Authorization": f"Token {state.label_studio_token}"}
