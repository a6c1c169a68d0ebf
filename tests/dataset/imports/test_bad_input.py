"""What people really bring: wrong formats, half datasets, odd names. All of it is told, and what is good comes in."""

from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import Source
from blocks.errors import BadInput, BadOption, BadTruth, UnknownClass
from blocks.storage.stores import Store
from tasks.dataset.imports import report as told
from tasks.dataset.imports.options import ImportOptions
from tests.dataset.imports.world import bring, coco, draw, labels, write, yolo

CAR = ("car", (10.0, 10.0, 30.0, 20.0))


def nothing_came_in(engine: Engine) -> bool:
    with reading(engine) as session:
        return not session.exec(select(Source)).all() and not labels(engine)


def test_an_empty_folder_is_refused(engine: Engine, store: Store, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    with pytest.raises(BadInput):
        bring(engine, store, tmp_path / "set")
    assert nothing_came_in(engine)


def test_two_formats_in_one_folder_ask_which_is_meant(engine: Engine, store: Store, tmp_path: Path) -> None:
    draw(tmp_path / "set" / "a.png")
    write(tmp_path / "set" / "a.xml", "<annotation><filename>a.png</filename></annotation>")
    coco(tmp_path / "set" / "all.json", {"a.png": [CAR]})
    with pytest.raises(BadTruth, match="several formats"):
        bring(engine, store, tmp_path / "set")
    assert nothing_came_in(engine)
    report = bring(engine, store, tmp_path / "set", format="coco")
    assert report.counts.labels == {told.NEW: 1}


def test_a_format_that_is_not_there_is_refused_with_those_that_are(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    draw(tmp_path / "set" / "a.png")
    with pytest.raises(BadOption, match=r"'yollo' is no format of datasets \(known: .*yolo"):
        bring(engine, store, yolo(tmp_path / "set", {"a.png": [CAR]}), format="yollo")


def test_a_wrong_format_is_refused_with_what_lies_there(engine: Engine, store: Store, tmp_path: Path) -> None:
    draw(tmp_path / "set" / "a.png")
    yolo(tmp_path / "set", {"a.png": [CAR]})
    with pytest.raises(
        BadTruth, match=r"none of the 1 pictures .* in the format voc\. What lies there looks like yolo"
    ):
        bring(engine, store, tmp_path / "set", format="voc")
    assert nothing_came_in(engine)


def test_a_class_that_the_labels_lack_is_refused_and_settles_no_picture_as_empty(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    draw(tmp_path / "set" / "a.png")
    yolo(tmp_path / "set", {"a.png": [CAR]})
    with pytest.raises(UnknownClass, match=r"class 'cat' is not in the labels.*car.*bus"):
        bring(engine, store, tmp_path / "set", classes=("car", "cat"))
    assert nothing_came_in(engine)
    report = bring(engine, store, tmp_path / "set", classes=("bus",))
    assert report.counts.pictures == {told.SETTLED: 1}, "the dataset knows buses, and says that there is none"


def test_labels_without_pictures_and_pictures_without_labels_are_told_of(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    for name in ("both.png", "alone.png"):
        draw(tmp_path / "set" / name)
    yolo(tmp_path / "set", {"both.png": [CAR], "lost.png": [CAR]})
    report = bring(engine, store, tmp_path / "set")
    assert report.counts.pictures == {told.SETTLED: 1, told.TO_LABEL: 1}
    said = " ".join(report.counts.first_problems)
    assert "alone.png: no labels" in said
    assert "lost" in said
    assert report.read["pictures missing"] == 1


def test_a_broken_picture_is_set_aside_and_its_neighbours_come_in(engine: Engine, store: Store, tmp_path: Path) -> None:
    draw(tmp_path / "set" / "a.png")
    half = draw(tmp_path / "set" / "half.png")
    half.write_bytes(half.read_bytes()[:-2000])
    yolo(tmp_path / "set", {"a.png": [CAR], "half.png": [CAR]})
    report = bring(engine, store, tmp_path / "set")
    assert report.counts.pictures == {told.SETTLED: 1, told.NOT_TAKEN: 1}
    assert any("half.png: a picture that cannot be taken in" in problem for problem in report.counts.first_problems)


@pytest.mark.parametrize(
    "name", ["größe 100%.png", "停車場.png", "a b (1).png", "line\nbreak.png", "-x.png", "q'uo\"te.png"]
)
def test_a_picture_may_be_called_anything(engine: Engine, store: Store, tmp_path: Path, name: str) -> None:
    draw(tmp_path / "set" / "sub folder" / name)
    report = bring(engine, store, yolo(tmp_path / "set", {f"sub folder/{name}": [CAR]}))
    assert report.counts.pictures == {told.SETTLED: 1}, report.told()


def test_a_name_that_is_no_utf8_comes_in(engine: Engine, store: Store, tmp_path: Path) -> None:
    strange = Path(str(tmp_path / "set")) / "caf\udce9.png"
    draw(tmp_path / "set" / "a.png").rename(strange)
    yolo(tmp_path / "set", {"x.png": []})
    (tmp_path / "set" / "x.txt").unlink()
    strange.with_suffix(".txt").write_text("0 0.5 0.5 0.2 0.2")
    assert bring(engine, store, tmp_path / "set").counts.pictures == {told.SETTLED: 1}


def test_a_class_that_no_line_could_ask_for_is_left_out(engine: Engine, store: Store, tmp_path: Path) -> None:
    draw(tmp_path / "set" / "a.png")
    yolo(tmp_path / "set", {"a.png": [CAR, ("$price", CAR[1])]}, names=("car", "$price"))
    report = bring(engine, store, tmp_path / "set")
    assert report.counts.labels == {told.NEW: 1}
    assert any("dollar sign" in problem for problem in report.counts.first_problems)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"collection": ""}, "without a name"),
        ({"collection": "../x"}, "in its name"),
        ({"path": ""}, "is no path"),
        ({"path": "/"}, "all of this machine"),
        ({"purpose": "facts"}, "truth"),
        ({"classes": ["car", "Car"]}, "differ by capitals"),
        ({"sequence_pattern": "("}, "pattern"),
    ],
)
def test_options_are_checked_before_anything_is_read(asked: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ImportOptions.model_validate({"path": "/data/set", "collection": "lot", **asked})


def test_problems_of_reading_and_of_bringing_in_are_one_table_by_kind(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    draw(tmp_path / "set" / "a.png")
    half = draw(tmp_path / "set" / "half.png")
    half.write_bytes(half.read_bytes()[:-2000])
    yolo(
        tmp_path / "set", {"a.png": [CAR, CAR, ("car", (90.0, 10.0, 120.0, 20.0))], "half.png": [CAR], "no.png": [CAR]}
    )
    report = bring(engine, store, tmp_path / "set", pictures_in_part=1)
    kinds = {"doubled-box": 1, "box-beyond-frame": 1, "missing-picture": 1, "unreadable-picture": 1}
    assert {kind: each.count for kind, each in report.counts.kinds.items()} == kinds
    assert sum(report.counts.problems.values()) == 4
    lines = report.told()
    assert next(line.split()[:2] for line in lines if line.startswith("  ")) == ["kind", "count"]
    assert any(line.startswith("  doubled-box") and "the same car as" in line for line in lines)
    assert "| doubled-box | 1 | a.txt, line 2: " in told.import_page(report)
    table = Path(report.problems_at or "").with_name("problems-by-kind.csv").read_text(encoding="utf-8")
    assert table.splitlines()[0] == "kind,count,first"
    assert len(table.splitlines()) == 5


def test_the_track_of_a_label_comes_in_with_it(engine: Engine, store: Store, tmp_path: Path) -> None:
    draw(tmp_path / "set" / "a.png")
    write(tmp_path / "set" / "t.csv", "picture,class,x_min,y_min,x_max,y_max,track\na.png,car,10,10,30,20,7\n")
    report = bring(engine, store, tmp_path / "set")
    assert report.counts.labels == {told.NEW: 1}
    assert not report.counts.problems
    assert [label.track for label in labels(engine)] == ["7"]
