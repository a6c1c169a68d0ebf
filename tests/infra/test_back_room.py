"""The back room hears for the gateway in another process: it must hear rightly, come back, and never be left over."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Engine

from blocks.catalog import Catalog
from blocks.errors import BadInput
from blocks.label_studio import LabelStudio
from infra.gateway.back_room import BackRoom
from tests.review.builders import answers, make_batch, pretend_posted, questions, webhook, write_missed

NOWHERE = "http://127.0.0.1:9"
OPEN_AND_WAIT = """
import sys, time
from blocks.catalog import Catalog
from blocks.errors import BadInput
from blocks.label_studio import LabelStudio
from infra.gateway.back_room import BackRoom
if __name__ == "__main__":
    nowhere = dict.fromkeys(("url", "gateway_url"), "http://127.0.0.1:9")
    secrets = dict.fromkeys(("api_token", "link_secret", "doorbell_secret"), "x")
    room = BackRoom(Catalog(url=sys.argv[1]), LabelStudio(**nowhere, **secrets))
    try:
        room.hear(b"{}")
    except BadInput as error:
        print(type(error).__name__, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def room(engine: Engine) -> Iterator[BackRoom]:
    label_studio = LabelStudio(url=NOWHERE, api_token="x", gateway_url=NOWHERE, link_secret="x", doorbell_secret="x")
    opened = BackRoom(Catalog(url=engine.url.render_as_string(hide_password=False)), label_studio)
    yield opened
    opened.close()


@pytest.fixture
def body(engine: Engine) -> bytes:
    """A webhook about a posted question."""
    make_batch(engine, items=1)
    write_missed(engine)
    pretend_posted(engine)
    return json.dumps(webhook(questions(engine)[0], 3)).encode()


def test_what_rang_is_noted(room: BackRoom, engine: Engine, body: bytes) -> None:
    room.hear(body)
    assert len(answers(engine)) == 1
    assert room.wake() is False  # nobody sleeps here


def test_what_is_no_webhook_is_said_so(room: BackRoom) -> None:
    with pytest.raises(BadInput, match="no JSON"):
        room.hear(b"{")


def test_after_its_process_was_killed_the_next_ring_is_heard(room: BackRoom, engine: Engine, body: bytes) -> None:
    with pytest.raises(BadInput):
        room.hear(b"{")  # it is there
    (process,) = children_at_work(psutil.Process())
    process.kill()
    process.wait(10)
    with pytest.raises(BrokenProcessPool):
        room.hear(body)
    room.hear(body)
    assert len(answers(engine)) == 1


def test_it_ends_with_a_gateway_that_was_killed(tmp_path: Path, engine: Engine) -> None:
    script = tmp_path / "gateway_to_be_killed.py"
    script.write_text(OPEN_AND_WAIT)
    url = engine.url.render_as_string(hide_password=False)
    with subprocess.Popen([sys.executable, script, url], stdout=subprocess.PIPE, text=True) as gateway:
        assert gateway.stdout is not None
        assert gateway.stdout.readline().strip() == "BadInput"  # the room is furnished and at work
        rooms = children_at_work(psutil.Process(gateway.pid))
        assert len(rooms) == 1
        gateway.kill()
    _gone, left = psutil.wait_procs(rooms, timeout=10)
    assert not left


def children_at_work(process: psutil.Process) -> list[psutil.Process]:
    """Return the processes that were spawned to work; Python's own tracker of resources is none."""
    return [one for one in process.children() if "spawn_main" in " ".join(one.cmdline())]
