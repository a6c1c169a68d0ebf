"""Every format is read and written, says what it holds, and gives back what was settled."""

from pathlib import Path
from typing import get_args

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Label
from blocks.errors import BadOption
from blocks.storage.stores import Store
from infra.cli.typed.choices import ExportFormatName, TruthFormatName
from tasks.dataset.formats.published import TruthFormat, read_truth
from tasks.dataset.formats.registry import FORMATS, READERS, format_that_holds
from tasks.dataset.take_along import Format, take_along
from tasks.kinds.registry import KINDS
from tests.dataset.scenes import draw_scene, label_row, settle_scenes

SPLITS = {"s0": "train", "s1": "val", "s2": "test"}


@pytest.fixture
def ids(engine: Engine, store: Store) -> list[str]:
    return settle_scenes(engine, store, [draw_scene(n, sequence=f"s{n % 3}", squares=n % 4) for n in range(6)], SPLITS)


def test_the_command_line_offers_what_the_registry_has() -> None:
    assert {each.value for each in ExportFormatName} == set(get_args(Format)) == set(FORMATS)
    assert {each.value for each in TruthFormatName} == set(get_args(TruthFormat)) == {"auto", *READERS}


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_holds_kinds_that_there_are(name: str) -> None:
    held = [kind.name for kind in KINDS.values() if kind.shapes <= FORMATS[name].shapes]
    assert held and all(format_that_holds(name, kind) is FORMATS[name] for kind in held)


def test_what_a_format_cannot_hold_is_said_with_those_that_can() -> None:
    with pytest.raises(BadOption, match=r"voc cannot hold classes \(formats that can: cvat, .*, folders\)"):
        format_that_holds("voc", "classes")
    with pytest.raises(
        BadOption,
        match=r"folders cannot hold boxes \(formats that can: coco, yolo, .*, fiftyone, mot\)",
    ):
        format_that_holds("folders", "boxes")
    with pytest.raises(BadOption, match=r"'dota' is no format that datasets are written in"):
        format_that_holds("dota", "boxes")


@pytest.mark.parametrize("name", [name for name, each in FORMATS.items() if "box" in each.shapes])
def test_what_is_written_is_read_again(
    engine: Engine, store: Store, ids: list[str], tmp_path: Path, name: Format
) -> None:
    with writing(engine) as session:
        upsert(session, Label, [label_row(ids[1], "odd", "red & <blue>", (1.25, 2.5, 9.125, 30.75))])
    with reading(engine) as session:
        rows = session.exec(select(Label)).all()
        settled = sorted((row.class_name, row.x_min, row.y_min, row.x_max, row.y_max) for row in rows)
    result = take_along(engine, store, "lot", tmp_path / "out", name, "copy")
    truth = read_truth(tmp_path / "out", name)
    assert list(truth.problems) == []
    assert len(truth.boxes) == sum(result.pictures.values()) == 6
    found = sorted((box.class_name, *box.box_xyxy_px) for boxes in truth.boxes.values() for box in boxes)
    assert [name for name, *_ in found] == [name for name, *_ in settled]
    for (_, *edges), (_, *true) in zip(found, settled, strict=True):
        assert edges == pytest.approx(true, abs=0.01)


def test_voc_says_which_pictures_are_in_which_split_and_what_it_cannot_hold(
    engine: Engine, store: Store, ids: list[str], tmp_path: Path
) -> None:
    with writing(engine) as session:
        upsert(session, Label, [label_row(ids[0], "kind", "red", (1, 1, 9, 9), kind="crimson")])
    said: list[str] = []
    take_along(engine, store, "lot", tmp_path / "out", "voc", "copy", said.append)
    sets = {path.stem: path.read_text().split() for path in (tmp_path / "out" / "ImageSets" / "Main").glob("*.txt")}
    assert {split: len(names) for split, names in sets.items()} == {"train": 2, "val": 2, "test": 2}
    stems = {path.stem for path in (tmp_path / "out" / "Annotations").glob("*.xml")}
    assert {name for names in sets.values() for name in names} == stems
    able = "coco, cvat, label-studio, csv, jsonl, fiftyone"
    assert said[0] == f"1 labels with an exact kind: voc has no room for that (formats that have: {able})"
