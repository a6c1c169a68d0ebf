"""The short way through an ultralytics network gives what its own `predict` gives."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from blocks.errors import BadOption
from tasks.detect.detector import EMBEDDING
from tasks.detect.models import load_detector


@pytest.fixture(scope="module")
def tiny(tiny_weights):
    return load_detector(tiny_weights, "tiny", 320, "torch")


def pictures(count, size_wh=(320, 320)):
    rng = np.random.default_rng(3)
    return [rng.integers(0, 255, (size_wh[1], size_wh[0], 3), dtype=np.uint8) for _ in range(count)]


def assert_equals_predict(detector, weights, images, min_score, class_ids=None):
    from ultralytics import YOLO

    found = detector.predict(images, min_score, class_ids=class_ids)
    theirs = YOLO(weights, task="detect")
    assert sum(len(each) for each in found) > 0
    for image, mine in zip(images, found, strict=True):
        how = {"imgsz": detector.imgsz, "conf": min_score, "classes": class_ids, "device": "cpu", "verbose": False}
        boxes = theirs.predict(image, **how)[0].boxes
        assert mine.class_id.tolist() == boxes.cls.int().tolist()
        assert np.abs(mine.xyxy - boxes.xyxy.numpy()).max(initial=0) < 1
        assert np.abs(mine.confidence - boxes.conf.numpy()).max(initial=0) < 0.01


@pytest.mark.parametrize("size_wh", [(320, 320), (500, 300), (100, 80)])
@pytest.mark.parametrize("class_ids", [None, [2], [0, 1]])
def test_results_equal_those_of_predict(tiny, tiny_weights, size_wh, class_ids):
    assert_equals_predict(tiny, tiny_weights, pictures(3, size_wh), 0.9, class_ids)


def test_results_equal_those_of_predict_on_real_tiles(shared_data):
    weights = shared_data / "weights" / "yolov8n-coco.pt"
    frame = cv2.imread(str(sorted((shared_data / "aerial_cars" / "images").glob("DJI-00760-*.jpg"))[0]))
    tiles = [frame[440:1080, x : x + 640] for x in (0, 426, 853, 1280)]
    assert_equals_predict(load_detector(weights, "coco", 640, "torch"), weights, tiles, min_score=0.25)


def test_no_images_give_no_results(tiny):
    assert tiny.predict([]) == []
    assert tiny.embed([]).shape == (0, 0)


def test_a_batch_gives_what_single_images_give(tiny):
    images = pictures(5)
    for together, alone in zip(
        tiny.predict(images, 0.2), [tiny.predict([image], 0.2)[0] for image in images], strict=True
    ):
        assert np.allclose(together.xyxy, alone.xyxy, atol=0.05)
        assert np.allclose(together.confidence, alone.confidence, atol=1e-3)


def test_features_of_an_image_come_with_its_boxes(tiny):
    images = pictures(3, (200, 100))
    features = tiny.embed(images)
    assert features.dtype == np.float32
    assert features.shape[0] == 3
    assert np.isfinite(features).all()
    beside = [each.metadata[EMBEDDING] for each in tiny.predict(images)]
    assert np.allclose(features, beside, atol=1e-4)
    assert not np.allclose(features[0], features[1], atol=1e-6)


def test_threads_do_not_mix_up_features(tiny):
    images = pictures(12)
    alone = [tiny.embed([image])[0] for image in images]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda image: tiny.predict([image])[0].metadata[EMBEDDING], images))
    assert np.allclose(alone, together, atol=1e-4)


@pytest.mark.parametrize("imgsz", [0, 16, 330])
def test_an_impossible_input_size_is_refused(tiny_weights, imgsz):
    with pytest.raises(BadOption, match="multiple of 32"):
        load_detector(tiny_weights, "tiny", imgsz, "torch")
