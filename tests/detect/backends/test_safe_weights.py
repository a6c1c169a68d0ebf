"""Weights come from strangers: what is no detection network is refused by name, and nothing of it ever runs."""

import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from blocks.errors import BadWeights, UnreadableImage
from tasks.detect.backends.safe_weights import check_archive, class_names, open_network, version_of
from tests.detect.conftest import save_tiny


class Burglar:
    """Unpickling this makes a folder: proof that code of the file has run."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_a_version_is_the_start_of_the_hash(tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(b"abc")
    assert version_of(path) == "ba7816bf8f01"


def test_a_version_of_nothing_is_refused(tmp_path):
    with pytest.raises(BadWeights, match=r"gone\.pt cannot be read"):
        version_of(tmp_path / "gone.pt")


def test_a_detection_network_opens_with_its_class_names(tiny_weights):
    network = open_network(tiny_weights)
    assert class_names(network) == ("car", "truck", "bus")
    assert not network.training
    assert next(network.parameters()).dtype == torch.float32


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.pt", b"", "no whole PyTorch archive"),
        ("picture.pt", b"\x89PNG\r\n\x1a\n" + bytes(100), "no whole PyTorch archive"),
        ("old.pt", pickle.dumps({"model": 1}), "no whole PyTorch archive"),
        ("weights.onnx", b"abc", r"do not end in \.pt"),
    ],
)
def test_what_is_no_archive_is_refused_before_unpickling(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadWeights, match=says):
        open_network(path)


def test_missing_weights_are_refused_with_their_path(tmp_path):
    with pytest.raises(BadWeights, match=r"gone\.pt"):
        open_network(tmp_path / "gone.pt")


def test_truncated_weights_are_refused(tmp_path, tiny_weights):
    path = tmp_path / "half.pt"
    path.write_bytes(tiny_weights.read_bytes()[:-5000])
    with pytest.raises(BadWeights, match="truncated"):
        open_network(path)


def test_weights_with_damaged_bytes_are_refused(tmp_path, tiny_weights):
    content = bytearray(tiny_weights.read_bytes())
    content[60:400] = bytes(340)
    path = tmp_path / "damaged.pt"
    path.write_bytes(content)
    with pytest.raises(BadWeights, match=r"damaged\.pt"):
        open_network(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_another_zip_is_refused(tmp_path, compression):
    path = tmp_path / "other.pt"
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("readme.txt", "hello" * 100)
    with pytest.raises(BadWeights, match="not one of PyTorch weights"):
        check_archive(path)


def test_code_in_weights_never_runs(tmp_path):
    path = tmp_path / "burglar.pt"
    torch.save({"model": Burglar(tmp_path / "broken-in")}, path)
    with pytest.raises(BadWeights, match=r"mkdir"):
        open_network(path)
    assert not (tmp_path / "broken-in").exists()


def test_code_in_an_old_style_pickle_never_runs(tmp_path):
    path = tmp_path / "burglar.pt"
    path.write_bytes(pickle.dumps({"model": Burglar(tmp_path / "broken-in")}))
    with pytest.raises(BadWeights, match="no whole PyTorch archive"):
        open_network(path)
    assert not (tmp_path / "broken-in").exists()


def test_code_hidden_in_a_detection_network_never_runs(tmp_path):
    from ultralytics.nn.tasks import DetectionModel

    from tests.detect.conftest import TINY_PLAN

    network = DetectionModel(TINY_PLAN, verbose=False)
    network.model[0].extra = Burglar(tmp_path / "broken-in")
    path = tmp_path / "trojan.pt"
    torch.save({"model": network}, path)
    with pytest.raises(BadWeights, match=r"mkdir"):
        open_network(path)
    assert not (tmp_path / "broken-in").exists()


@pytest.mark.parametrize(("kind", "head"), [("SegmentationModel", "Segment"), ("ClassificationModel", "Classify")])
def test_weights_for_another_task_are_refused(tmp_path, kind, head):
    from ultralytics.nn import tasks

    plan = {
        "nc": 2,
        "channels": 3,
        "scales": {"n": [0.33, 0.125, 1024]},
        "scale": "n",
        "backbone": [[-1, 1, "Conv", [64, 3, 2]], [-1, 1, "Conv", [128, 3, 2]], [-1, 1, "Conv", [256, 3, 2]]],
        "head": [[[0, 1, 2], 1, "Segment", ["nc", 8, 64]]] if head == "Segment" else [[-1, 1, "Classify", ["nc"]]],
    }
    path = tmp_path / "other.pt"
    torch.save({"model": getattr(tasks, kind)(plan, verbose=False)}, path)
    with pytest.raises(BadWeights, match=f"another task.*{head}"):
        open_network(path)


@pytest.mark.parametrize("content", [{"weights": torch.zeros(3)}, {"model": {"a": torch.zeros(3)}}])
def test_an_archive_without_a_network_is_refused(tmp_path, content):
    path = tmp_path / "state.pt"
    torch.save(content, path)
    with pytest.raises(BadWeights, match="no network"):
        open_network(path)


@pytest.mark.parametrize("content", [[1, 2], torch.zeros(3)])
def test_an_archive_of_something_else_is_refused(tmp_path, content):
    path = tmp_path / "list.pt"
    torch.save(content, path)
    with pytest.raises(BadWeights, match=r"list\.pt"):
        open_network(path)


def test_class_names_that_do_not_match_the_head_are_refused(tmp_path, tiny_weights):
    network = open_network(tiny_weights)
    network.names = {0: "car"}
    path = tmp_path / "nameless.pt"
    torch.save({"model": network}, path)
    with pytest.raises(BadWeights, match="name their 3 classes"):
        open_network(path)


def test_loading_leaves_no_trace_of_the_network_on_disk(tmp_path):
    path = save_tiny(tmp_path / "a.pt")
    open_network(path)
    assert [each.name for each in tmp_path.iterdir()] == ["a.pt"]


def test_bytes_that_are_no_image_install_nothing_once_a_network_was_opened(tiny_weights):
    from tasks.intake.images import decode_upright

    open_network(tiny_weights)
    with pytest.raises(UnreadableImage, match="not an image"):
        decode_upright(b"no picture at all")


@pytest.mark.parametrize(("asked", "lanes"), [(None, len(os.sched_getaffinity(0))), ("1", 1)])
def test_opening_a_network_leaves_all_cores_to_the_line(tiny_weights, asked, lanes):
    code = (
        "import sys; from pathlib import Path; from tasks.detect.backends.safe_weights import open_network;"
        "open_network(Path(sys.argv[1])); from tasks.detect.backends.runner import threads_here; import torch;"
        "print(threads_here(), torch.get_num_threads())"
    )
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    environment |= {} if asked is None else {"OMP_NUM_THREADS": asked}
    command = [sys.executable, "-c", code, str(tiny_weights)]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert said.split() == [str(lanes)] * 2
