"""Weights to begin with, where there is no model yet: checked and kept before they are needed, and then trained."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blocks.errors import BadWeights
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from tasks.dataset.snapshots import SnapshotRef
from tasks.detect.backends.safe_weights import version_of
from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef
from tasks.train.fitting.base_weights import keep_base
from tasks.train.fitting.training import finetune
from tasks.train.options import TrainOptions
from tests.train.conftest import keep_weights, save_weights

CLASSES = ("red", "blue")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that reaches nothing, as behind a firewall."""

    def refuse(*_args: Any, **_kwargs: Any) -> Any:
        raise OSError("network is unreachable")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_a_file_is_kept_and_then_known_by_its_version(store: Store, tiny_weights: Path) -> None:
    kept = keep_base(store, str(tiny_weights), "boxes", ("car",))
    assert kept.version == version_of(store.local_path(kept.weights_key)) == version_of(tiny_weights)
    assert keep_base(store, kept.version, "boxes", ("car",)) == kept


def fused(folder: Path, tiny: Path) -> Path:
    import torch

    from tasks.detect.backends.safe_weights import open_network

    torch.save({"model": open_network(tiny).fuse(verbose=False), "train_args": {}}, folder / "fused.pt")
    return folder / "fused.pt"


def foreign(folder: Path, _tiny: Path) -> Path:
    (folder / "some.onnx").write_bytes(b"whatever")
    return folder / "some.onnx"


def broken(folder: Path, tiny: Path) -> Path:
    (folder / "half.pt").write_bytes(tiny.read_bytes()[:1000])
    return folder / "half.pt"


@pytest.mark.parametrize(
    ("make", "said"), [(fused, "fuse"), (foreign, "expected a .pt file"), (broken, "no whole PyTorch archive")]
)
def test_weights_that_could_not_be_trained_are_refused_and_not_kept(
    store: Store, tmp_path: Path, tiny_weights: Path, make: Callable[[Path, Path], Path], said: str
) -> None:
    with pytest.raises(BadWeights, match=said):
        keep_base(store, str(make(tmp_path, tiny_weights)), "boxes", CLASSES)
    assert list(store.keys()) == []


@pytest.mark.parametrize("spec", ["yolo99.pt", "../yolo11n.pt", "no/such/file.pt", "0" * 12, "yolo26s-reid.onnx"])
def test_what_is_no_file_and_no_published_name_is_never_looked_for(store: Store, no_network: None, spec: str) -> None:
    with pytest.raises(BadWeights, match=r"is no file, and no name .* such as yolo11n\.pt"):
        keep_base(store, spec, "boxes", CLASSES)


def test_a_published_name_is_plainly_refused_where_the_machine_cannot_fetch_it(store: Store, no_network: None) -> None:
    with pytest.raises(BadWeights, match=r"yolo11n\.pt could not be fetched .*may not reach it.* begin without"):
        keep_base(store, "yolo11n.pt", "boxes", CLASSES)


def test_a_training_without_a_model_begins_with_them(
    experiments: Experiments, store: Store, snapshot: SnapshotRef, tiling: TilingOptions, tmp_path: Path
) -> None:
    base = save_weights(tmp_path / "animals.pt", ("cat", "dog", "cow"))
    options = TrainOptions(epochs=1, batch=4, min_train_boxes=1, min_test_boxes=1, device="cpu", base=str(base))
    unready = DetectorRef.nobody("lot"), foreign_champion(store)
    for begun_by in unready:
        trained = finetune(experiments, store, snapshot.id, begun_by, options, tiling=tiling)
        assert trained.base_version == version_of(base)
    run = experiments.client.get_run(trained.run_id)
    assert 0.6 < run.data.metrics["train/taken_over_share"] < 1


def test_a_champion_that_can_be_trained_is_trained_whatever_the_base(
    experiments: Experiments, store: Store, snapshot: SnapshotRef, tiling: TilingOptions, tiny_weights: Path
) -> None:
    champion = keep_weights(store, tiny_weights)
    options = TrainOptions(epochs=1, batch=4, min_train_boxes=1, min_test_boxes=1, device="cpu", base="gone.pt")
    assert finetune(experiments, store, snapshot.id, champion, options, tiling=tiling).base_version == champion.version


def foreign_champion(store: Store) -> DetectorRef:
    """A champion that labels pictures and cannot be trained."""
    store.put("weights/abcabcabcabc.onnx", b"whatever")
    return DetectorRef(version="abcabcabcabc", weights_key="weights/abcabcabcabc.onnx", name="lot")
