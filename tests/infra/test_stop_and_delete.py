"""`labelline stop` and `delete`, on a real Prefect and a real Label Studio."""

import gzip
import json
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import Result
from prefect.client.orchestration import SyncPrefectClient
from sqlalchemy import Engine
from typer.testing import CliRunner

from blocks.label_studio import LabelStudio
from blocks.servers.annotation_server import AnnotationServer
from blocks.storage.stores import FolderStore
from infra.cli.main import app
from infra.stack.servers.services import PLUGS
from tasks.detect.refs import DetectorRef
from tasks.review.posting.gone import is_gone
from tasks.review.posting.outbox import post_questions
from tasks.train.between_rounds import Learnt, learnt_between_rounds, note_learnt
from tests.dataset.scenes import draw_scene, settle_scenes
from tests.infra.homes import home
from tests.infra.stack.orchestration.test_cancelling import start
from tests.label_studio import save_label_studio
from tests.review.builders import QUEUE, make_batch, questions, region, write_missed
from tests.review.posting.conftest import there

__all__ = ["home"]

pytestmark = [
    pytest.mark.label_studio,
    # Prefect 3.8 leaves sockets of its own clients to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def asked(home: Path, engine: Engine, store: FolderStore, label_studio: AnnotationServer) -> str:
    """A collection with a settled picture and three posted questions."""
    save_label_studio(label_studio, PLUGS, overwrite=True)
    name = f"lots {uuid4().hex[:8]}"
    settle_scenes(engine, store, [draw_scene(0)], {"s0": "train"}, collection=name)
    make_batch(engine, items=3, batch_id="b2", collection=name, first=10)
    write_missed(engine, "b2")
    post_questions(engine, label_studio, QUEUE, "b2")
    return name


@pytest.fixture(autouse=True)
def no_block_left(home: Path) -> object:
    yield
    LabelStudio.delete(PLUGS)


def labelline(home: Path, *arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, list(arguments), env={"LABELLINE_HOME": str(home), "COLUMNS": "400"}, input=typed)


def test_stop_cancels_runs_and_takes_questions_back(
    home: Path, engine: Engine, client: SyncPrefectClient, label_studio: AnnotationServer, asked: str
) -> None:
    run = start(client, {"line": {"collection": asked}})
    tasks = [one.task_id for one in questions(engine) if one.task_id]
    shown = labelline(home, "stop", asked, "--json")
    assert shown.exit_code == 0, shown.output
    assert f"{asked}: 1 runs cancelled, 3 open questions taken back" in shown.stderr
    counts = {"runs_cancelled": 1, "questions_taken_back": 3, "questions_kept_open": 0}
    assert json.loads(shown.stdout) == {"collection": asked, **counts}
    state = client.read_flow_run(run.id).state
    assert state is not None
    assert (state.is_cancelled(), there(label_studio, tasks)) == (True, [])


def test_delete_asks_writes_all_down_and_leaves_nothing(
    home: Path, engine: Engine, store: FolderStore, label_studio: AnnotationServer, asked: str
) -> None:
    first = questions(engine)[0]
    body = {"result": [region()], "lead_time": 7.0}
    label_studio.call("POST", f"api/tasks/{first.task_id}/annotations/", body=body)
    base = DetectorRef.nobody(asked)
    note_learnt(engine, asked, Learnt(spec="propagate", base_version=base.version, detector=base))
    refused = labelline(home, "delete", asked, typed="no\n")
    assert (refused.exit_code, "nothing was deleted" in refused.output) == (1, True)
    assert len(questions(engine)) == 3
    shown = labelline(home, "delete", asked, "--json", typed=f"{asked}\n")
    assert shown.exit_code == 0, shown.output
    told = json.loads(shown.stdout)
    assert (told["collection"], told["pictures"]) == (asked, 4)
    assert questions(engine) == []
    assert list(store.keys("items")) == []
    assert learnt_between_rounds(engine, asked, "propagate", base) is None
    assert is_gone(label_studio, first.project_id or 0)
    (file,) = (home / "deleted").iterdir()
    assert told["kept_in"] == str(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert '"seconds": 7.0' in gzip.decompress(file.read_bytes()).decode(), "also what nobody had read yet"
    assert "there is no collection yet" in labelline(home, "collections").output
