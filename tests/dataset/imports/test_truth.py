"""Truth from elsewhere: settled as it came, with file and line; again it changes nothing; a person's word stands."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.import_tables import LabelImport
from blocks.database.tables import Batch, BatchItem, Item
from blocks.errors import BadOption
from blocks.storage.stores import Store
from tasks.dataset.imports import report as told
from tasks.dataset.imports.bring_in import begin, bring_in_part
from tasks.dataset.imports.options import ImportOptions
from tasks.dataset.imports.preparing.prepare import prepare_import
from tasks.intake.batches import open_batch, unsettled
from tasks.settle.in_force import labels_in_force
from tasks.settle.labels import settle
from tests.dataset.imports.world import COLLECTION, bring, coco, draw, labels, settled, take, yolo
from tests.settle.world import ask, region, say

CAR = ("car", (10.0, 10.0, 30.0, 20.0))
BUS = ("bus", (50.0, 5.0, 90.0, 45.0))
MOVED = ("car", (12.0, 10.0, 32.0, 20.0))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures with labels, one that is known to be empty, and one of which nothing is known."""
    for name in ("a.png", "b.png", "empty.png", "unknown.png"):
        draw(tmp_path / "set" / name)
    return yolo(tmp_path / "set", {"a.png": [CAR, BUS], "b.png": [CAR], "empty.png": []})


def rows(engine: Engine) -> list[tuple[str, int, bool, str]]:
    return [(row.class_name, row.revision, row.retracted, row.origin) for row in labels(engine)]


def item_called(engine: Engine, name: str) -> str:
    with reading(engine) as session:
        return session.exec(select(Item.id).where(Item.name == name)).one()


def test_labels_come_in_settled_with_file_and_line_behind_each(engine: Engine, store: Store, folder: Path) -> None:
    report = bring(engine, store, folder)
    found = labels(engine)
    assert [
        (row.class_name, row.origin, row.import_file, row.import_line) for row in found if row.import_file == "a.txt"
    ] == [
        ("car", "import", "a.txt", 1),
        ("bus", "import", "a.txt", 2),
    ]
    bus = found[-1]
    assert (bus.x_min, bus.y_min, bus.x_max, bus.y_max) == pytest.approx(BUS[1], abs=0.01)
    with reading(engine) as session:
        (noted,) = session.exec(select(LabelImport)).all()
    assert {row.import_id for row in found} == {noted.id} == {report.import_id}
    assert (noted.name, noted.purpose, noted.format, noted.classes) == ("set", "truth", "yolo", ["bus", "car"])
    assert noted.ended_at is not None


def test_an_empty_picture_is_settled_and_an_unknown_one_stays_to_be_labelled(
    engine: Engine, store: Store, folder: Path
) -> None:
    report = bring(engine, store, folder)
    assert report.counts.pictures == {told.SETTLED: 3, told.TO_LABEL: 1}
    assert report.counts.labels == {told.NEW: 3}
    assert settled(engine) == {item_called(engine, name) for name in ("a.png", "b.png", "empty.png")}
    assert open_batch(engine, "next", COLLECTION, 10).size == 1, "the line asks about the unknown one alone"


def test_an_import_speaks_of_its_own_classes_and_takes_no_other_back(
    engine: Engine, store: Store, folder: Path, tmp_path: Path
) -> None:
    bring(engine, store, folder)
    trucks = tmp_path / "trucks"
    trucks.mkdir()
    shutil.copy(folder / "a.png", trucks)
    truck = ("truck", (60.0, 25.0, 80.0, 40.0))
    report = bring(engine, store, yolo(trucks, {"a.png": [truck]}, names=("truck",)))
    assert report.counts.labels == {told.NEW: 1}
    item = item_called(engine, "a.png")
    assert sorted(row.class_name for row in labels_in_force(engine, [item])[item]) == ["bus", "car", "truck"]
    report = bring(engine, store, yolo(trucks, {"a.png": []}, names=("truck",)))
    assert report.counts.labels == {told.TAKEN_BACK: 1}
    assert sorted(row.class_name for row in labels_in_force(engine, [item])[item]) == ["bus", "car"]


