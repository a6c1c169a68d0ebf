"""Detectors that are no ultralytics weights: given by path, kept, found again, used by the line, and never trained."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from blocks.errors import BadWeights
from blocks.storage.stores import FolderStore
from tasks.detect.backends.foreign.coco_names import COCO_CLASSES
from tasks.detect.backends.safe_weights import files_of
from tasks.detect.models import fixed_side, forget_detectors, open_detector
from tasks.detect.options import TilingOptions
from tasks.detect.plan import fit_network
from tasks.train.evaluate import evaluate
from tasks.train.registry import champion_of, registry_name, resolve_detector

pytest.importorskip("onnx")
from tests.detect.backends.foreign.test_foreign_onnx import save


@pytest.fixture
def yolox(shared_data) -> Path:
    return shared_data / "weights/yolox_nano.onnx"


@pytest.fixture
def onnx_weights(tmp_path) -> Path:
    return save(tmp_path / "two.onnx", names='["red", "blue"]')


def test_an_onnx_detector_is_registered_found_again_and_opened(experiments, store, onnx_weights) -> None:
    ref = resolve_detector(experiments, store, "lot", str(onnx_weights))
    assert ref.weights_key == f"weights/{ref.version}.onnx"
    champion = champion_of(experiments, registry_name("lot"))
    assert champion is not None and champion.tags["classes"] == '["red", "blue"]'
    for spec in ("champion", ref.version, "1", str(onnx_weights)):
        assert resolve_detector(experiments, store, "lot", spec) == ref
    assert open_detector(store, ref, 64).classes == ("red", "blue")


def test_lost_onnx_weights_come_back_from_their_run(experiments, store, onnx_weights, tmp_path) -> None:
    ref = resolve_detector(experiments, store, "lot", str(onnx_weights))
    empty = FolderStore(tmp_path / "empty")
    assert resolve_detector(experiments, empty, "lot", "champion") == ref
    assert empty.has(ref.weights_key)


@pytest.mark.parametrize("backend", ["auto", "opencv", "onnxruntime", "openvino"])
def test_the_line_looks_through_tiles_that_an_onnx_network_can_see(
    experiments, store, snapshot, onnx_weights, backend
) -> None:
    if backend in ("onnxruntime", "openvino"):
        pytest.importorskip(backend)
    ref = resolve_detector(experiments, store, "lot", str(onnx_weights))
    assert fixed_side(store, ref) == 64
    tiling = fit_network(TilingOptions(backend=backend, join=2, fit_objects=True), 64, ref.version)
    assert (tiling.tile_px, tiling.join, tiling.fit_objects) == (64, 1, False)
    forget_detectors()
    found = evaluate(store, snapshot.id, ref, tiling)
    assert found.unknown_classes == () and found.number() >= 0


def test_networks_that_see_any_size_keep_what_the_line_asks_for(store, base) -> None:
    assert fixed_side(store, base) is None
    assert fit_network(TilingOptions(join=3), None, base.version) == TilingOptions(join=3)


def test_a_file_of_another_kind_is_refused_and_nothing_is_kept(experiments, store, tmp_path) -> None:
    for name, content in (("a.zip", b"PK"), ("a.onnx", b"nothing"), ("a.pt", b"PK"), ("a.engine", b"x")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadWeights, match=name):
            resolve_detector(experiments, store, "lot", str(tmp_path / name))
    assert list(store.keys()) == []
    assert champion_of(experiments, registry_name("lot")) is None


def test_a_model_of_several_files_is_all_of_them() -> None:
    assert [part.name for part in files_of(Path("a/net.weights"))] == ["net.weights", "net.cfg", "net.names"]
    assert [part.name for part in files_of(Path("a/net.caffemodel"))] == ["net.caffemodel", "net.prototxt", "net.names"]
    assert files_of(Path("a/net.onnx")) == (Path("a/net.onnx"),)


def test_yolox_is_registered_and_detects_without_loading_ultralytics(yolox, tmp_path) -> None:
    code = """
import sys
from pathlib import Path
import numpy as np
from blocks.servers.experiments import Experiments
from blocks.storage.stores import FolderStore
from tasks.detect.models import fixed_side, open_detector
from tasks.detect.options import TilingOptions
from tasks.detect.plan import fit_network
from tasks.detect.stream import Found, ImageSource, find_objects
from tasks.train.registry import resolve_detector
home = Path(sys.argv[2])
store = FolderStore(home / "objects")
ref = resolve_detector(Experiments(f"sqlite:///{home}/m.sqlite", str(home / "a")), store, "lot", sys.argv[1])
tiling = fit_network(TilingOptions(), fixed_side(store, ref), ref.version)
detector = open_detector(store, ref, tiling.tile_px, tiling.backend)
picture = np.full((500, 900, 3), 90, np.uint8)
found = list(find_objects([ImageSource("a", (900, 500), lambda: picture)], detector, range(80), tiling))
assert isinstance(found[0], Found)
print(tiling.tile_px, len(detector.classes), "ultralytics" in sys.modules)
"""
    command = [sys.executable, "-c", code, str(yolox), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["416", str(len(COCO_CLASSES)), "False"]
    assert np.asarray(COCO_CLASSES).size == 80
