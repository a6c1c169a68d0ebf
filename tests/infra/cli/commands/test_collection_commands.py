"""`collections` and `show` while the stack is down: counts, the next step as a command that can be typed, JSON."""

import json
import shlex
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import Engine
from typer.testing import CliRunner

from blocks.catalog import migrate
from blocks.database.engine import open_engine, upsert, writing
from blocks.database.tables import Batch, Source, utc_now
from blocks.storage.stores import FolderStore
from infra.cli.commands import collection_commands
from infra.cli.main import app
from infra.cli.progress.collections_page import next_step
from infra.stack.orchestration.going_on import ASLEEP, DUE, ENDING, WORKS, GoingOn
from infra.stack.secrets.credentials import ensure_credentials
from infra.stack.servers.services import catalog_url
from infra.stack.state import ServiceName, StackState
from tasks.monitor.collections import read_collections
from tests.dataset.scenes import draw_scene, settle_scenes
from tests.review.builders import make_batch, write_missed

NAME = "Bob's lots (1)"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A state folder whose stack does not run."""
    home = tmp_path / ".home"
    home.mkdir()
    ensure_credentials(home)
    StackState(home=home, ports=dict.fromkeys(ServiceName, 9), processes={}).save()
    return home


@pytest.fixture
def catalog(home: Path) -> Engine:
    migrate(catalog_url(home))
    return open_engine(catalog_url(home))


def labelline(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"LABELLINE_HOME": str(home), "COLUMNS": "400"})


def test_a_home_that_was_never_started_says_what_to_do(home: Path, catalog: Engine) -> None:
    catalog.dispose()
    shown = labelline(home, "collections")
    assert (shown.exit_code, "there is no collection yet" in shown.output) == (0, True)
    shown = labelline(home, "show", "lots")
    assert (shown.exit_code, "there is no collection 'lots'" in shown.output) == (1, True)


def test_all_are_listed_with_what_comes_next(home: Path, catalog: Engine, store: FolderStore, tmp_path: Path) -> None:
    ids = settle_scenes(catalog, store, [draw_scene(0)], {"s0": "train"}, collection=NAME)
    make_batch(catalog, items=2, batch_id="b2", collection="roads", first=10)
    write_missed(catalog, "b2")
    with writing(catalog) as session:
        upsert(session, Source, [{"collection": NAME, "uri": "file:///p/a.png", "item_id": ids[0], "state": "taken"}])
        session.get_one(Batch, "b1").settled_at = utc_now()
    shown = labelline(home, "collections")
    assert shown.exit_code == 0
    assert "roads: people answer 2 questions: " in shown.output
    line = next(line for line in shown.output.splitlines() if line.startswith(f"{NAME}: "))
    assert shlex.split(line.removeprefix(f"{NAME}: "))[-4:] == ["export", NAME, "--out", f"{NAME}-coco"]


def test_one_is_shown_with_its_classes_and_queues_and_as_json(home: Path, catalog: Engine, store: FolderStore) -> None:
    settle_scenes(catalog, store, [draw_scene(0, squares=3)], {"s0": "train"}, collection=NAME)
    make_batch(catalog, items=2, batch_id="b2", collection=NAME, first=10)
    write_missed(catalog, "b2")
    shown = labelline(home, "show", NAME)
    assert "red" in shown.output
    assert "mark-missed" in shown.output
    told = json.loads(labelline(home, "show", NAME, "--json").stdout)
    assert told["labels_by_class"] == {"blue": {"person": 1}, "red": {"person": 2}}
    assert told["queues"] == [{"queue": "mark-missed", "open": 2, "answered": 0, "skipped": 0, "urls": []}]
    assert [one["name"] for one in json.loads(labelline(home, "collections", "--json").stdout)] == [NAME]


def test_the_next_command_names_the_home_that_was_typed(home: Path, catalog: Engine, store: FolderStore) -> None:
    settle_scenes(catalog, store, [draw_scene(0)], {"s0": "train"}, collection="lots")
    typed = CliRunner().invoke(app, ["--home", str(home), "show", "lots"])
    assert f"next: labelline --home {shlex.quote(str(home))} " in typed.output.replace("\n", " ")
    assert "next: labelline label" in labelline(home, "show", "lots").output


def test_where_no_label_tells_the_classes_the_next_command_has_a_word_in_their_place(
    home: Path, catalog: Engine, store: FolderStore
) -> None:
    make_batch(catalog, items=2, batch_id="b2", collection="roads", first=10)
    assert "labelline label FOLDER --classes CLASSES --name roads" in labelline(home, "show", "roads").output


@pytest.mark.parametrize(
    ("state", "asked", "told"),
    [
        (WORKS, 0, "a run works (run wise-owl, http://prefect/1)"),
        (ASLEEP, 0, "a run sleeps until it is woken (run wise-owl, http://prefect/1)"),
        (ASLEEP, 2, "people answer 2 questions: http://ls/7, then its run goes on by itself (run wise-owl, http://pre"),
        (WORKS, 2, "people answer 2 questions: http://ls/7, while a run works (run wise-owl, http://prefect/1)"),
        (DUE, 0, "a run is about to begin (run wise-owl, http://prefect/1)"),
        (ENDING, 2, "a run is being cancelled (run wise-owl, http://prefect/1), then: labelline show lots"),
    ],
)
def test_while_a_run_goes_on_no_command_begins_another(catalog: Engine, state: str, asked: int, told: str) -> None:
    make_batch(catalog, items=2, batch_id="b2", collection="lots", first=10)
    if asked:
        write_missed(catalog, "b2")
    (row,) = read_collections(catalog)
    assert next_step(row, "labelline", GoingOn("wise-owl", state, "http://prefect/1"), ["http://ls/7"]).startswith(told)
    assert "labelline label" in next_step(row, "labelline") or asked


def test_what_goes_on_is_shown_where_prefect_tells_it(
    home: Path, catalog: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_batch(catalog, items=2, batch_id="b2", collection="lots", first=10)
    run = GoingOn("wise-owl", WORKS, "http://prefect/1")
    monkeypatch.setattr(collection_commands, "going_on_in", lambda _state: {"lots": run})
    assert "next: a run works (run wise-owl, http://prefect/1)" in labelline(home, "show", "lots").output
    assert "lots: a run works (run wise-owl, http://prefect/1)" in labelline(home, "collections").output
    for told in (
        json.loads(labelline(home, "show", "lots", "--json").stdout),
        json.loads(labelline(home, "collections", "--json").stdout)[0],
    ):
        assert told["next"] == "a run works (run wise-owl, http://prefect/1)"
