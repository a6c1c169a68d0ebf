"""`backup` and `restore` in a terminal, with the connections that a real Prefect has saved."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from pydantic import SecretStr
from sqlalchemy import Engine
from typer.testing import CliRunner

from blocks.object_store import ObjectStore
from blocks.storage.stores import FolderStore
from blocks.tracking import Tracking
from infra.cli.main import app
from infra.stack.servers.services import PLUGS
from infra.stack.state import ServiceName, StackState
from tests.infra.homes import home
from tests.keeping.world import keep_items, key_of

__all__ = ["home"]

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def labelline(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"LABELLINE_HOME": str(home), "COLUMNS": "400"})


@pytest.fixture
def kept(home: Path, engine: Engine, store: FolderStore) -> Path:
    keep_items(engine, store, [b"one", b"two"])
    return home


def test_a_backup_says_what_is_in_it_and_comes_back(kept: Path, store: FolderStore, tmp_path: Path) -> None:
    to, again = str(tmp_path / "backups"), tmp_path / "again"
    shown = labelline(kept, "backup", to)
    assert shown.exit_code == 0, shown.output
    assert "2 objects" in shown.output
    assert "it holds the secrets of this stack" in shown.output
    assert "not in it: MLflow at another place" in shown.output, "the test's MLflow is not in the folder"
    told = json.loads(labelline(kept, "backup", to, "--keep", "1", "--json").stdout)
    assert (told["objects"]["count"], told["copied_bytes"], len(told["dropped"])) == (2, 0, 1)
    refused = labelline(again, "restore", to, "--manifest", "0" * 64)
    assert (refused.exit_code, "somebody changed it" in refused.output) == (1, True)
    back = labelline(again, "restore", to, "--manifest", told["sha256"])
    assert back.exit_code == 0, back.output
    assert "all objects are whole" in back.output
    assert FolderStore(again / "objects").get(key_of(b"one")) == b"one"
    assert labelline(again, "restore", to).exit_code == 1, "it is not empty any more"


def test_that_objects_were_kept_twice_is_said_as_restored_they_are_not(kept: Path, tmp_path: Path) -> None:
    local = ObjectStore.load(PLUGS)
    assert isinstance(local, ObjectStore)
    ObjectStore(folder=str(tmp_path / "second")).save("second")
    try:
        local.model_copy(update={"second": "second"}).save(PLUGS, overwrite=True)
        shown = labelline(kept, "backup", str(tmp_path / "backups"))
    finally:
        local.save(PLUGS, overwrite=True)
    assert "not in it: that objects are kept twice" in shown.output


def test_what_could_not_be_kept_is_the_exit_code(kept: Path, store: FolderStore, tmp_path: Path) -> None:
    store.put(key_of(b"one"), b"ONE")
    shown = labelline(kept, "backup", str(tmp_path / "backups"))
    assert (shown.exit_code, "COULD NOT BE KEPT: items/" in shown.output) == (4, True)
    back = labelline(tmp_path / "again", "restore", str(tmp_path / "backups"), "--json")
    assert (back.exit_code, json.loads(back.stdout)["check"]["counts"]) == (4, {"missing": 1})


def test_a_stack_that_is_down_is_not_backed_up_by_guesswork(kept: Path, engine: Engine, tmp_path: Path) -> None:
    state = StackState(home=kept, ports=dict.fromkeys(ServiceName, 9), processes={})
    state.save()
    engine.dispose()
    (tmp_path / "catalog.sqlite").rename(kept / "catalog.sqlite")
    shown = labelline(kept, "backup", str(tmp_path / "backups"))
    assert (shown.exit_code, "is down" in shown.output, "`labelline up` first" in shown.output) == (1, True, True)
    assert not (tmp_path / "backups").exists()


def test_a_password_of_a_tracking_server_is_not_told(kept: Path, tmp_path: Path) -> None:
    secret = SecretStr("http://bob:topsecret@mlflow.example.org:5000")
    Tracking(uri=secret, artifact_root="s3://x").save(PLUGS, overwrite=True)
    shown = labelline(kept, "backup", str(tmp_path / "backups"))
    assert "not in it: MLflow at mlflow.example.org" in shown.output
    assert "topsecret" not in shown.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("/no/such/folder",), "there is no folder"),
        (("s3://bucket",), "LABELLINE_S3_ENDPOINT"),
    ],
)
def test_a_place_that_is_none_is_named(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    shown = labelline(tmp_path / "again", "restore", *arguments)
    assert (shown.exit_code, told in shown.output) == (1, True)


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--catalog", "sqlite:///a", "is for PostgreSQL"),
        ("--catalog", "?", "is no address"),
        ("--objects", "s3://bucket/prefix", "without a prefix"),
        ("--objects", "folder", "expected s3://BUCKET"),
        ("--name", "20200101T000000.000000Z", "no finished backup"),
    ],
)
def test_an_option_that_cannot_be_is_named(kept: Path, tmp_path: Path, option: str, value: str, told: str) -> None:
    labelline(kept, "backup", str(tmp_path / "backups"))
    shown = labelline(tmp_path / "again", "restore", str(tmp_path / "backups"), option, value)
    assert (shown.exit_code, told in shown.output) == (1, True), shown.output
