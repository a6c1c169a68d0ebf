"""Tiles looked at side by side as one picture: the same objects in fewer pixels, and in no more memory per batch."""

from types import SimpleNamespace

import numpy as np
import pytest

from blocks.errors import BadOption
from tasks.detect.backends.choice import probe_pictures
from tasks.detect.backends.decode import MOST_BOXES, suppress_rows
from tasks.detect.backends.row_detector import RowDetector
from tasks.detect.backends.runner import NetworkFacts
from tasks.detect.backends.safe_weights import version_of
from tasks.detect.models import load_detector
from tasks.detect.stream import find_objects
from tasks.kinds.geometry import paired_iou
from tests.detect.scenes import ColourDetector
from tests.detect.tiling.test_stream import ALL, OPTIONS, source


def test_joined_tiles_find_the_same_solid_objects_in_fewer_pixels():
    class Weighing(ColourDetector):
        looked = 0

        def predict(self, images, min_score=0.1, fitted=False, class_ids=None):
            self.looked += sum(image.size for image in images)
            return super().predict(images, min_score, fitted, class_ids)

    boxes = [[30, 40, 90, 80], [400, 260, 560, 340], [700, 100, 760, 420]]
    looked = []
    for join in (1, 2, 3):
        detector = Weighing()
        options = OPTIONS.model_copy(update={"join": join})
        (found,) = find_objects([source("a", (900, 700), boxes)], detector, ALL, options)
        best = paired_iou(np.array(sorted(found.merged.boxes_xyxy_px.tolist())), np.array(boxes, dtype=float))
        assert (best > 0.97).all()
        looked.append(detector.looked)
    assert looked[0] > 1.3 * looked[1] > 1.3 * looked[2]


def test_a_batch_of_joined_tiles_holds_as_many_pixels_as_one_of_tiles():
    detector = ColourDetector()
    options = OPTIONS.model_copy(update={"join": 3, "whole_image": False})
    list(find_objects([source(str(n), (640, 640)) for n in range(5)], detector, ALL, options))
    assert detector.batch_sizes == [2, 2, 1]


def test_tiles_are_not_joined_for_a_network_that_sees_one_size():
    with pytest.raises(BadOption, match="set join to 1"):
        list(find_objects([], ColourDetector(widens=False), ALL, OPTIONS.model_copy(update={"join": 2})))


@pytest.mark.parametrize(
    ("square", "name", "widens"),
    [(False, "openvino", True), (False, "torch", True), (True, "openvino", False), (False, "tensorrt", False)],
)
def test_networks_of_squares_and_engines_built_for_a_size_see_nothing_wider(square, name, widens):
    runner = SimpleNamespace(name=name, lanes=1, batch_size=1)
    facts = NetworkFacts(classes=("car",), imgsz=320, square=square)
    assert RowDetector(runner, facts, "v").widens is widens


def test_a_picture_of_many_tiles_may_hold_as_many_boxes_as_they():
    places = np.arange(1000, dtype=np.float32)
    rows = np.stack([places * 10, places * 0, places * 10 + 8, places * 0 + 8, 0.3 + places / 2000, places * 0])
    facts = NetworkFacts(classes=("car",), imgsz=320)
    assert suppress_rows(rows, 0.1, facts).shape[1] == MOST_BOXES
    assert suppress_rows(rows, 0.1, facts, tiles=3).shape[1] == 3 * MOST_BOXES
    assert suppress_rows(rows, 0.1, facts, tiles=9).shape[1] == 1000


def test_a_network_says_of_a_place_in_a_joined_tile_what_it_says_in_a_small_one(tiny_weights):
    detector = load_detector(tiny_weights, version_of(tiny_weights), 160, "torch")
    wide = probe_pictures(640, 1)[0]
    middle = wide[240:400, 240:400]
    rows, alone = (detector.runner.run(picture[None])[0][0] for picture in (wide, middle))
    # Of the finest level, the place in the middle of both: 80 × 80 of them in the one, 20 × 20 in the other. It sees 47
    # pixels around it, so the edges of the small tile are out of its sight.
    there, here = rows[:, 40 * 80 + 40], alone[:, 10 * 20 + 10]
    assert np.allclose(there - np.array([240, 240, 240, 240, 0, 0]), here, atol=1e-3)
