"""`fsck` in a terminal, while the stack is down: what is told, and the exit code."""

import json
from pathlib import Path

import psutil
import pytest
from click.testing import Result
from sqlalchemy import Engine
from typer.testing import CliRunner

from blocks.catalog import migrate
from blocks.database.engine import open_engine
from blocks.storage.stores import FolderStore
from infra.cli.main import app
from infra.stack.secrets.credentials import ensure_credentials
from infra.stack.servers.services import catalog_url
from infra.stack.state import ProcessRecord, ServiceName, StackState
from tests.keeping.world import keep_items, key_of


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A state folder whose stack does not run."""
    home = tmp_path / ".home"
    home.mkdir()
    ensure_credentials(home)
    StackState(home=home, ports=dict.fromkeys(ServiceName, 9), processes={}).save()
    migrate(catalog_url(home))
    return home


@pytest.fixture
def catalog(home: Path) -> Engine:
    return open_engine(catalog_url(home))


@pytest.fixture
def objects(home: Path) -> FolderStore:
    return FolderStore(home / "objects")


def labelline(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"LABELLINE_HOME": str(home), "COLUMNS": "400"})


def test_fsck_says_that_all_is_whole(home: Path, catalog: Engine, objects: FolderStore) -> None:
    keep_items(catalog, objects, [b"a", b"b"])
    shown = labelline(home, "fsck")
    assert (shown.exit_code, "2 objects" in shown.output, "all objects are whole" in shown.output) == (0, True, True)
    assert "the stack is down" in shown.output


def test_fsck_says_of_each_fault_what_it_means_and_what_to_do(
    home: Path, catalog: Engine, objects: FolderStore
) -> None:
    one, other = keep_items(catalog, objects, [b"a", b"b"])
    objects.put(one, b"A")
    objects.delete(other)
    objects.put(key_of(b"c"), b"c")
    shown = labelline(home, "fsck")
    assert shown.exit_code == 4
    assert "its labels are safe" in shown.output
    assert "to do: copy it from a backup that is restored" in shown.output
    assert one in shown.output
    assert "orphan: it takes room" in shown.output
    assert "2 objects are missing or damaged" in shown.output
    told = labelline(home, "fsck", "--json")
    found = json.loads(told.stdout)
    assert (told.exit_code, found["remaining"], found["counts"]) == (4, 2, {"damaged": 1, "missing": 1, "orphan": 1})


def test_a_prefect_that_does_not_answer_is_not_taken_for_one_that_is_down(
    home: Path, catalog: Engine, objects: FolderStore
) -> None:
    keep_items(catalog, objects, [b"a"])
    me = psutil.Process()
    prefect = {ServiceName.PREFECT: ProcessRecord(pid=me.pid, created=me.create_time())}
    StackState(home=home, ports=dict.fromkeys(ServiceName, 9), processes=prefect).save()
    shown = labelline(home, "fsck")
    assert (shown.exit_code, "which knows where data are, is not answering" in shown.output) == (1, True)


def test_a_store_with_nothing_in_it_is_not_told_picture_by_picture(
    home: Path, catalog: Engine, objects: FolderStore
) -> None:
    for key in keep_items(catalog, objects, [b"a", b"b"]):
        objects.delete(key)
    shown = labelline(home, "fsck")
    assert (shown.exit_code, "only Prefect knows of another" in shown.output) == (1, True)


def test_an_orphan_alone_is_no_damage(home: Path, objects: FolderStore) -> None:
    objects.put(key_of(b"c"), b"c")
    assert labelline(home, "fsck").exit_code == 0


def test_a_check_is_done_in_parts(home: Path, catalog: Engine, objects: FolderStore) -> None:
    keep_items(catalog, objects, [b"%d" % number for number in range(600)])
    shown = labelline(home, "fsck", "--rate", "0.1", "--minutes", "0.1")
    assert (shown.exit_code, "all objects are whole" in shown.output) == (0, True)
    assert labelline(home, "fsck", "--rate", "0").exit_code == 2
    assert labelline(home, "fsck", "--anew").exit_code == 0
