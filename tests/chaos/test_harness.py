"""The short run of `make chaos`: the same harness, a real Label Studio, every fault, a few trials of each.

What a Label Studio without our settings loses under a lock is seen to in `tests/review/posting/test_prefills.py`.
"""

import json
import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from blocks.errors import StackError
from blocks.servers.annotation_server import AnnotationServer
from infra.stack.servers.label_studio import find_label_studio
from tasks.review.posting.duplicates import find_tasks
from tasks.review.posting.outbox import post_questions
from tests.chaos.ground import QUEUE, lay_ground
from tests.chaos.sender import Boundary, Posting, send
from tests.review.builders import NOON

pytestmark = [pytest.mark.slow, pytest.mark.label_studio]
ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(900)
def test_no_fault_loses_or_doubles_anything(tmp_path: Path) -> None:
    try:
        find_label_studio()
    except StackError as error:
        pytest.skip(str(error))
    table = tmp_path / "chaos.json"
    command = [sys.executable, "-m", "tests.chaos", "--quick", "--json", str(table)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    tallies = json.loads(table.read_text())
    assert len(tallies) >= 32
    assert all(tally["trials"] > 0 and tally["lost"] == tally["doubled"] == 0 for tally in tallies), tallies
    assert all(tally["without"] == 0 or tally["forgives_without"] for tally in tallies), tallies


def test_a_sender_dies_exactly_where_it_is_told_to(engine: Engine, label_studio: AnnotationServer) -> None:
    ground = lay_ground(str(engine.url), 10)
    told = Boundary("tasks.review.posting.outbox._import", "return", 1)  # imported, and not yet noted
    context = multiprocessing.get_context("forkserver")
    mine, theirs = context.Pipe(duplex=False)
    posting = Posting(ground.url, label_studio_for_child(label_studio), ground.batch_id, 5, 0.0, told)
    process = context.Process(target=send, args=(posting, theirs))
    process.start()
    process.join(120)
    mine.close()
    theirs.close()
    assert process.exitcode == -9
    # The second import was sent while the first was noted, so five or ten are there, and not one is noted as posted.
    assert {question.state for question in ground.questions} == {"written"}
    project_id = post_questions(ground.engine, label_studio, QUEUE, ground.batch_id, grace_s=2.0).project_id
    assert project_id is not None
    found = find_tasks(label_studio, project_id, NOON.replace(year=2020))
    assert {id_: len(tasks) for id_, tasks in found.items()} == {question.id: 1 for question in ground.questions}


def label_studio_for_child(server: AnnotationServer) -> AnnotationServer:
    """Return the same server without the connection that this process may have opened."""
    return AnnotationServer(
        server.url, server.api_token, server.gateway_url, server.link_secret, server.doorbell_secret
    )
