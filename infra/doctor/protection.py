"""Whether Label Studio can be made to fetch from this machine: tried for real, with an address that waits for it."""

import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from infra.doctor.findings import Finding, fail, well
from infra.stack.state import HOST, StackState

TIMEOUT_S = 20.0
WHAT = "SSRF protection"
ADVICE = (
    "start Label Studio with `labelline up`; a team's own needs SSRF_PROTECTION_ENABLED=true (docs/operations.md says "
    "how its webhook still reaches the gateway)"
)


def check_protection(state: StackState) -> Finding:
    """Say whether Label Studio fetches what a person names on this machine: it must not, and its own secrets lie there.

    A project is made for it and deleted; where all is well, nothing is fetched into it.
    """
    api = f"{state.urls.label_studio}/api"
    headers = {"Authorization": f"Token {state.label_studio_token}"}
    with httpx.Client(headers=headers, timeout=TIMEOUT_S) as client, _waiting_address() as (address, visited):
        made = client.post(f"{api}/projects/", json={"title": f"labelline doctor {secrets.token_hex(3)}"})
        if made.status_code != 201:
            return fail(WHAT, f"not tried: no project could be made ({made.status_code})", "see Label Studio's log")
        project: int = made.json()["id"]
        try:
            # Label Studio takes an address to import from as a form only.
            client.post(f"{api}/projects/{project}/import?commit_to_project=false", data={"url": address})
        finally:
            client.delete(f"{api}/projects/{project}/")
        if visited.is_set():
            return fail(
                WHAT, f"off: Label Studio fetched {address}, so who has an account can read this machine", ADVICE
            )
    return well(WHAT, "on: Label Studio fetches nothing from this machine for anybody")


@contextmanager
def _waiting_address() -> Iterator[tuple[str, threading.Event]]:
    """Listen on a free port of this machine; yields the address, and what says whether somebody came."""
    visited = threading.Event()
    with socket.create_server((HOST, 0)) as listener:

        def wait() -> None:
            try:
                line, _ = listener.accept()
            except OSError:
                return  # nobody came
            visited.set()
            line.close()

        waiting = threading.Thread(target=wait, daemon=True)
        waiting.start()
        try:
            yield f"http://{HOST}:{listener.getsockname()[1]}/x.json", visited
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            waiting.join(TIMEOUT_S)
