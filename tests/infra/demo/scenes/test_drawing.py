"""Drawn scenes: the truth of the demo stands on them, so they must be exact, repeatable and as varied as promised."""

import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from infra.demo.scenes.drawing import DrawnScenes, draw_scenes
from infra.demo.scenes.drawn_truth import MIN_VISIBLE_SHARE, DrawnBox, visible_box, yolo_line
from infra.demo.scenes.lots import SIZE_WH
from infra.demo.scenes.strokes import Pose
from infra.demo.scenes.vehicles import CLASSES, LENGTHS_PX, TRUCK_KINDS, Vehicle, draw_vehicle, new_vehicle
from infra.demo.train_starter import TILE_PX, tile_lines
from tasks.dataset.formats.published import read_truth


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> DrawnScenes:
    return draw_scenes(tmp_path_factory.mktemp("scenes"), count=4, seed=3)


def vehicle_at(x: float, y: float, angle: float = 0.0, class_name: str = "car") -> Vehicle:
    return Vehicle(class_name, None, Pose(x, y, angle), 40.0, 18.0, (200, 200, 200), look=1)


def nothing_hidden() -> np.ndarray:
    return np.zeros(SIZE_WH[::-1], np.uint8)


def test_pictures_have_the_promised_size_and_names(scenes: DrawnScenes) -> None:
    assert sorted(path.name for path in scenes.images.iterdir()) == [
        "lot-01-01.jpg", "lot-01-02.jpg", "lot-01-03.jpg", "lot-02-01.jpg",
    ]  # fmt: skip
    assert cv2.imread(str(scenes.images / "lot-01-01.jpg")).shape == (1280, 1920, 3)


def test_a_scene_holds_40_to_150_vehicles_of_all_classes(scenes: DrawnScenes) -> None:
    for name, boxes in scenes.truth.items():
        assert 40 <= len(boxes) <= 150, name
    assert set(Counter(box.class_name for boxes in scenes.truth.values() for box in boxes)) == set(CLASSES)


def test_boxes_lie_inside_the_picture_and_have_area(scenes: DrawnScenes) -> None:
    for box in (box for boxes in scenes.truth.values() for box in boxes):
        assert 0 <= box.x_min < box.x_max <= SIZE_WH[0]
        assert 0 <= box.y_min < box.y_max <= SIZE_WH[1]


def test_trucks_and_only_trucks_have_an_exact_kind(scenes: DrawnScenes) -> None:
    for box in (box for boxes in scenes.truth.values() for box in boxes):
        assert (box.kind in TRUCK_KINDS) == (box.class_name == "truck")


def test_the_written_truth_reads_back_within_a_thousandth_of_a_pixel(scenes: DrawnScenes) -> None:
    truth = read_truth(scenes.folder, "auto")
    assert truth.classes == CLASSES
    assert not len(truth.problems)
    for name, boxes in scenes.truth.items():
        read = truth.boxes[name]
        assert [box.class_name for box in read] == [box.class_name for box in boxes]
        drawn = [(box.x_min, box.y_min, box.x_max, box.y_max) for box in boxes]
        assert np.allclose([box.box_xyxy_px for box in read], drawn, atol=2e-3)


def test_kinds_are_parallel_to_the_label_lines(scenes: DrawnScenes) -> None:
    kinds = json.loads((scenes.folder / "kinds.json").read_text())
    for name, boxes in scenes.truth.items():
        assert kinds[name] == [box.kind for box in boxes]


def test_the_same_seed_draws_the_same_bytes(scenes: DrawnScenes, tmp_path: Path) -> None:
    again = draw_scenes(tmp_path, count=1, seed=3)
    name = "lot-01-01.jpg"
    assert (again.images / name).read_bytes() == (scenes.images / name).read_bytes()
    assert again.truth[name] == scenes.truth[name]


def test_another_seed_draws_another_lot(scenes: DrawnScenes, tmp_path: Path) -> None:
    assert draw_scenes(tmp_path, count=1, seed=4).truth["lot-01-01.jpg"] != scenes.truth["lot-01-01.jpg"]


