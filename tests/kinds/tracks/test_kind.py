"""Tracks are boxes that keep their identity: who is confused with whom counts, where somebody said who is who."""

from types import SimpleNamespace

import numpy as np
import pytest
import supervision as sv

from tasks.kinds.registry import label_kind
from tasks.kinds.tracks.accuracy import TrackedFrame, tracking_accuracy

TRACKS = label_kind("tracks")
BOXES = np.array([[0.0, 0, 10, 10], [50, 0, 60, 10]])


def frames(*ids: tuple[int, ...], boxes: np.ndarray = BOXES) -> list[TrackedFrame]:
    return [TrackedFrame(boxes[: len(each)], np.array(each, dtype=np.int64)) for each in ids]


def detections(*ids: tuple[int, ...] | None) -> list[sv.Detections]:
    return [
        sv.Detections(
            xyxy=BOXES.copy(),
            confidence=np.ones(2, np.float32),
            class_id=np.zeros(2, int),
            tracker_id=None if each is None else np.array(each),
        )
        for each in ids
    ]


def test_who_is_followed_all_the_way_gets_everything_whatever_the_numbers() -> None:
    found = tracking_accuracy(frames((700, 3), (700, 3), (700, 3)), frames((1, 2), (1, 2), (1, 2)))
    assert found == {"hota": pytest.approx(1), "mota": 1, "idf1": 1, "id_switches": 0}


def test_two_that_swap_lose_identity_and_keep_their_boxes() -> None:
    found = tracking_accuracy(frames((1, 2), (1, 2), (2, 1), (2, 1)), frames(*[(1, 2)] * 4))
    assert found["id_switches"] == 2
    assert found["mota"] == pytest.approx(1 - 2 / 8)
    assert found["idf1"] == pytest.approx(0.5)
    assert 0.5 < found["hota"] < 0.9


@pytest.mark.parametrize(
    ("predicted", "truth"),
    [([(), ()], [(1, 2), (1, 2)]), ([(1, 2), (1, 2)], [(), ()])],
    ids=["nothing predicted", "nothing there"],
)
def test_where_one_side_is_empty_nothing_is_followed(
    predicted: list[tuple[int, ...]], truth: list[tuple[int, ...]]
) -> None:
    found = tracking_accuracy(frames(*predicted), frames(*truth))
    assert found["hota"] == found["idf1"] == 0
    assert found["mota"] <= 0


def test_with_tracks_hota_is_the_headline_and_without_boxes_are() -> None:
    ids = [(1, 2), (1, 2)]
    with_tracks = TRACKS.metrics(detections(*ids), detections(*ids), ["car"])
    assert with_tracks.headline == "hota" and with_tracks.value == pytest.approx(1)
    assert with_tracks.numbers["map50"] == pytest.approx(1)
    assert with_tracks.word("idf1") == "IDF1"
    assert TRACKS.metrics(detections(None, None), detections(*ids), ["car"]).headline == "map50"


def test_the_same_box_of_another_track_is_another_label() -> None:
    one = SimpleNamespace(class_name="car", x_min=0, y_min=0, x_max=9, y_max=9, track="a")
    assert TRACKS.is_same(one, SimpleNamespace(**vars(one)))
    assert not TRACKS.is_same(one, SimpleNamespace(**vars(one) | {"track": "b"}))
    assert label_kind("boxes").is_same(one, SimpleNamespace(**vars(one) | {"track": "b"}))
