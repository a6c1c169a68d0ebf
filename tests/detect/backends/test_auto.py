"""All back ends say the same; the fastest of them is taken; and whatever is missing or wrong, torch is still there."""

import logging
import re
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from blocks.errors import BadOption
from tasks.detect.backends import auto as backends
from tasks.detect.backends import choice
from tasks.detect.backends.auto import open_weights
from tasks.detect.backends.choice import choose, most_apart, probe_pictures
from tasks.detect.backends.exports import find_export
from tasks.detect.backends.runner import NetworkFacts
from tasks.detect.backends.safe_weights import version_of
from tasks.detect.models import load_detector
from tasks.kinds.geometry import paired_iou
from tests.examples import IS_LONG

FACTS = NetworkFacts(classes=("car",), imgsz=64)
EXACT = ("openvino", "onnxruntime", "opencv")


@pytest.fixture
def real_tiles(shared_data):
    """Eight tiles of a real frame: the fixed set on which back ends must agree."""
    frame = cv2.imread(str(shared_data / "aerial_cars" / "images" / "DJI-00760-00001.jpg"))
    return [frame[y : y + 640, x : x + 640] for y in (0, 440) for x in (0, 426, 853, 1280)]


def open_or_skip(weights, version, imgsz, name):
    if name in choice.LIBRARIES and not choice.installed(name):
        pytest.skip(f"{name} is not installed (extra `fast`)")
    return load_detector(weights, version, imgsz, name)


def assert_agree(detector, reference, images, min_score):
    for mine, theirs in zip(detector.predict(images, min_score), reference.predict(images, min_score), strict=True):
        assert len(theirs)
        assert mine.class_id.tolist() == theirs.class_id.tolist()
        assert np.abs(mine.xyxy - theirs.xyxy).max() < 1
        assert np.abs(mine.confidence - theirs.confidence).max() < 0.01
        assert np.allclose(mine.metadata["embedding"], theirs.metadata["embedding"], atol=1e-3)


@pytest.mark.parametrize("name", EXACT)
def test_every_back_end_finds_the_same_boxes(tiny_weights, name):
    version = version_of(tiny_weights)
    detector = open_or_skip(tiny_weights, version, 320, name)
    reference = load_detector(tiny_weights, version, 320, "torch")
    for picture in probe_pictures(320):
        # Before suppression: a network of random numbers reports hundreds of boxes that all but tie.
        apart = most_apart(detector.runner.run(picture[None]), reference.runner.run(picture[None]), detector.facts)
        assert apart[0] < 1
        assert apart[1] < 0.01


@pytest.mark.parametrize("name", EXACT)
def test_every_back_end_finds_the_same_boxes_on_real_tiles(shared_data, real_tiles, name):
    weights = shared_data / "weights" / "yolov8n-coco.pt"
    version = version_of(weights)
    detector = open_or_skip(weights, version, 640, name)
    assert_agree(detector, load_detector(weights, version, 640, "torch"), real_tiles, 0.1)


@pytest.fixture(scope="module")
def many_tiles(shared_data):
    """Twelve tiles with 67 boxes, and all 48 in the long run: on eight, with 19, two near misses decide."""
    frames = sorted((shared_data / "aerial_cars" / "images").glob("*.jpg"))[:6]
    left_edges = (0, 426, 853, 1280) if IS_LONG else (1280,)  # most cars are at the right
    pictures = [cv2.imread(str(frame)) for frame in frames]
    return [each[y : y + 640, x : x + 640] for each in pictures for y in (0, 440) for x in left_edges]


@pytest.fixture(scope="module")
def exact(shared_data, many_tiles):
    """What torch finds in them, in full precision."""
    weights = shared_data / "weights" / "yolov8n-coco.pt"
    return load_detector(weights, version_of(weights), 640, "torch").predict(many_tiles, 0.25)


@pytest.mark.parametrize("name", ["openvino-bf16", "openvino-int8", "torch-bf16"])
def test_rounded_back_ends_still_find_most_of_it(shared_data, many_tiles, exact, name):
    weights = shared_data / "weights" / "yolov8n-coco.pt"
    if name.startswith("openvino") and not choice.installed("openvino"):
        pytest.skip("openvino is not installed")
    rounded = load_detector(weights, version_of(weights), 640, name).predict(many_tiles, 0.25)
    found = missed = 0
    for mine, theirs in zip(rounded, exact, strict=True):
        for box in theirs.xyxy:
            best = paired_iou(np.tile(box, (len(mine), 1)).astype(float), mine.xyxy.astype(float)).max(initial=0)
            found, missed = found + (best > 0.7), missed + (best <= 0.7)
    assert found >= 60
    assert found > 10 * missed


class Fake:
    """A back end that takes some time for a picture and is off by some pixels."""

    lanes, batch_size = 1, 1

    def __init__(self, name, seconds=0.0, off_px=0.0, off_score=0.0):
        self.name, self.seconds, self.off_px, self.off_score = name, seconds, off_px, off_score

    def run(self, pictures):
        time.sleep(self.seconds)
        rows = np.tile(np.array([[1], [2], [30], [40], [0.7], [0]], np.float32), (len(pictures), 1, 50))
        rows[:, 0] += self.off_px
        rows[:, 4] += self.off_score
        return [rows]


