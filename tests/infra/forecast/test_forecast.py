"""`labelline forecast`: the numbers of a dry run, what it leaves alone, and what it refuses before it begins."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import Result
from sqlalchemy import Engine
from sqlmodel import SQLModel, col, select
from typer.testing import CliRunner

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, Route, utc_now
from blocks.errors import BadOption
from blocks.storage.stores import FolderStore, Store
from flows.options import LineOptions
from infra.annotators.people import People
from infra.annotators.truth import read_world
from infra.cli.main import app
from infra.demo.scenes.drawing import draw_scenes
from infra.forecast.dry_run import Tried
from infra.forecast.foretell import foretell
from infra.forecast.result import Forecast, Pay
from infra.forecast.sample import Rehearsed, objects_known, sample_collection, sample_folder, throwaway, with_truth
from infra.forecast.scaling import resample
from tasks.detect.refs import BY_HAND, DetectorRef
from tasks.intake.folders import find_images, take_in
from tasks.intake.sequences import assign_splits
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tasks.settle.revisions import label_id
from tests.dataset.scenes import draw_scene
from tests.infra.homes import home
from tests.train.conftest import tiny_weights

__all__ = ["home", "tiny_weights"]

# Prefect 3.8 leaves sockets of its own clients to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

PICTURES, BOXES = 16, 2
CLASSES = ("car", "truck")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Small pictures, each another, and a file that is none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(PICTURES):
        grey = np.full((120, 160, 3), 10 * number, np.uint8)
        cv2.imwrite(str(folder / f"p{'abcdefghijklmnop'[number]}.png"), grey)
    return folder


def foretold(sample: Rehearsed, engine: Engine, **how: object) -> Forecast:
    options = {"objects": 0.0, "people": People(skill=1.0), "line": LineOptions(collection="photos", classes=CLASSES)}
    objects, people, line = (how.get(name, default) for name, default in options.items())
    wanted = Tried(line, DetectorRef.nobody(BY_HAND), people, objects)  # type: ignore[arg-type]
    return foretell(sample, engine, wanted, "nobody", Pay(wage=30.0))


def typed(*words: str, home: Path) -> Result:
    return CliRunner().invoke(
        app, ["forecast", *words], env={"COLUMNS": "400", "LABELLINE_HOME": str(home / "nowhere")}
    )


def test_without_a_detector_all_of_it_is_drawn_by_hand(photos: Path) -> None:
    with throwaway() as own:
        told = foretold(sample_folder(own, photos, "photos", 10, 0), own[0], objects=8)
    assert (told.pictures, told.sample, told.truth) == (PICTURES, 10, "objects")
    assert told.questions.value == pytest.approx(PICTURES)
    assert told.hours.value == pytest.approx(told.hours_by_hand.value, rel=0.2)
    assert told.hours_by_hand.value == pytest.approx(PICTURES * (8 * 25.5 + 7.8) / 3600, rel=0.35)
    assert told.money is not None
    assert told.money.value == pytest.approx(30 * told.hours.value)
    assert told.precision == told.recall
    assert told.precision is not None
    assert told.precision.value == 1
    assert told.hours.low < told.hours.value < told.hours.high


def test_careless_people_make_errors_and_several_of_them_fewer(photos: Path) -> None:
    careless = People(skill=0.8, count=5)
    alone = LineOptions(collection="photos", classes=CLASSES)
    pool = AnnotatorPool(overlap=OverlapRule(least=3, most=5))
    together = alone.model_copy(update={"annotator_pool": pool})
    found = []
    for line in (alone, together):
        with throwaway() as own:
            sample = sample_folder(own, photos, "photos", PICTURES, 0)
            found.append(foretold(sample, own[0], objects=6, people=careless, line=line))
    one, several = found
    assert one.recall is not None
    assert several.recall is not None
    assert one.recall.value < 0.95 < several.recall.value
    assert several.questions.value >= 3 * one.questions.value


def test_four_clicks_a_box_take_less_than_dragging(photos: Path) -> None:
    line = LineOptions.model_validate(
        {"collection": "photos", "classes": CLASSES, "annotator_pool": {"drawing": "extreme_points"}}
    )
    with throwaway() as own:
        told = foretold(sample_folder(own, photos, "photos", 10, 0), own[0], objects=8, line=line)
    assert told.hours.value == pytest.approx(told.hours_by_hand_fastest.value, rel=0.2)
    assert told.recall is not None
    assert told.recall.value == 1


def take_in_labelled(engine: Engine, store: Store, photos: Path, labelled: int) -> list[str]:
    """Take the pictures into a collection, of which people have labelled some with two cars each."""
    take_in(engine, store, "photos", find_images(photos), folder=photos)
    assign_splits(engine, "photos")
    with reading(engine) as session:
        ids = list(session.exec(select(Item.id).order_by(col(Item.name))))
    known = ids[:labelled]
    place = {"batch_id": "b", "route": Route.ASK.value, "settled_at": utc_now(), "reasons": []}
    edges = {"y_min": 10.0, "y_max": 40.0}
    labels = [
        {
            "id": label_id(item_id, f"r{number}", 0),
            "item_id": item_id,
            "region": f"r{number}",
            "revision": 0,
            "class_name": "car",
            "x_min": 50.0 * number + 5,
            "x_max": 50.0 * number + 45,
            "origin": "person",
            "batch_id": "b",
            **edges,
        }
        for item_id in known
        for number in range(BOXES)
    ]
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b", "collection": "photos", "settled_at": utc_now()}])
        upsert(session, BatchItem, [{**place, "item_id": id_, "position": n} for n, id_ in enumerate(known)])
        upsert(session, Label, labels)
    return known


def all_rows(engine: Engine) -> dict[str, int]:
    with reading(engine) as session:
        tables = SQLModel.metadata.sorted_tables
        return {table.name: len(session.connection().execute(table.select()).all()) for table in tables}


def test_settled_labels_are_the_truth_and_nothing_of_the_line_changes(
    photos: Path, engine: Engine, store: FolderStore
) -> None:
    known = take_in_labelled(engine, store, photos, labelled=12)
    before, kept = all_rows(engine), sorted(store.keys())
    with throwaway() as own:
        sample = sample_collection(own, engine, store, "photos", 10, 0)
        told = foretold(sample, engine)
    assert set(sample.truth) <= set(known)
    assert (told.pictures, told.truth) == (PICTURES - 12, "labels")
    assert told.labels.value == pytest.approx(BOXES * (PICTURES - 12))
    assert (all_rows(engine), sorted(store.keys())) == (before, kept)


def test_a_collection_is_foretold_by_its_name_with_the_classes_of_its_labels(
    photos: Path, engine: Engine, store: FolderStore, home: Path
) -> None:
    take_in_labelled(engine, store, photos, labelled=12)
    environment = {"COLUMNS": "400", "LABELLINE_HOME": str(home)}
    shown = CliRunner().invoke(app, ["forecast", "photos", "--wage", "20", "--currency", "EUR"], env=environment)
    assert shown.exit_code == 0, shown.output
    for told in ("4 pictures, foretold from 12", "at 20 EUR an hour", "have settled", "photos has no model yet"):
        assert told in shown.output
    wrong = CliRunner().invoke(app, ["forecast", "phoots"], env=environment)
    assert "Did you mean 'photos'?" in f"{wrong.output} {wrong.exception}"


def test_a_few_settled_pictures_say_how_many_objects_there_are(
    photos: Path, engine: Engine, store: FolderStore
) -> None:
    assert objects_known(engine, "photos") is None
    take_in_labelled(engine, store, photos, labelled=3)
    assert objects_known(engine, "photos") == BOXES


def test_a_line_of_classes_needs_no_number_of_objects(photos: Path, tmp_path: Path) -> None:
    words = ("--classes", "cat,dog,cow", "--label-kind", "classes", "--json")
    shown = typed(str(photos), *words, home=tmp_path)
    assert shown.exit_code == 0, shown.output
    told = Forecast.model_validate(json.loads(shown.stdout))
    assert told.hours.value == pytest.approx(PICTURES * 3 / 3600, rel=0.3)
    assert told.precision is not None
    assert told.precision.value > 0.8


def test_with_too_few_labels_pictures_that_wait_are_tried(photos: Path, engine: Engine, store: FolderStore) -> None:
    known = take_in_labelled(engine, store, photos, labelled=3)
    with throwaway() as own:
        sample = sample_collection(own, engine, store, "photos", PICTURES, 0)
        with reading(own[0]) as session:
            tried = set(session.exec(select(Item.id)))
    assert (sample.pictures, sample.truth) == (PICTURES - 3, {})
    assert not tried & set(known)


def test_a_collection_without_pictures_is_refused(engine: Engine, store: FolderStore) -> None:
    with throwaway() as own, pytest.raises(BadOption, match="no picture"):
        sample_collection(own, engine, store, "photos", 10, 0)


def test_a_detector_is_tried_and_all_is_told_as_json(tmp_path: Path, tiny_weights: Path) -> None:
    photos = tmp_path / "lots"
    photos.mkdir()
    for number in range(3):
        cv2.imwrite(str(photos / f"{'abc'[number]}.png"), draw_scene(number).pixels)
    shown = typed(str(photos), "--classes", "red,blue", "--detector", str(tiny_weights), "--json", home=tmp_path)
    assert shown.exit_code == 0, shown.output
    told = Forecast.model_validate(json.loads(shown.stdout))
    assert (told.pictures, told.truth) == (3, "detector")
    assert told.questions.value >= 1, "one picture is labelled blind"
    assert any("from below" in note for note in told.notes)
    assert not list((tmp_path / "nowhere").rglob("*.sqlite*")), "the catalogue of the dry run is gone"


def test_pictures_with_true_labels_stand_for_others(photos: Path, tmp_path: Path) -> None:
    drawn = draw_scenes(tmp_path / "drawn", count=2, seed=3)
    with throwaway() as own:
        sample = with_truth(own, read_world(drawn.folder), drawn.folder, "photos", 5, 0)
        told = foretold(sample, own[0], line=LineOptions(collection="photos", classes=drawn.classes))
    assert (told.sample, told.truth) == (2, "labels")
    assert told.recall is not None
    assert told.recall.value == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--objects", "4", "--wage", "-1"), "--wage"),
        (("--objects", "4", "--wage", "nan"), "--wage"),
        (("--objects", "4", "--currency", "EUR"), "without --wage"),
        (("--objects", "inf"), "--objects"),
        (("--objects", "4", "--sample", "1"), "--sample"),
        ((), "--objects 8"),
        (("--detector", "7"), "give the path of weights"),
        (("--detector", "absent.pt"), "is no file"),
    ],
)
def test_what_cannot_be_foretold_is_said_before_work(
    photos: Path, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    shown = typed(str(photos), "--classes", "car", *words, home=tmp_path)
    assert shown.exit_code != 0
    assert told in " ".join(f"{shown.output} {shown.exception}".split())


def test_classes_must_be_named_for_a_folder(photos: Path, tmp_path: Path) -> None:
    shown = typed(str(photos), "--objects", "4", home=tmp_path)
    assert "--classes" in f"{shown.output} {shown.exception}"


def test_the_interval_is_nothing_where_pictures_are_alike_and_wide_where_they_differ() -> None:
    alike, differ = np.full(20, 3.0), np.array([0.0] * 19 + [60.0])
    numbers = resample({"alike": alike, "differ": differ, "none": np.zeros(20)}, 100, 0)
    assert numbers.total("alike").model_dump() == {"value": 300.0, "low": 300.0, "high": 300.0}
    wide = numbers.total("differ")
    assert (wide.value, wide.low) == (300.0, 0.0)
    assert wide.high > 600
    assert numbers.ratio("alike", "none") is None
