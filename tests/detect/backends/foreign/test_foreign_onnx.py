"""A detector that ultralytics has nothing to do with: YOLOX as its authors export it, and files that only look so."""

import json

import cv2
import numpy as np
import pytest

from blocks.errors import BadOption, BadWeights
from tasks.detect.backends.choice import installed
from tasks.detect.backends.foreign.foreign_onnx import facts_of, open_outside
from tasks.detect.backends.safe_weights import version_of
from tasks.detect.models import load_detector, loads_of
from tasks.detect.options import TilingOptions
from tasks.detect.stream import ImageSource, find_objects

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper  # noqa: E402


def save(path, *, gives=(1, 84, 7), takes=(1, 3, 64, 64), names=None, domain="", external=False):
    """A network of YOLOX's shape: whatever it sees, it says the same."""
    places, width = gives[1], gives[2]
    said = np.zeros((1, places, width), np.float32)
    said[0, :, 2:4] = 0.5
    said[0, 5, 4:6] = (0.9, 0.8)[: max(width - 4, 0)]
    constant = helper.make_tensor("said", TensorProto.FLOAT, said.shape, said.tobytes(), raw=True)
    zero = helper.make_tensor("zero", TensorProto.FLOAT, (1,), [0.0])
    if external:
        constant.ClearField("raw_data")
        constant.data_location = TensorProto.EXTERNAL
        constant.external_data.add(key="location", value="../../etc/passwd")
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"], domain=domain),
        helper.make_node("Add", ["said", "nothing"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, takes)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, gives)],
        [constant, zero],
    )
    opsets = [helper.make_opsetid("", 13)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    if names is not None:
        model.metadata_props.add(key="names", value=names)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def yolox(shared_data):
    return shared_data / "weights" / "yolox_nano.onnx"


def test_yolox_is_known_by_its_shape(yolox):
    facts = facts_of(yolox)
    assert (facts.imgsz, facts.layout, facts.padding, len(facts.classes)) == (416, "yolox", "top_left", 80)
    assert facts.classes[2] == "car"


def test_yolox_finds_what_coco_has(yolox, shared_data):
    """Cars and people of real pictures: half of what is large and labelled, at least."""
    detector = load_detector(yolox, version_of(yolox), 416)
    found = total = 0
    for path in sorted((shared_data / "coco_val128" / "images").rglob("*.jpg"))[:12]:
        image = cv2.imread(str(path))
        labels = next(path.parents[1].rglob(f"{path.stem}.txt"), None)
        if labels is None:
            continue
        (said,) = detector.predict([image], 0.3)
        height, width = image.shape[:2]
        for line in labels.read_text().splitlines():
            number, x, y, w, h = (float(each) for each in line.split()[:5])
            if w * h < 0.1:
                continue
            box = np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2]) * [width, height, width, height]
            low, high = np.maximum(said.xyxy[:, :2], box[:2]), np.minimum(said.xyxy[:, 2:], box[2:])
            common = np.prod(np.clip(high - low, 0, None), axis=1)
            union = np.prod(said.xyxy[:, 2:] - said.xyxy[:, :2], axis=1) + np.prod(box[2:] - box[:2]) - common
            total, found = total + 1, found + bool(((common / union > 0.5) & (said.class_id == number)).any())
    assert total >= 5
    assert found / total >= 0.5


def test_yolox_goes_through_tiles_and_seams_like_any_other(yolox, shared_data):
    frame = cv2.imread(str(shared_data / "aerial_cars" / "images" / "DJI-00760-00001.jpg"))
    detector = load_detector(yolox, version_of(yolox), 416)
    source = ImageSource("a", (frame.shape[1], frame.shape[0]), lambda: frame)
    cars = [detector.classes.index("car"), detector.classes.index("truck")]
    (found,) = find_objects([source], detector, cars, TilingOptions(tile_px=416))
    assert len(found.merged) > 5
    assert found.embedding is not None


def test_its_back_ends_agree(yolox, shared_data):
    image = cv2.imread(str(sorted((shared_data / "coco_val128" / "images").rglob("*.jpg"))[3]))
    said = [
        load_detector(yolox, version_of(yolox), 416, name).predict([image], 0.2)[0]
        for name in (*installed("openvino", "onnxruntime"), "opencv")
    ]
    for other in said[1:]:
        assert np.abs(said[0].xyxy - other.xyxy).max() < 1
        assert np.abs(said[0].confidence - other.confidence).max() < 0.01


def test_a_drawn_network_is_decoded_as_yolox_says(tmp_path):
    path = save(tmp_path / "a.onnx", names=json.dumps(["cat", "dog"]))
    before = loads_of("drawn")
    (said,) = load_detector(path, "drawn", 64).predict([np.zeros((64, 64, 3), np.uint8)], 0.5)
    assert loads_of("drawn") == before + 1
    half = np.exp(0.5) * 8 / 2  # place 5 of the finest grid: 8 px apart, x 5, y 0
    assert np.allclose(said.xyxy, [[40 - half, 0, 40 + half, half]], atol=1e-3)
    assert said.confidence.tolist() == pytest.approx([0.72])
    assert said.class_id.tolist() == [0]


def test_names_as_ultralytics_writes_them_are_read(tmp_path):
    assert facts_of(save(tmp_path / "a.onnx", names="{0: 'cat', 1: 'dog'}")).classes == ("cat", "dog")


@pytest.mark.parametrize("names", [None, '["cat"]', '["cat", 3]', "{0: __import__('os')}", "["])
def test_class_names_that_do_not_match_are_refused(tmp_path, names):
    with pytest.raises(BadWeights, match=r"a\.onnx.*name"):
        facts_of(save(tmp_path / "a.onnx", names=names))


@pytest.mark.parametrize(
    "shape",
    [
        {"gives": (1, 10, 7)},
        {"gives": (1, 84, 4)},
        {"takes": (1, 3, 64, 96)},
        {"takes": (1, 1, 64, 64)},
        {"takes": (1, 3, 60, 60)},
    ],
)
def test_another_kind_of_network_is_refused_with_its_shape(tmp_path, shape):
    with pytest.raises(BadWeights, match=r"YOLOX's output"):
        facts_of(save(tmp_path / "a.onnx", names='["cat", "dog"]', **shape))


def test_a_file_that_reads_other_files_is_refused(tmp_path):
    with pytest.raises(BadWeights, match=r"a\.onnx"):
        facts_of(save(tmp_path / "a.onnx", names='["cat", "dog"]', external=True))


def test_a_file_with_operators_of_its_own_is_refused(tmp_path):
    with pytest.raises(BadWeights, match=r"a\.onnx"):
        facts_of(save(tmp_path / "a.onnx", names='["cat", "dog"]', domain="evil.example"))


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"no network at all", None])
def test_a_corrupt_file_is_refused(tmp_path, content):
    path = tmp_path / "a.onnx"
    path.write_bytes(save(tmp_path / "b.onnx").read_bytes()[:2000] if content is None else content)
    with pytest.raises(BadWeights, match=r"a\.onnx"):
        open_outside(path, "v")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(BadWeights, match="cannot be read"):
        facts_of(tmp_path / "gone.onnx")


@pytest.mark.parametrize("name", ["torch", "no-such"])
def test_a_back_end_for_other_files_is_refused(tmp_path, name):
    with pytest.raises(BadOption, match=name):
        open_outside(save(tmp_path / "a.onnx", names='["cat", "dog"]'), "v", name)