def test_the_same_import_again_changes_nothing(engine: Engine, store: Store, folder: Path) -> None:
    first = bring(engine, store, folder)
    before = rows(engine)
    again = bring(engine, store, folder)
    assert rows(engine) == before
    assert again.import_id == first.import_id
    assert again.counts.pictures == {told.UNCHANGED: 3, told.TO_LABEL: 1}
    assert again.counts.labels == {told.SAME: 3}
    with reading(engine) as session:
        assert len(session.exec(select(LabelImport)).all()) == 1
        assert len(session.exec(select(Batch)).all()) == 1


def test_a_changed_file_adds_revisions_and_retractions_and_overwrites_nothing(
    engine: Engine, store: Store, folder: Path
) -> None:
    bring(engine, store, folder)
    yolo(folder, {"a.png": [MOVED], "b.png": [("bus", CAR[1])]})
    report = bring(engine, store, folder)
    assert report.counts.labels == {told.CHANGED: 2, told.TAKEN_BACK: 1}
    assert report.counts.pictures == {told.SETTLED: 2, told.UNCHANGED: 1, told.TO_LABEL: 1}
    assert sorted(rows(engine)) == [
        ("bus", 0, False, "import"),
        ("bus", 1, False, "import"),  # the car of b.png, renamed
        ("bus", 1, True, "import"),
        ("car", 0, False, "import"),
        ("car", 0, False, "import"),
        ("car", 1, False, "import"),
    ]
    in_force = labels_in_force(engine, [item_called(engine, "a.png")])
    ((label,),) = in_force.values()
    assert label.x_min == pytest.approx(MOVED[1][0], abs=0.01)


def test_what_a_person_said_is_never_overridden(engine: Engine, store: Store, folder: Path) -> None:
    report = bring(engine, store, folder)
    item_id, batch_id = item_called(engine, "a.png"), report.batch_id or ""
    question = ask(engine, item_id, batch_id=batch_id)
    say(engine, question, [region("r1", x=60, w=20)])
    settle(engine, batch_id, "", "")
    before = rows(engine)
    yolo(folder, {"a.png": [MOVED]})
    again = bring(engine, store, folder)
    assert again.counts.pictures == {told.KEPT: 1, told.UNCHANGED: 2, told.TO_LABEL: 1}
    assert rows(engine) == before
    assert any("a.png: people have labelled it" in problem for problem in again.counts.first_problems)


def test_a_person_corrects_an_imported_label_and_takes_the_answer_back(
    engine: Engine, store: Store, folder: Path
) -> None:
    report = bring(engine, store, folder)
    item_id, batch_id = item_called(engine, "b.png"), report.batch_id or ""
    (imported,) = labels_in_force(engine, [item_id])[item_id]
    settle(engine, batch_id, "", "")
    assert labels_in_force(engine, [item_id])[item_id] == [imported], "settling again changes nothing"
    question = ask(engine, item_id, batch_id=batch_id)
    settle(engine, batch_id, "", "")
    assert labels_in_force(engine, [item_id])[item_id] == [imported], "it stands until somebody answers"
    say(engine, question, [region(imported.region, x=11, y=10, w=20, h=10)])
    settle(engine, batch_id, "", "")
    (corrected,) = labels_in_force(engine, [item_id])[item_id]
    assert (corrected.origin, corrected.revision, corrected.import_file) == ("person", 1, "b.txt")


def test_a_picture_that_is_being_asked_about_is_left_to_those_who_are_asked(
    engine: Engine, store: Store, folder: Path
) -> None:
    take(engine, store, folder / "a.png")
    open_batch(engine, "asked", COLLECTION, 10)
    report = bring(engine, store, folder)
    assert report.counts.pictures == {told.ASKED: 1, told.SETTLED: 2, told.TO_LABEL: 1}
    assert item_called(engine, "a.png") not in settled(engine)
    assert list(unsettled(engine, COLLECTION)) == ["asked"], "no run goes on with the batch of an import"


