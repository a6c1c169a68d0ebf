"""What is wrong is said before anything is taken in, by every command that starts or ends a labelling."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import Engine
from sqlmodel import select
from typer.testing import CliRunner

from blocks.database.engine import reading
from blocks.database.tables import Item, Source
from blocks.storage.stores import FolderStore
from infra.cli.main import app
from tests.dataset.scenes import draw_scene, settle_scenes
from tests.infra.homes import home
from tests.train.conftest import tiny_weights

__all__ = ["home", "tiny_weights"]

# Prefect 3.8 leaves sockets of its own clients to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "Bob's photos (1)"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


def labelline(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"LABELLINE_HOME": str(home), "COLUMNS": "400"})


def rows(engine: Engine) -> int:
    with reading(engine) as session:
        return len(session.exec(select(Source)).all()) + len(session.exec(select(Item)).all())


@pytest.mark.parametrize(
    ("classes", "detector", "said"),
    [
        ("red,bleu", "weights", "class 'bleu' is not known to the detector tiny.pt. Did you mean 'blue'?"),
        ("tree,house", "weights", "knows none of the classes tree, house, only: red, blue"),
        ("red", "7", "has no detector '7'"),
        ("red", "picture", "a.png"),
    ],
)
def test_a_detector_that_cannot_do_it_is_said_before_anything_is_taken_in(
    home: Path, engine: Engine, photos: Path, tiny_weights: Path, classes: str, detector: str, said: str
) -> None:
    given = {"weights": str(tiny_weights), "picture": str(photos / "a.png")}.get(detector, detector)
    shown = labelline(home, "label", str(photos), "--classes", classes, "--detector", given)
    assert (shown.exit_code, rows(engine)) == (1, 0)
    assert said in shown.output
    for code in ("Traceback", '{"', "(?:", "errors.pydantic"):
        assert code not in shown.output


def test_what_is_new_to_the_detector_is_told_and_then_the_line_is_started(
    home: Path, engine: Engine, photos: Path, tiny_weights: Path
) -> None:
    asked = ("--classes", "red,bleu", "--new-class", "bleu", "--detector", str(tiny_weights))
    shown = labelline(home, "label", str(photos), *asked)
    assert "it does not know bleu: people find these without boxes" in shown.output
    assert "is not deployed: run `labelline up`" in shown.output, "all that was checked is well"


def test_a_collection_that_is_not_there_is_said_with_the_one_that_was_meant(
    home: Path, engine: Engine, store: FolderStore, tmp_path: Path
) -> None:
    settle_scenes(engine, store, [draw_scene(0)], {"s0": "train"}, collection="Photos (1)")
    commands = (
        ["retrain", "photos (1)"],
        ["simulate", str(tmp_path), "photos (1)"],
        ["export", "photos (1)", "--out", str(tmp_path / "out")],
        ["gold", "--collection", "photos (1)"],
    )
    for command in commands:
        shown = labelline(home, *command)
        assert (shown.exit_code, "Did you mean 'Photos (1)'?" in shown.output) == (1, True), command


def test_retraining_without_labels_is_refused_in_the_terminal(home: Path, engine: Engine, store: FolderStore) -> None:
    settle_scenes(engine, store, [draw_scene(1, squares=0)], {"s0": "train"}, collection="bare", batch_id="b2")
    assert "has no settled labels to train on" in labelline(home, "retrain", "bare").output
    few = [draw_scene(number, sequence=f"s{number % 2}") for number in range(2, 8)]
    settle_scenes(engine, store, few, {"s0": "train", "s1": "test"}, collection="few", batch_id="b3")
    missing = "'few' has 12 labels on 3 items to train on, and 100 are needed: settle 88 more (on about 22 more items"
    assert missing in labelline(home, "retrain", "few").output


def test_retraining_says_what_it_begins_with_and_learns_from(home: Path, engine: Engine, store: FolderStore) -> None:
    many = [draw_scene(number, squares=10, sequence=f"s{number % 3}") for number in range(18)]
    settle_scenes(engine, store, many, {"s0": "train", "s1": "train", "s2": "test"}, collection="many")
    shown = labelline(home, "retrain", "many").output
    told = "a small network begins with random numbers: 120 labels on 12 items to learn from, 60 on 6 to test on"
    assert told in shown
    assert "is not deployed: run `labelline up`" in shown, "all that was checked is well"


def test_labels_are_taken_along_from_what_the_blocks_name(
    home: Path, engine: Engine, store: FolderStore, tmp_path: Path
) -> None:
    settle_scenes(engine, store, [draw_scene(0), draw_scene(1)], {"s0": "train"}, collection="Photos (1)")
    shown = labelline(home, "export", "Photos (1)", "--format", "yolo", "--out", str(tmp_path / "out"))
    assert shown.exit_code == 0, shown.output
    assert "8 labels on 2 pictures (train 2, val 0, test 0)" in shown.output
    assert "by class: blue 4, red 4" in shown.output
    assert "there is no picture in val" in shown.output
    assert len(list((tmp_path / "out" / "images" / "train").iterdir())) == 2
    again = labelline(home, "export", "Photos (1)", "--format", "csv", "--out", str(tmp_path / "out"), "--json")
    assert (again.exit_code, again.stdout) == (1, "")
    again = labelline(
        home, "export", "Photos (1)", "--format", "csv", "--out", str(tmp_path / "out"), "--json", "--overwrite"
    )
    told = json.loads(again.stdout)
    assert (told["folder"], told["labels"]) == (str(tmp_path / "out"), {"blue": 4, "red": 4})
    assert "it is replaced once the new one is whole" in told["said"][0]
    assert (tmp_path / "out" / "labels.csv").is_file()
