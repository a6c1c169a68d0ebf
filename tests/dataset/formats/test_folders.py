"""Folders per class: every class name makes a folder and comes back, and what is in no folder is told."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Label
from blocks.errors import BadOption
from blocks.storage.stores import Store
from infra.annotators.truth import read_world
from tasks.dataset.formats.folders import folder_of
from tasks.dataset.formats.published import read_truth
from tasks.dataset.take_along import Format, take_along
from tests.dataset.scenes import draw_scene, label_row, settle_scenes

SPLITS = {"s0": "train", "s1": "val", "s2": "test"}
NAMES = ("car", "a/b: 50 %", ".hidden")


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((5, 5, 3), dtype=np.uint8))


@pytest.fixture
def ids(engine: Engine, store: Store) -> list[str]:
    """Four pictures without a box; three of them have a class."""
    scenes = [draw_scene(n, sequence=f"s{n % 3}", squares=0) for n in range(4)]
    ids = settle_scenes(engine, store, scenes, SPLITS)
    nowhere = {"x_min": None, "y_min": None, "x_max": None, "y_max": None, "shape": {"type": "whole"}}
    rows = [
        {**label_row(item_id, "whole", name, (0, 0, 1, 1)), **nowhere}
        for item_id, name in zip(ids, NAMES, strict=False)
    ]
    with writing(engine) as session:
        upsert(session, Label, rows)
    return ids


def test_what_is_written_is_read_again_by_split_and_class(
    engine: Engine, store: Store, ids: list[str], tmp_path: Path
) -> None:
    result = take_along(engine, store, "lot", tmp_path / "out", "folders", "copy")
    assert dict(result.pictures) == {"train": 1, "val": 1, "test": 1}
    assert result.notes == {"pictures without exactly one class, left out": 1}
    assert dict(result.labels) == dict.fromkeys(NAMES, 1)
    truth = read_truth(tmp_path / "out", "folders")
    assert (truth.classes, list(truth.problems), truth.boxes) == (tuple(sorted(NAMES)), [], {})
    assert {name.split("/")[0]: class_name for name, class_name in truth.wholes.items()} == dict(
        zip(SPLITS.values(), NAMES, strict=True)
    )


def test_folders_of_classes_alone_are_read_too_and_a_name_may_come_twice(tmp_path: Path) -> None:
    for path in ("car/1.png", "bus/1.png", "bus/by night/2.png", "stray.png"):
        picture(tmp_path / path)
    (tmp_path / "car" / "broken.png").write_bytes(b"no picture")
    truth = read_truth(tmp_path, "folders")
    assert truth.wholes == {"car/1.png": "car", "bus/1.png": "bus", "bus/by night/2.png": "bus"}
    assert truth.classes == ("bus", "car")
    assert [problem.file for problem in truth.problems] == ["car/broken.png", "stray.png"]


def test_simulated_people_know_the_class_of_a_picture(tmp_path: Path) -> None:
    picture(tmp_path / "car" / "1.png")
    (known,) = read_world(tmp_path, "folders").pictures.values()
    assert (known.class_name, known.boxes) == ("car", ())


def test_without_pictures_there_is_nothing_to_write(
    engine: Engine, store: Store, ids: list[str], tmp_path: Path
) -> None:
    with pytest.raises(BadOption, match="take --images copy or link"):
        take_along(engine, store, "lot", tmp_path / "out", "folders", "none")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("name", "folder"), [("car", "car"), ("a/b", "a%2Fb"), ("..", "%2E."), ("50 %", "50 %25")])
def test_a_class_becomes_a_folder_that_no_file_system_minds(name: str, folder: str) -> None:
    assert folder_of(name) == folder


@pytest.mark.parametrize("fmt", ["cvat", "label-studio", "csv", "jsonl", "fiftyone"])
def test_classes_of_whole_pictures_come_back_from_other_formats(
    engine: Engine, store: Store, ids: list[str], tmp_path: Path, fmt: Format
) -> None:
    take_along(engine, store, "lot", tmp_path / "out", fmt, "copy")
    truth = read_truth(tmp_path / "out", fmt)
    assert sorted(truth.wholes.values()) == sorted(NAMES)
    assert list(truth.boxes.values()) == [()], "the fourth picture has no class, and is known to have none"
    assert not len(truth.problems)
