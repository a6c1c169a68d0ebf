"""Whether the servers keep strangers out: asked as strangers ask."""

from collections.abc import Collection

import httpx

from infra.doctor.findings import Finding, fail, well
from infra.stack.state import ServiceName, StackState

TIMEOUT_S = 10.0

STRANGERS_HOST = "a-foreign-name.example"
"""What a page asks for whose own name was made to point to this machine."""


def check_names(state: StackState, well_ones: Collection[str]) -> Finding:
    """Say whether the servers that answer do so under their own names only.

    Args:
        state: The stack.
        well_ones: The services that are well.
    """
    asked = [name for name in state.ports if name in well_ones and name is not ServiceName.WORKER]
    open_ones = [name for name in asked if not _refuses(state.ports[name])]
    if open_ones:
        return fail(
            "names",
            f"{', '.join(open_ones)} answer under every name: any web page can reach them through your browser",
            "run `labelline down` and `labelline up`, which starts them behind a door",
        )
    return well("names", f"{len(asked)} servers answer under their own names only")


def _refuses(port: int) -> bool:
    answer = httpx.get(f"http://127.0.0.1:{port}/", headers={"Host": STRANGERS_HOST}, timeout=TIMEOUT_S)
    return answer.status_code == 400
