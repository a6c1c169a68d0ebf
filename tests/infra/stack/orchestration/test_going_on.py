"""What goes on about a collection is told by its run, and a Prefect that is down or hangs holds nobody up."""

import socket
import time
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.states import Completed, Running, Suspended

from infra.stack.orchestration import going_on
from infra.stack.orchestration.going_on import ASLEEP, DUE, WORKS, going_on_by_collection, read_going_on
from infra.stack.secrets.credentials import ensure_credentials
from infra.stack.state import ServiceName, StackState
from tests.infra.stack.orchestration.test_cancelling import start


@pytest.mark.slow
def test_each_collection_is_told_by_the_run_that_works_before_one_that_sleeps(client: SyncPrefectClient) -> None:
    lots, roads, mail, ended = (f"{name}-{uuid4().hex[:8]}" for name in ("lots", "roads", "mail", "ended"))
    asleep, working, sleeping, over = (start(client, {"collection": name}) for name in (lots, lots, roads, ended))
    due = start(client, {"line": {"collection": mail}})
    for run in (asleep, sleeping):
        client.set_flow_run_state(run.id, Running(), force=True)
        client.set_flow_run_state(run.id, Suspended(timeout_seconds=600), force=True)
    client.set_flow_run_state(working.id, Running(), force=True)
    client.set_flow_run_state(over.id, Completed(), force=True)
    found = going_on_by_collection(client, "http://prefect")
    assert [(found[name].state, found[name].name) for name in (lots, roads, mail)] == [
        (WORKS, working.name),
        (ASLEEP, sleeping.name),
        (DUE, due.name),
    ]
    assert found[roads].url == f"http://prefect/runs/flow-run/{sleeping.id}"
    assert ended not in found


@pytest.mark.parametrize("listens", [False, True], ids=["down", "hangs"])
def test_a_prefect_that_does_not_answer_in_time_tells_nothing(
    listens: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(going_on, "ANSWER_LIMIT_S", 0.3)
    ensure_credentials(tmp_path)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        state = StackState(home=tmp_path, ports=dict.fromkeys(ServiceName, server.getsockname()[1]), processes={})
        begun = time.monotonic()
        assert read_going_on(state) == {}
    assert time.monotonic() - begun < 30, "once, and not with Prefect's own patience of minutes"
