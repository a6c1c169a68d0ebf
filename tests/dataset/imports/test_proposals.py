"""Labels from elsewhere as proposals: they stand where a detector's would, and a line triages and asks about them."""

from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Label, Proposal, Scan
from blocks.errors import BadOption
from blocks.storage.stores import Store
from tasks.dataset.imports import report as told
from tasks.detect.options import TilingOptions
from tasks.detect.proposals import proposals_of, propose
from tasks.detect.proposers.imported import RECIPE, find_imported
from tasks.detect.refs import DetectorRef
from tasks.intake.batches import items_of, open_batch
from tasks.triage.decide import decide
from tasks.triage.options import TriageOptions
from tests.dataset.imports.world import COLLECTION, bring, coco, draw

CAR = ("car", (10.0, 10.0, 30.0, 20.0))
BUS = ("bus", (50.0, 5.0, 90.0, 45.0))
TILING = TilingOptions()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures that labels know something of, and one that they do not speak of."""
    for name in ("a.png", "b.png", "unknown.png"):
        draw(tmp_path / "set" / name)
    coco(tmp_path / "set" / "labels.json", {"a.png": [CAR, BUS], "b.png": [CAR]}, scores=(0.9, 0.3, 0.8))
    return tmp_path / "set"


def imported(engine: Engine, name: str = "import:set") -> DetectorRef:
    ref = find_imported(engine, COLLECTION, name)
    assert ref is not None
    return ref


def test_proposals_wait_with_their_scores_and_nothing_is_settled(engine: Engine, store: Store, folder: Path) -> None:
    report = bring(engine, store, folder, "proposals")
    assert report.counts.pictures == {told.PROPOSED: 2, told.TO_LABEL: 1}
    assert report.counts.labels == {told.NEW: 3}
    with reading(engine) as session:
        rows = session.exec(select(Proposal).order_by(col(Proposal.score))).all()
        assert session.exec(select(Label)).all() == []
    assert [(row.class_name, row.score, row.detector, row.recipe) for row in rows] == [
        ("bus", 0.3, report.import_id, RECIPE),
        ("car", 0.8, report.import_id, RECIPE),
        ("car", 0.9, report.import_id, RECIPE),
    ]
    assert {(row.import_file, row.import_line) for row in rows} == {
        ("labels.json", 1),
        ("labels.json", 2),
        ("labels.json", 3),
    }
    again = bring(engine, store, folder, "proposals")
    assert again.counts.labels == {told.SAME: 3}


def test_a_line_has_those_of_its_classes_and_triages_them_as_a_detectors(
    engine: Engine, store: Store, folder: Path
) -> None:
    bring(engine, store, folder, "proposals")
    batch = open_batch(engine, "b1", COLLECTION, 10)
    ref, recipe = imported(engine), TILING.recipe(("car",))
    for _ in range(2):  # done twice, it is done once
        counts = propose(engine, store, items_of(engine, batch.id), ref, ("car",), TILING)
        assert (counts.items, counts.proposals, counts.lacking) == (2, 2, ())
    options = TriageOptions(accept=0.85)
    report = decide(engine, batch.id, options, ref.version, recipe, classes=("car",))
    assert (report.boxes_by_outcome["accept"], report.boxes_by_outcome["ask"]) == (1, 1)
    by_item = proposals_of(engine, [item.id for item in items_of(engine, batch.id)], ref.version, recipe)
    assert {row.import_file for rows in by_item.values() for row in rows} == {"labels.json"}


def test_people_look_at_all_pictures_for_a_class_that_the_import_does_not_know(
    engine: Engine, store: Store, folder: Path
) -> None:
    bring(engine, store, folder, "proposals")
    batch = open_batch(engine, "b1", COLLECTION, 10)
    classes = ("car", "bus", "tram")
    ref, recipe = imported(engine), TILING.recipe(classes)
    assert propose(engine, store, items_of(engine, batch.id), ref, classes, TILING).lacking == ("tram",)
    report = decide(engine, batch.id, TriageOptions(), ref.version, recipe, classes=classes)
    assert report.items_by_route["sure"] == 0


def test_people_are_asked_about_a_label_without_a_score(engine: Engine, store: Store, tmp_path: Path) -> None:
    draw(tmp_path / "set" / "a.png")
    coco(tmp_path / "set" / "labels.json", {"a.png": [CAR]})
    bring(engine, store, tmp_path / "set", "proposals")
    with reading(engine) as session:
        assert [row.score for row in session.exec(select(Proposal))] == [0.5]
    batch = open_batch(engine, "b1", COLLECTION, 10)
    ref, recipe = imported(engine), TILING.recipe(("car",))
    propose(engine, store, items_of(engine, batch.id), ref, ("car",), TILING)
    report = decide(engine, batch.id, TriageOptions(), ref.version, recipe, classes=("car",))
    assert report.boxes_by_outcome["accept"] == 0


def test_changed_labels_are_proposals_of_another_version_and_the_newest_is_meant(
    engine: Engine, store: Store, folder: Path
) -> None:
    first = bring(engine, store, folder, "proposals")
    coco(folder / "labels.json", {"a.png": [CAR]}, scores=(0.7,))
    second = bring(engine, store, folder, "proposals")
    assert imported(engine).version == second.import_id != first.import_id
    assert imported(engine, first.import_id).version == first.import_id, "a batch keeps the version that it has"
    with reading(engine) as session:
        assert len(session.exec(select(Scan)).all()) == 3


def test_an_import_that_is_not_there_is_refused_with_those_that_are(engine: Engine, store: Store, folder: Path) -> None:
    bring(engine, store, folder, "proposals")
    with pytest.raises(BadOption, match=r"no imported proposals 'sett' \(known: set\)"):
        find_imported(engine, COLLECTION, "import:sett")
    assert find_imported(engine, COLLECTION, "champion") is None
