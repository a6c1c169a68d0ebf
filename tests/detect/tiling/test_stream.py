"""The stream of tiles: full batches, nothing lost, one bad image stops nobody, and no more memory for more images."""

import threading
import time
import weakref

import numpy as np
import pytest

from blocks.errors import BadOption, UnreadableImage
from tasks.detect.detector import to_detections
from tasks.detect.options import TilingOptions
from tasks.detect.stream import Found, ImageSource, Unseen, find_objects
from tasks.kinds.geometry import paired_iou
from tests.detect.scenes import ColourDetector, draw

OPTIONS = TilingOptions(tile_px=320, batch_size=8)
ALL = range(3)


def source(name, size_wh, boxes=(), class_name="car"):
    return ImageSource(name, size_wh, lambda: draw(size_wh, boxes, class_name))


def test_no_images_give_nothing():
    assert list(find_objects([], ColourDetector(), ALL, OPTIONS)) == []


def test_objects_of_many_images_come_back_once_each_and_in_order():
    boxes = [[30, 40, 90, 80], [400, 260, 560, 340], [700, 100, 760, 420]]
    sources = [source(f"image {n}", (900, 700), boxes[: n % 4]) for n in range(9)]
    found = list(find_objects(sources, ColourDetector(), ALL, OPTIONS))
    assert [each.name for each in found] == [each.name for each in sources]
    assert [len(each.merged) for each in found] == [n % 4 for n in range(9)]
    full = found[3].merged.boxes_xyxy_px
    best = paired_iou(full[np.argsort(full[:, 0])], np.array(boxes, dtype=float))
    assert (best > 0.97).all()


def test_batches_are_full_across_images_except_the_last_of_each_size():
    detector = ColourDetector()
    list(find_objects([source(str(n), (900, 700)) for n in range(7)], detector, ALL, OPTIONS))
    assert sorted(detector.batch_sizes) == [4, 7] + 10 * [8]  # 84 tiles, and 7 whole images of another size


def test_snug_tiles_find_the_same_solid_objects_in_fewer_pixels():
    sizes: dict[bool, int] = {}

    class Weighing(ColourDetector):
        def predict(self, images, min_score=0.1, fitted=False, class_ids=None):
            sizes[snug] = sizes.get(snug, 0) + sum(image.size for image in images)
            return super().predict(images, min_score, fitted, class_ids)

    boxes = [[30, 40, 90, 80], [400, 260, 460, 310], [700, 100, 760, 160]]
    for snug in (False, True):
        options = OPTIONS.model_copy(update={"snug": snug})
        (found,) = find_objects([source("a", (900, 700), boxes)], Weighing(), ALL, options)
        best = paired_iou(np.array(sorted(found.merged.boxes_xyxy_px.tolist())), np.array(boxes, dtype=float))
        assert (best > 0.95).all()
    assert sizes[True] < 0.9 * sizes[False]


def test_pictures_of_rare_sizes_do_not_wait_until_the_end():
    sizes = [(300 - 32 * (n % 7), 300) for n in range(40)]
    sources = (source(str(n), size_wh) for n, size_wh in enumerate(sizes))
    taken = []

    def counted():
        for each in sources:
            taken.append(each)
            yield each

    options = OPTIONS.model_copy(update={"whole_image": False})
    next(find_objects(counted(), ColourDetector(), ALL, options))
    assert len(taken) < 20


def test_a_tile_larger_than_the_network_is_refused_by_name():
    with pytest.raises(BadOption, match="set tile_px to 320"):
        list(find_objects([], ColourDetector(), ALL, TilingOptions(tile_px=640)))


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_the_size_of_batches_changes_no_box(batch_size):
    sources = [source(str(n), (900, 700), [[300 + n, 300, 420, 350]]) for n in range(3)]
    found = list(find_objects(sources, ColourDetector(), ALL, OPTIONS.model_copy(update={"batch_size": batch_size})))
    usual = list(find_objects(sources, ColourDetector(), ALL, OPTIONS))
    for one, other in zip(found, usual, strict=True):
        assert np.array_equal(one.merged.boxes_xyxy_px, other.merged.boxes_xyxy_px)


def test_an_image_that_cannot_be_read_stops_nobody():
    def broken():
        raise UnreadableImage("it begins with 00 00")

    sources = [source("a", (400, 400)), ImageSource("b", (10, 10), broken), source("c", (400, 400), [[10, 10, 60, 60]])]
    found = {each.name: each for each in find_objects(sources, ColourDetector(), ALL, OPTIONS)}
    assert found["b"] == Unseen("b", "it begins with 00 00")
    assert isinstance(found["a"], Found)
    assert len(found["c"].merged) == 1


def test_an_image_beyond_memory_is_set_aside_with_its_size():
    def too_much():
        raise MemoryError

    (unseen,) = find_objects([ImageSource("a", (90_000, 90_000), too_much)], ColourDetector(), ALL, OPTIONS)
    assert isinstance(unseen, Unseen)
    assert "90000×90000" in unseen.reason