def choose_of(*others):
    found, runner = choose(iter(others), lambda: Fake("right", 0.02), probe_pictures(64), FACTS)
    assert found.name == runner.name
    return found


def test_the_fastest_is_chosen():
    found = choose_of(Fake("slow", 0.05), Fake("fast", 0.002), Fake("medium", 0.01))
    assert found.name == "fast"
    assert re.search(r"fast \d+ ms", found.why)  # 2 where nothing else runs
    assert len(found.trials) == 4


@pytest.mark.parametrize("fault", [{"off_px": 2.0}, {"off_score": 0.02}, {"off_px": np.nan}])
def test_a_wrong_back_end_is_never_chosen(caplog, fault):
    with caplog.at_level(logging.WARNING):
        assert choose_of(Fake("wrong", **fault)).name == "right"
    assert "wrong" in caplog.text


def test_small_differences_are_agreement():
    assert choose_of(Fake("near", off_px=0.5, off_score=0.005)).name == "near"


def test_without_others_the_reference_is_taken_unmeasured():
    assert choose_of() == choice.Choice(name="right", why="there is nothing faster to be had for it here")


def test_a_small_network_is_not_exported(tiny_weights, monkeypatch, tmp_path):
    monkeypatch.setenv("LABELLINE_HOME", str(tmp_path))
    runner, _ = open_weights(tiny_weights, "small", 320)
    assert runner.name == "torch"
    assert find_export("small") is None


def test_the_choice_is_made_once(tiny_weights, monkeypatch, tmp_path):
    monkeypatch.setenv("LABELLINE_HOME", str(tmp_path))
    monkeypatch.setattr(backends, "WORTH_EXPORTING", 0)
    first, facts = open_weights(tiny_weights, "v", 320)
    assert find_export("v") is not None
    monkeypatch.setattr(backends, "choose", None)
    again, same = open_weights(tiny_weights, "v", 320)
    assert (again.name, same) == (first.name, facts)


def test_with_a_kept_choice_the_weights_are_not_unpickled_again(tiny_weights, monkeypatch, tmp_path):
    if not choice.installed("onnxruntime"):
        pytest.skip("onnxruntime is not installed")
    monkeypatch.setenv("LABELLINE_HOME", str(tmp_path))
    open_weights(tiny_weights, "v", 320, "onnxruntime")
    choice.keep_choice("v", 320, choice.Choice(name="onnxruntime", why="a test"))
    runner, facts = open_weights(tmp_path / "gone.pt", "v", 320)
    assert runner.name == "onnxruntime"
    assert facts.classes == ("car", "truck", "bus")


def test_without_optional_packages_opencv_or_torch_does_it(tiny_weights, monkeypatch, tmp_path):
    monkeypatch.setenv("LABELLINE_HOME", str(tmp_path))
    monkeypatch.setattr(backends, "WORTH_EXPORTING", 0)
    monkeypatch.setattr(backends, "installed", lambda *names: [])
    assert open_weights(tiny_weights, "v", 320)[0].name in {"torch", "opencv"}


