"""Samples of FiftyOne: what it exports itself is read, and what we write has what its own reader asks for."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from blocks.errors import BadTruth
from blocks.storage.stores import Store
from tasks.dataset.formats.opened import open_dataset
from tasks.dataset.formats.published import read_truth
from tasks.dataset.formats.reading.faults import Oddity
from tasks.dataset.take_along import take_along
from tests.dataset.formats.test_field_cases import edges, picture, text, told
from tests.dataset.scenes import draw_scene, settle_scenes

CAR = {"_id": {"$oid": "6b0c"}, "_cls": "Detection", "attributes": {}, "tags": [], "label": "car"}
CAR |= {"bounding_box": [0.025, 0.1, 0.05, 0.1], "confidence": 0.5}


def detections(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"_cls": "Detections", "detections": list(rows)}


def samples(folder: Path, *rows: dict[str, Any], classes: tuple[str, ...] = ("car",)) -> Path:
    """As FiftyOne 1.22 exports them, all with the picture `data/a.png` of 400×200 where they name no other."""
    picture(folder / "data" / "a.png")
    facts = {"_media_type": "image", "_rand": 0.9, "filepath": "data/a.png", "tags": ["validation", "odd"]}
    facts |= {"metadata": {"_cls": "ImageMetadata", "width": 400, "height": 200}}
    text(folder / "samples.json", json.dumps({"samples": [facts | row for row in rows]}))
    text(folder / "metadata.json", json.dumps({"version": "1.22.1", "info": {}, "default_classes": list(classes)}))
    return folder


def test_its_own_export_is_read_with_scores_splits_and_classes(tmp_path: Path) -> None:
    with open_dataset(samples(tmp_path, {"ground_truth": detections(CAR)}, classes=("bus", "car"))) as dataset:
        (found,) = dataset.pictures()
        assert (dataset.format, dataset.classes, len(dataset.problems)) == ("fiftyone", ("bus", "car"), 0)
    assert found.split == "val"
    assert found.labels is not None
    assert found.labels[0].score == 0.5
    assert found.labels[0].shape.bounds() == pytest.approx((10, 20, 30, 40))


def test_no_detections_are_an_empty_picture_and_no_field_is_an_unknown_one(tmp_path: Path) -> None:
    picture(tmp_path / "data" / "b.png")
    empty, unknown = {"ground_truth": detections()}, {"ground_truth": None, "filepath": "data/b.png"}
    truth = read_truth(samples(tmp_path, empty, unknown))
    assert truth.boxes == {"a.png": ()}
    assert "sample 2 of samples.json has no labels" in told(truth)


@pytest.mark.parametrize("name", ["ground_truth", "boxes"])
def test_ground_truth_counts_or_the_only_field_that_has_labels(tmp_path: Path, name: str) -> None:
    guess = {"predictions": detections({**CAR, "bounding_box": [0, 0, 1, 1]})} if name == "ground_truth" else {}
    truth = read_truth(samples(tmp_path, {**guess, name: detections(CAR)}))
    assert edges(truth, "a.png") == [[10, 20, 30, 40]]


def test_two_fields_without_ground_truth_are_taken_for_neither(tmp_path: Path) -> None:
    truth = read_truth(samples(tmp_path, {"mine": detections(CAR), "yours": detections(CAR)}))
    assert truth.boxes == {}
    assert "has labels in mine and yours, and none in ground_truth" in told(truth)


def test_classifications_outlines_and_what_is_neither(tmp_path: Path) -> None:
    whole = {"_cls": "Classification", "label": "wet"}
    assert read_truth(samples(tmp_path / "a", {"ground_truth": whole})).wholes == {"data/a.png": "wet"}
    outline = {
        "_cls": "Polyline",
        "label": "car",
        "closed": True,
        "points": [[[0.5, 0.25], [0.55, 0.25], [0.55, 0.35]]],
    }
    rows = [outline, {**outline, "closed": False}, {"_cls": "Polyline", "label": 7}]
    truth = read_truth(samples(tmp_path / "b", {"ground_truth": {"_cls": "Polylines", "polylines": rows}}))
    assert edges(truth, "a.png") == [[200, 50, 220, 70]]
    kinds = {Oddity.UNREAD_SHAPE: 1, Oddity.BROKEN_LABEL: 1}
    assert {kind: each.count for kind, each in truth.problems.tallies.items()} == kinds


def test_a_size_that_is_not_said_is_that_of_the_picture(tmp_path: Path) -> None:
    truth = read_truth(samples(tmp_path, {"ground_truth": detections(CAR), "metadata": None}))
    assert edges(truth, "a.png") == [[10, 20, 30, 40]]


@pytest.mark.parametrize("row", [{"filepath": None}, {"filepath": 7}, {"filepath": ""}])
def test_a_sample_without_a_picture_is_left_out(tmp_path: Path, row: dict[str, Any]) -> None:
    truth = read_truth(samples(tmp_path, row, {"ground_truth": detections(CAR)}))
    assert edges(truth, "a.png") == [[10, 20, 30, 40]]
    assert "sample 1: names no picture" in told(truth)


def test_a_file_that_was_cut_is_one_clear_error(tmp_path: Path) -> None:
    samples(tmp_path, {"ground_truth": detections(CAR)})
    path = tmp_path / "samples.json"
    path.write_text(path.read_text()[:-40])
    with pytest.raises(BadTruth, match="is broken JSON"):
        read_truth(tmp_path)


def test_what_is_written_has_what_its_own_reader_asks_for(engine: Engine, store: Store, tmp_path: Path) -> None:
    settle_scenes(engine, store, [draw_scene(0, squares=2)], {"s0": "train"})
    take_along(engine, store, "lot", tmp_path / "out", "fiftyone", "copy")
    metadata = json.loads((tmp_path / "out" / "metadata.json").read_text())
    assert "version" not in metadata, "with one, its own document of the dataset would be replaced by this"
    assert metadata["info"]["default_classes"] == ["blue", "red"]
    (sample,) = json.loads((tmp_path / "out" / "samples.json").read_text())["samples"]
    assert (tmp_path / "out" / sample["filepath"]).is_file()
    assert sample["tags"] == ["train"]
    assert sample["metadata"] == {"_cls": "ImageMetadata", "width": 160, "height": 96}
    assert sample["ground_truth"]["_cls"] == "Detections"
    first = sample["ground_truth"]["detections"][0]
    assert (first["_cls"], first["origin"], len(first["bounding_box"])) == ("Detection", "person", 4)