@pytest.mark.parametrize("size_wh", [(1, 1), (1, 20_000), (20_000, 1), (319, 5), (320, 320), (321, 320)])
@pytest.mark.parametrize("whole_image", [True, False])
@pytest.mark.parametrize("join", [1, 3])
def test_images_of_odd_shapes_go_through(size_wh, whole_image, join):
    options = OPTIONS.model_copy(update={"whole_image": whole_image, "join": join})
    (found,) = find_objects([source("odd", size_wh)], ColourDetector(), ALL, options)
    assert isinstance(found, Found)
    assert len(found.merged) == 0
    assert (found.embedding is not None) == (whole_image or len(found.regions.whole) == 1)


def test_an_object_in_a_narrow_image_keeps_its_place():
    (found,) = find_objects([source("strip", (100, 900), [[20, 310, 60, 400]])], ColourDetector(), ALL, OPTIONS)
    assert isinstance(found, Found)
    assert np.abs(found.merged.boxes_xyxy_px - [[20, 310, 60, 400]]).max() < 1


def test_classes_not_asked_for_do_not_compete():
    (found,) = find_objects([source("a", (400, 400), [[10, 10, 60, 60]], "truck")], ColourDetector(), [0], OPTIONS)
    assert isinstance(found, Found)
    assert len(found.seen) == len(found.merged) == found.dropped == 0


class Broken(ColourDetector):
    """A back end that reports boxes which are none, beside one good one."""

    def _look(self, image, fitted=False):
        boxes = [[10, 10, 50, 50], [np.nan, 0, 5, 5], [9, 9, 9, 20], [30, 30, 20, 40], [0, 0, np.inf, 9], [1, 1, 9, 9]]
        return to_detections(np.array(boxes), np.array([0.9, 0.9, 0.9, 0.9, 0.9, 0.8]), np.array([0, 0, 0, 0, 0, 77]))


def test_boxes_that_are_none_are_dropped_and_counted():
    (found,) = find_objects([source("a", (320, 320))], Broken(), ALL, OPTIONS)
    assert isinstance(found, Found)
    assert found.dropped == 5
    assert found.merged.boxes_xyxy_px.tolist() == [[10, 10, 50, 50]]


def test_what_the_whole_image_alone_shows_is_counted():
    (found,) = find_objects([source("a", (1600, 1600), [[100, 100, 160, 160]])], ColourDetector(), ALL, OPTIONS)
    assert isinstance(found, Found)
    assert found.seen_whole(0.25) == 1
    assert found.seen_whole(0.99) == 0


def test_pixels_are_let_go_of_as_the_stream_moves_on():
    alive: list[weakref.ref] = []
    most = 0

    def read():
        nonlocal most
        image = draw((1000, 1000), [[10, 10, 60, 60]])
        alive.append(weakref.ref(image))
        most = max(most, sum(ref() is not None for ref in alive))
        return image

    sources = (ImageSource(str(n), (1000, 1000), read) for n in range(30))
    for _ in find_objects(sources, ColourDetector(), ALL, OPTIONS.model_copy(update={"decoded_megapixels": 3})):
        pass
    assert len(alive) == 30
    assert most <= 5  # three read ahead, one at work, one in a batch


def test_an_image_above_the_bound_is_decoded_alone():
    reading, most, lock = 0, 0, threading.Lock()

    def read():
        nonlocal reading, most
        with lock:
            reading += 1
            most = max(most, reading)
        time.sleep(0.01)
        with lock:
            reading -= 1
        return draw((400, 400), [])

    options = OPTIONS.model_copy(update={"decoded_megapixels": 1, "decode_threads": 4})
    assert (
        len(
            list(
                find_objects(
                    [ImageSource(str(n), (2000, 2000), read) for n in range(5)], ColourDetector(), ALL, options
                )
            )
        )
        == 5
    )
    assert most == 1


def test_a_caller_that_stops_early_leaves_no_threads():
    before = threading.active_count()
    stream = find_objects((source(str(n), (400, 400)) for n in range(10_000)), ColourDetector(), ALL, OPTIONS)
    next(stream)
    stream.close()
    assert threading.active_count() == before


def test_an_error_of_the_network_reaches_the_caller():
    class Failing(ColourDetector):
        def predict(self, images, min_score=0.1, fitted=False, class_ids=None):
            raise RuntimeError("out of device memory")

    with pytest.raises(RuntimeError, match="device memory"):
        list(find_objects([source("a", (400, 400))], Failing(), ALL, OPTIONS))


@pytest.mark.parametrize("lanes", [2, 4])
def test_lanes_run_side_by_side_and_change_nothing(lanes):
    class Slow(ColourDetector):
        def predict(self, images, min_score=0.1, fitted=False, class_ids=None):
            nonlocal together, most
            with lock:
                together += 1
                most = max(most, together)
            time.sleep(0.002)
            with lock:
                together -= 1
            return super().predict(images, min_score, fitted, class_ids)

    together = most = 0
    lock = threading.Lock()
    sources = [source(str(n), (900, 700), [[300 + n, 300, 420, 350]]) for n in range(4)]
    found = list(find_objects(sources, Slow(lanes=lanes, batch_size=1), ALL, OPTIONS))
    usual = list(find_objects(sources, ColourDetector(), ALL, OPTIONS))
    assert 1 < most <= lanes
    assert [each.name for each in found] == ["0", "1", "2", "3"]
    for one, other in zip(found, usual, strict=True):
        assert np.array_equal(one.merged.boxes_xyxy_px, other.merged.boxes_xyxy_px)