def test_a_library_that_breaks_is_passed_over(tiny_weights, monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("LABELLINE_HOME", str(tmp_path))
    monkeypatch.setattr(backends, "WORTH_EXPORTING", 0)

    def broken(path, name, *_sizes):
        raise RuntimeError(f"{name} wants another processor")

    monkeypatch.setattr(backends, "open_onnx", broken)
    with caplog.at_level(logging.WARNING):
        assert open_weights(tiny_weights, "v", 320)[0].name == "torch"
    assert "another processor" in caplog.text


def test_a_cache_that_cannot_be_written_costs_only_speed(tiny_weights, monkeypatch, tmp_path, caplog):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("LABELLINE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(backends, "WORTH_EXPORTING", 0)
    assert open_weights(tiny_weights, "v", 320)[0].name == "torch"


def test_a_damaged_export_is_made_again(tiny_weights, monkeypatch, tmp_path):
    monkeypatch.setenv("LABELLINE_HOME", str(tmp_path))
    open_weights(tiny_weights, "v", 320, "opencv")
    path, _ = find_export("v", (320, 320))
    path.write_bytes(path.read_bytes()[:1000])
    assert find_export("v", (320, 320)) is None
    open_weights(tiny_weights, "v", 320, "opencv")
    assert find_export("v", (320, 320)) is not None


@pytest.mark.parametrize("name", ["tensorrt", "no-such"])
def test_a_back_end_that_cannot_run_here_is_refused_by_name(tiny_weights, name):
    torch = pytest.importorskip("torch")
    if name == "tensorrt" and torch.cuda.is_available():
        pytest.skip("it can run here")
    with pytest.raises(BadOption, match=name):
        open_weights(tiny_weights, "v", 320, name)


def test_an_export_takes_any_number_of_pictures_of_any_size(tiny_weights, monkeypatch, tmp_path):
    from tasks.detect.backends.exports import export_graph
    from tasks.detect.backends.torch_network import open_graph

    onnxruntime = pytest.importorskip("onnxruntime")
    monkeypatch.setenv("LABELLINE_HOME", str(tmp_path))
    graph, facts = open_graph(tiny_weights, 160)
    path = export_graph(graph, facts, "v")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for size_hw in ((160, 160), (64, 128)):
        blob = np.random.default_rng(0).uniform(0, 255, (3, 3, *size_hw)).astype(np.float32)
        rows, features = session.run(None, {"pictures": blob})
        alone = [session.run(None, {"pictures": blob[place : place + 1]})[0] for place in range(3)]
        assert np.allclose(rows, np.concatenate(alone), atol=1e-3)
        assert len(features) == 3
        assert rows.shape[2] == sum(size_hw[0] * size_hw[1] // stride**2 for stride in (8, 16, 32))


@pytest.mark.parametrize("name", ["torch", *EXACT])
def test_every_back_end_sees_pictures_of_any_size_alike(tiny_weights, name):
    version = version_of(tiny_weights)
    detector = open_or_skip(tiny_weights, version, 320, name)
    reference = load_detector(tiny_weights, version, 320, "torch")
    for high, wide in ((32, 320), (288, 160), (96, 96)):
        picture = probe_pictures(320)[:1, :high, :wide]
        apart = most_apart(detector.runner.run(picture), reference.runner.run(picture), detector.facts)
        assert apart[0] < 1
        assert apart[1] < 0.01


def test_integers_are_kept_for_the_later_layers_and_made_once(tiny_weights, monkeypatch, tmp_path):
    from tasks.detect.backends.int8 import later_convolutions

    onnx = pytest.importorskip("onnx")
    if len(choice.installed("openvino", "onnxruntime")) < 2:
        pytest.skip("openvino or onnxruntime is not installed")
    monkeypatch.setenv("LABELLINE_HOME", str(tmp_path))
    first, facts = open_weights(tiny_weights, "v", 160, "openvino-int8")
    before, after = (onnx.load(each[0]).graph for each in (find_export("v"), find_export("v", "int8-160")))
    assert {name.split("/")[1] for name in later_convolutions(before)} == {"layers.6"}  # the head alone
    assert sum(node.op_type == "QuantizeLinear" for node in after.node) >= 3
    again, same = open_weights(tmp_path / "gone.pt", "v", 160, "openvino-int8")
    assert same == facts
    picture = probe_pictures(160, 1)
    assert np.array_equal(again.run(picture)[0], first.run(picture)[0])
    exact, _ = open_weights(tiny_weights, "v", 160, "openvino")
    apart = np.abs(first.run(picture)[0][:, 4] - exact.run(picture)[0][:, 4])
    assert 0 < np.median(apart) < 0.05


def write_empty_network(onnx, folder):
    """Write a network that says what it sees."""
    pictures = onnx.helper.make_tensor_value_info("pictures", onnx.TensorProto.FLOAT, [1, 3, "high", "wide"])
    outputs = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in ("rows", "features")]
    nodes = [onnx.helper.make_node("Identity", ["pictures"], [name], name=name) for name in ("rows", "features")]
    graph = onnx.helper.make_graph(nodes, "none", [pictures], outputs)
    path = folder / "empty.onnx"
    onnx.save(onnx.helper.make_model(graph, ir_version=10, opset_imports=[onnx.helper.make_opsetid("", 18)]), path)
    return path


LANES_BEGIN_AT_ONCE = """
import sys, threading
import openvino
from tasks.detect.backends.onnx_runners import OpenVinoRunner

OpenVinoRunner(sys.argv[1])
start = threading.Barrier(2)
sys.setswitchinterval(1e-6)

def begin():
    start.wait()
    openvino.Type.u8.to_dtype()  # as each inference does

threads = [threading.Thread(target=begin) for _ in range(2)]
for each in threads:
    each.start()
for each in threads:
    each.join()
"""


def test_lanes_of_a_fresh_process_do_not_wait_for_each_other_for_ever(tmp_path):
    onnx = pytest.importorskip("onnx")
    if not choice.installed("openvino"):
        pytest.skip("openvino is not installed")
    command = [sys.executable, "-c", LANES_BEGIN_AT_ONCE, str(write_empty_network(onnx, tmp_path))]
    for _ in range(4):  # each hung in two of three processes
        assert subprocess.run(command, check=False, timeout=120).returncode == 0


def test_integers_find_nothing_to_do_in_a_network_without_a_head(tmp_path):
    onnx = pytest.importorskip("onnx")
    from tasks.detect.backends.int8 import quantize_graph

    path = write_empty_network(onnx, tmp_path)
    with pytest.raises(ValueError, match="no convolution"):
        quantize_graph(path, 32)
