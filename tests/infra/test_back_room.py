"""The back room hears for the gateway in another process: it must hear rightly, come back, and never be left over."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from blocks.catalog import Catalog
from blocks.label_studio import LabelStudio
from blocks.servers.annotation_server import AnnotationServer
from infra.gateway.back_room import BackRoom
from tasks.review.posting.outbox import post_questions
from tests.review.builders import QUEUE, answers, make_batch, questions, webhook, write_missed

NOWHERE = "http://127.0.0.1:9"
OPEN_AND_WAIT = """
import sys, time
from blocks.catalog import Catalog
from blocks.label_studio import LabelStudio
from infra.gateway.back_room import BackRoom
if __name__ == "__main__":
    nowhere = dict.fromkeys(("url", "gateway_url"), "http://127.0.0.1:9")
    secrets = dict.fromkeys(("api_token", "link_secret", "doorbell_secret"), "x")
    room = BackRoom(Catalog(url=sys.argv[1]), LabelStudio(**nowhere, **secrets))
    print(*room.hear([b"{}"]).unreadable, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def room(engine: Engine, label_studio: AnnotationServer) -> Iterator[BackRoom]:
    theirs = LabelStudio(
        url=label_studio.url,
        api_token=SecretStr(label_studio.api_token),
        gateway_url=NOWHERE,
        link_secret=SecretStr("x"),
        doorbell_secret=SecretStr("x"),
    )
    opened = BackRoom(Catalog(url=engine.url.render_as_string(hide_password=False)), theirs)
    yield opened
    opened.close()


@pytest.fixture
def body(engine: Engine, label_studio: AnnotationServer) -> bytes:
    """The webhook of an answer to a question that was posted for real."""
    make_batch(engine, items=1, collection=f"room-{uuid4().hex[:8]}")
    write_missed(engine)
    post_questions(engine, label_studio, QUEUE, "b1")
    (question,) = questions(engine)
    answer = {"result": [], "lead_time": 2.0}
    made = label_studio.call("POST", f"api/tasks/{question.task_id}/annotations/", body=answer)
    return json.dumps(webhook(question, made["id"])).encode()


@pytest.mark.label_studio
def test_what_rang_is_noted(room: BackRoom, engine: Engine, body: bytes) -> None:
    assert room.hear([body, b"{", body]).may_be_due
    assert [answer.seconds for answer in answers(engine)] == [2.0]
    assert not room.hear([body]).may_be_due
    assert room.wake() is False  # nobody sleeps here


@pytest.mark.label_studio
def test_after_its_process_was_killed_the_next_ring_is_heard(room: BackRoom, engine: Engine, body: bytes) -> None:
    assert "no JSON" in room.hear([b"{"]).unreadable[0]  # it is there
    (process,) = children_at_work(psutil.Process())
    process.kill()
    process.wait(10)
    with pytest.raises(BrokenProcessPool):
        room.hear([body])
    room.hear([body])
    assert len(answers(engine)) == 1


def test_it_ends_with_a_gateway_that_was_killed(tmp_path: Path, engine: Engine) -> None:
    script = tmp_path / "gateway_to_be_killed.py"
    script.write_text(OPEN_AND_WAIT)
    url = engine.url.render_as_string(hide_password=False)
    with subprocess.Popen([sys.executable, script, url], stdout=subprocess.PIPE, text=True) as gateway:
        assert gateway.stdout is not None
        assert "no Label Studio webhook" in gateway.stdout.readline()  # the room is furnished and at work
        rooms = children_at_work(psutil.Process(gateway.pid))
        assert len(rooms) == 1
        gateway.kill()
    _gone, left = psutil.wait_procs(rooms, timeout=10)
    assert not left


def children_at_work(process: psutil.Process) -> list[psutil.Process]:
    """Return the processes that were spawned to work; Python's own tracker of resources is none."""
    return [one for one in process.children() if "spawn_main" in " ".join(one.cmdline())]
