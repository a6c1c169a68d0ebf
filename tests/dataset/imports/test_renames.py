"""Classes that are called otherwise in the collection are renamed on their way in, and it is said."""

from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import Source
from blocks.errors import UnknownClass
from blocks.storage.stores import Store
from tasks.dataset.imports import report as told
from tests.dataset.imports.world import bring, draw, labels, yolo

A, B, C = (10.0, 10.0, 30.0, 20.0), (40.0, 10.0, 60.0, 20.0), (70.0, 10.0, 90.0, 20.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One picture with a vehicle, an auto and a bus, and the auto again as a vehicle."""
    draw(tmp_path / "set" / "a.png")
    boxes = [("vehicle", A), ("auto", B), ("bus", C), ("vehicle", B)]
    return yolo(tmp_path / "set", {"a.png": boxes}, names=("vehicle", "auto", "bus"))


def test_two_classes_become_one_and_it_is_said(engine: Engine, store: Store, folder: Path) -> None:
    report = bring(engine, store, folder, rename={"vehicle": "car", "auto": "car"})
    assert report.counts.labels == {told.NEW: 3}
    assert report.classes == ("bus", "car")
    assert sorted(row.class_name for row in labels(engine)) == ["bus", "car", "car"]
    assert report.counts.kinds["doubled-box"].count == 1, "what was two labels is one"
    assert "classes 'vehicle', 'auto' become one, 'car'" in report.told()


def test_names_may_be_exchanged(engine: Engine, store: Store, folder: Path) -> None:
    report = bring(engine, store, folder, rename={"vehicle": "bus", "bus": "vehicle"})
    assert sorted(row.class_name for row in labels(engine)) == ["auto", "bus", "bus", "vehicle"]
    assert {"class 'vehicle' is 'bus'", "class 'bus' is 'vehicle'"} <= set(report.told())


def test_a_class_that_is_not_there_is_refused_before_anything_comes_in(
    engine: Engine, store: Store, folder: Path
) -> None:
    with pytest.raises(UnknownClass, match=r"class 'vehicel' is not in the labels.*Did you mean 'vehicle'\?"):
        bring(engine, store, folder, rename={"vehicel": "car"})
    with reading(engine) as session:
        assert not session.exec(select(Source)).all()


def test_labels_that_came_under_their_old_names_are_renamed_and_not_doubled(
    engine: Engine, store: Store, folder: Path
) -> None:
    bring(engine, store, folder)
    report = bring(engine, store, folder, rename={"vehicle": "car", "auto": "car"})
    assert report.counts.labels[told.CHANGED] == 2
    assert report.counts.labels[told.TAKEN_BACK] == 1
    in_force = {row.region: row for row in sorted(labels(engine), key=lambda row: row.revision)}
    assert sorted(row.class_name for row in in_force.values() if not row.retracted) == ["bus", "car", "car"]


def test_only_classes_under_their_new_names_are_asked_for(engine: Engine, store: Store, folder: Path) -> None:
    report = bring(engine, store, folder, rename={"auto": "car"}, classes=("car",))
    assert report.counts.labels == {told.NEW: 1}
    assert report.counts.kinds["class-not-asked-for"].count == 3