def test_no_scenes_are_drawn_when_none_are_asked_for(tmp_path: Path) -> None:
    assert draw_scenes(tmp_path, count=0).truth == {}


def test_the_box_of_an_unhidden_vehicle_is_its_outline() -> None:
    box = visible_box(vehicle_at(100, 200), nothing_hidden())
    assert box is not None
    assert np.allclose((box.x_min, box.y_min, box.x_max, box.y_max), (80, 191, 120, 209), atol=1)


def test_a_turned_vehicle_has_an_upright_box() -> None:
    box = visible_box(vehicle_at(100, 200, np.pi / 2), nothing_hidden())
    assert box is not None
    assert np.allclose((box.x_min, box.y_min, box.x_max, box.y_max), (91, 180, 109, 220), atol=1)


def test_a_vehicle_half_under_a_tree_is_boxed_where_it_is_seen() -> None:
    hidden = nothing_hidden()
    hidden[:, :100] = 255
    box = visible_box(vehicle_at(100, 200), hidden)
    assert box is not None
    assert box.x_min == pytest.approx(100, abs=1)


@pytest.mark.parametrize(("seen_px", "is_truth"), [(15, False), (17, True)])
def test_a_vehicle_that_shows_less_than_the_limit_is_no_truth(seen_px: int, is_truth: bool) -> None:
    assert MIN_VISIBLE_SHARE * 40 == 16
    hidden = nothing_hidden()
    hidden[:, : 120 - seen_px] = 255
    assert (visible_box(vehicle_at(100, 200), hidden) is not None) == is_truth


@pytest.mark.parametrize(("x", "is_truth"), [(-30, False), (-15, False), (10, True), (1900, True), (1935, False)])
def test_a_vehicle_mostly_outside_the_picture_is_no_truth(x: float, is_truth: bool) -> None:
    assert (visible_box(vehicle_at(x, 200), nothing_hidden()) is not None) == is_truth


@pytest.mark.parametrize("class_name", CLASSES)
def test_vehicles_have_lengths_of_their_class_and_are_drawn_within_their_outline(class_name: str) -> None:
    rng = np.random.default_rng(0)
    low, high = LENGTHS_PX[class_name]
    for _ in range(20):
        vehicle = new_vehicle(rng, class_name, Pose(100.0, 100.0, 0.4))
        assert low <= vehicle.length_px <= high
        image = np.zeros((200, 200, 3), np.uint8)
        draw_vehicle(image, vehicle)
        rows, columns = np.nonzero(image.any(axis=2))
        corners = vehicle.outline
        # mirrors stand out by a pixel, smooth edges by another
        assert columns.min() >= corners[:, 0].min() - 3 and columns.max() <= corners[:, 0].max() + 3
        assert rows.min() >= corners[:, 1].min() - 3 and rows.max() <= corners[:, 1].max() + 3


def test_a_yolo_line_is_class_middle_and_size_in_shares() -> None:
    assert yolo_line(DrawnBox("van", None, 0, 0, 960, 640), SIZE_WH) == "1 0.250000 0.250000 0.500000 0.500000\n"


def test_a_tile_keeps_boxes_that_are_mostly_inside() -> None:
    boxes = (
        DrawnBox("car", None, 10, 10, 50, 30),
        DrawnBox("bus", "x", TILE_PX - 60, 10, TILE_PX + 40, 30),  # 60 % inside
        DrawnBox("truck", None, TILE_PX - 30, 10, TILE_PX + 70, 30),  # 30 % inside
    )
    lines = tile_lines(boxes, 0, 0)
    assert [line.split()[0] for line in lines] == ["0", "3"]
    assert float(lines[1].split()[1]) == pytest.approx((TILE_PX - 30) / TILE_PX)


def test_a_tile_without_vehicles_has_no_lines() -> None:
    assert tile_lines((), 0, 0) == []
