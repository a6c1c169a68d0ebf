"""Darknet and Caffe through OpenCV: networks small enough that one knows what they must say."""

import cv2
import numpy as np
import pytest

from blocks.errors import BadOption, BadWeights
from tasks.detect.backends.safe_weights import version_of
from tasks.detect.models import load_detector

pytestmark = pytest.mark.skipif(
    not hasattr(cv2.dnn, "readNetFromDarknet"), reason=f"OpenCV {cv2.__version__} reads neither Darknet nor Caffe"
)

CFG = """
[net]
width=64
height=64
channels=3

[maxpool]
size=32
stride=32

[convolutional]
filters=14
size=1
stride=1
pad=0
activation=linear

[yolo]
mask=0,1
anchors=16,8, 24,12
classes=2
num=2
"""

PROTOTXT = """
name: "small"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 64 dim: 64 } } }
layer { name: "pool" type: "Pooling" bottom: "data" top: "pool" pooling_param { pool: AVE kernel_size: 64 } }
layer { name: "flat" type: "Flatten" bottom: "pool" top: "flat" }
layer { name: "cut" type: "Slice" bottom: "flat" top: "a" top: "b" top: "c"
  slice_param { axis: 1 slice_point: 1 slice_point: 2 } }
layer { name: "none" type: "Power" bottom: "a" top: "none" power_param { scale: 0 shift: 0.1 } }
layer { name: "some" type: "Power" bottom: "b" top: "some" power_param { scale: 0 shift: 0.9 } }
layer { name: "conf" type: "Concat" bottom: "none" bottom: "some" top: "conf" concat_param { axis: 1 } }
layer { name: "zero" type: "Power" bottom: "c" top: "zero" power_param { scale: 0 } }
layer { name: "loc" type: "Concat" bottom: "zero" bottom: "zero" bottom: "zero" bottom: "zero" top: "loc"
  concat_param { axis: 1 } }
layer { name: "prior" type: "PriorBox" bottom: "pool" bottom: "data" top: "prior"
  prior_box_param { min_size: 32 variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 } }
layer { name: "out" type: "DetectionOutput" bottom: "loc" bottom: "conf" bottom: "prior" top: "out"
  detection_output_param { num_classes: 2 share_location: true background_label_id: 0 keep_top_k: 10
    nms_param { nms_threshold: 0.45 top_k: 10 } confidence_threshold: 0.01 code_type: CENTER_SIZE } }
"""


@pytest.fixture
def darknet(tmp_path):
    """Reports, in each quarter of the picture, a car of 16 x 8 and a bus of 24 x 12 px about the quarter's middle."""
    path = tmp_path / "net.weights"
    #       x, y, width and height at their neutral values, objectness, car, bus
    biases = np.array([0, 0, 0, 0, 4, 5, -5, 0, 0, 0, 0, 3, -5, 5], dtype=np.float32)
    header = np.array([0, 2, 0, 0, 0], dtype=np.int32)
    path.write_bytes(header.tobytes() + biases.tobytes() + np.zeros((14, 3), dtype=np.float32).tobytes())
    path.with_suffix(".cfg").write_text(CFG)
    path.with_suffix(".names").write_text("car\nbus\n")
    return path


@pytest.fixture
def caffe(tmp_path):
    """Reports one car of 32 x 32 px in the middle."""
    path = tmp_path / "net.caffemodel"
    path.write_bytes(b"\x0a\x05small")  # a message that holds its name and no numbers: the layers have none
    path.with_suffix(".prototxt").write_text(PROTOTXT)
    path.with_suffix(".names").write_text("car\n")
    return path


def look(path, size_wh=(64, 64), backend="auto"):
    detector = load_detector(path, version_of(path), 64, backend)
    return detector.predict([np.full((size_wh[1], size_wh[0], 3), 99, dtype=np.uint8)], 0.3)[0]


def test_darknet_says_what_its_numbers_say(darknet):
    said = look(darknet)
    assert sorted(said.class_id.tolist()) == [0] * 4 + [1] * 4
    first = said.xyxy[said.class_id == 0][np.lexsort(said.xyxy[said.class_id == 0].T)[0]]
    assert np.allclose(first, [8, 12, 24, 20], atol=0.1)
    assert said.confidence.max() == pytest.approx(0.975, abs=0.01)


def test_darknet_sees_images_of_other_shapes_in_their_own_pixels(darknet):
    said = look(darknet, (128, 64))
    assert (said.xyxy[:, 2] <= 128).all()
    assert (said.xyxy[:, 2] - said.xyxy[:, 0]).max() == pytest.approx(48, abs=0.5)


def test_caffe_says_what_its_layers_say(caffe):
    said = look(caffe)
    assert said.class_id.tolist() == [0]
    assert np.allclose(said.xyxy, [[16, 16, 48, 48]], atol=0.5)
    assert said.confidence[0] == pytest.approx(0.9, abs=0.01)


def test_another_back_end_is_refused(darknet):
    with pytest.raises(BadOption, match="expected opencv"):
        look(darknet, backend="openvino")


def test_an_opencv_without_the_reader_is_named(darknet, monkeypatch):
    monkeypatch.delattr(cv2.dnn, "readNetFromDarknet")
    with pytest.raises(BadOption, match="OpenCV 4"):
        look(darknet)


@pytest.mark.parametrize("ending", [".cfg", ".names"])
def test_a_missing_file_is_named(darknet, ending):
    darknet.with_suffix(ending).unlink()
    with pytest.raises(BadWeights, match=f"net{ending}"):
        look(darknet)


@pytest.mark.parametrize(
    ("ending", "content", "says"),
    [
        (".cfg", CFG.replace("width=64", "width=96"), "square"),
        (".cfg", CFG.replace("[yolo]", "[nonsense]"), "cannot read"),
        (".names", "car\n", "2 classes and net.names names 1"),
        (".names", "\n", "names no class"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(darknet, ending, content, says):
    darknet.with_suffix(ending).write_text(content)
    with pytest.raises(BadWeights, match=says):
        look(darknet)


def test_a_corrupt_caffe_model_is_refused(caffe):
    caffe.with_suffix(".prototxt").write_text(PROTOTXT.replace('type: "PriorBox"', 'type: "No such"'))
    with pytest.raises(BadWeights, match="cannot read"):
        look(caffe)