def test_labels_without_pictures_find_theirs_by_the_end_of_its_path(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    photos = [draw(tmp_path / "photos" / name) for name in ("north/a.png", "south/a.png", "south/c.png")]
    take(engine, store, *photos)
    cars = {"south/a.png": [CAR], "c.png": [BUS], "a.png": [CAR], "lost.png": [CAR]}
    report = bring(engine, store, coco(tmp_path / "labels" / "all.json", cars))
    assert report.counts.pictures == {told.SETTLED: 2}
    assert report.read["pictures ambiguous"] == report.read["pictures missing"] == 1
    told_of = " ".join(report.counts.first_problems)
    assert "lost.png: a picture that lies neither beside its labels nor in the collection" in told_of
    assert "north/a.png or" in told_of or "or photos/north/a.png" in told_of
    assert sorted(row.class_name for row in labels(engine)) == ["bus", "car"]


def test_a_picture_of_another_size_is_not_known(engine: Engine, store: Store, tmp_path: Path) -> None:
    take(engine, store, draw(tmp_path / "photos" / "a.png", (64, 64)))
    report = bring(engine, store, coco(tmp_path / "labels" / "all.json", {"a.png": [CAR]}))
    assert report.counts.pictures == {}
    assert "labelled at 100×50, and the collection's picture of that name is 64×64" in report.counts.first_problems[0]


def test_two_pictures_of_the_same_bytes_have_the_labels_of_one(engine: Engine, store: Store, tmp_path: Path) -> None:
    first = draw(tmp_path / "set" / "a.png")
    (tmp_path / "set" / "z.png").write_bytes(first.read_bytes())
    yolo(tmp_path / "set", {"a.png": [CAR], "z.png": [BUS]})
    for _ in range(2):
        report = bring(engine, store, tmp_path / "set")
        assert report.counts.pictures[told.DOUBLED] == 1
        assert rows(engine) == [("car", 0, False, "import")]


def test_nothing_comes_in_where_the_whole_contradicts_the_collection(
    engine: Engine, store: Store, tmp_path: Path, folder: Path
) -> None:
    bring(engine, store, folder)
    draw(tmp_path / "other" / "new.png")
    yolo(tmp_path / "other", {"new.png": [("Car", CAR[1])]}, names=("Car",))
    with pytest.raises(BadOption, match="differ by capitals only"):
        bring(engine, store, tmp_path / "other")
    draw(tmp_path / "kinds" / "car" / "x.png")
    with pytest.raises(BadOption, match="labels are of type whole, and collection 'lot' is labelled with boxes"):
        bring(engine, store, tmp_path / "kinds", format="folders")
    with reading(engine) as session:
        assert session.exec(select(Item).where(Item.name.in_(["new.png", "x.png"]))).all() == []


def test_folders_of_classes_settle_whole_pictures(engine: Engine, store: Store, tmp_path: Path) -> None:
    for name in ("red/a.png", "blue/b.png"):
        draw(tmp_path / "set" / name)
    report = bring(engine, store, tmp_path / "set", format="folders")
    assert (report.kind, report.counts.pictures) == ("classes", {told.SETTLED: 2})
    assert {(row.region, row.class_name, row.x_min) for row in labels(engine)} == {
        ("whole", "red", None),
        ("whole", "blue", None),
    }
    (tmp_path / "set" / "red" / "a.png").rename(tmp_path / "set" / "blue" / "a.png")
    again = bring(engine, store, tmp_path / "set", format="folders")
    assert again.counts.labels == {told.CHANGED: 1, told.SAME: 1}


def test_only_the_classes_that_were_asked_for_come_in(engine: Engine, store: Store, folder: Path) -> None:
    report = bring(engine, store, folder, classes=("bus",))
    assert {row.class_name for row in labels(engine)} == {"bus"}
    assert report.read["labels of no use"] == 2


def test_an_import_that_was_interrupted_goes_on_without_doubles(engine: Engine, store: Store, tmp_path: Path) -> None:
    boxes = {f"p{number}.png": [CAR] for number in range(5)}
    for name in boxes:
        draw(tmp_path / "set" / name)
    yolo(tmp_path / "set", boxes)
    options = ImportOptions(path=str(tmp_path / "set"), collection=COLLECTION)
    plan = prepare_import(engine, store, options, pictures_in_part=2)
    begin(engine, plan)
    bring_in_part(engine, store, plan, 1)
    report = bring(engine, store, tmp_path / "set", pictures_in_part=2)
    assert report.import_id == plan.id
    assert report.counts.pictures == {told.SETTLED: 3, told.UNCHANGED: 2}
    assert len(labels(engine)) == 5
    with reading(engine) as session:
        positions = sorted(session.exec(select(BatchItem.position)).all())
    assert positions == [0, 1, 2, 3, 4]
