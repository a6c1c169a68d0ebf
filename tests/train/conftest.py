"""What training tests share: tiny weights, and a settled collection."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from blocks.storage.stores import Store
from tasks.dataset.snapshots import SnapshotRef, take_snapshot
from tasks.detect.backends.safe_weights import quiet_ultralytics, version_of
from tasks.detect.models import forget_detectors
from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef
from tests.dataset.scenes import draw_scene, settle_scenes

TINY = {
    "nc": 2,
    "depth_multiple": 0.33,
    "width_multiple": 0.125,
    "backbone": [[-1, 1, "Conv", [64, 3, 2]], [-1, 1, "Conv", [128, 3, 2]], [-1, 1, "C2f", [128, True]],
                 [-1, 1, "Conv", [256, 3, 2]], [-1, 1, "C2f", [256, True]]],
    "head": [[[4], 1, "Detect", ["nc"]]],
}  # fmt: skip
"""A detector with one output of stride 8: half a second an epoch."""


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained weights for red and blue squares."""
    return save_weights(tmp_path_factory.mktemp("weights") / "tiny.pt", ("red", "blue"))


@pytest.fixture
def tiling() -> TilingOptions:
    return TilingOptions(tile_px=96, overlap_share=0.2, whole_image=False)


@pytest.fixture
def snapshot(engine: Engine, store: Store) -> SnapshotRef:
    """Eight drawn scenes in four sequences: two to train on, one for val, one for test."""
    scenes = [draw_scene(number, sequence=f"s{number % 4}") for number in range(8)]
    settle_scenes(engine, store, scenes, {"s0": "train", "s1": "train", "s2": "val", "s3": "test"})
    return take_snapshot(engine, store, "lot")


@pytest.fixture
def base(store: Store, tiny_weights: Path) -> DetectorRef:
    """The tiny detector, in the store."""
    return keep_weights(store, tiny_weights)


@pytest.fixture(autouse=True)
def _cold() -> Iterator[None]:
    yield
    forget_detectors()


def keep_weights(store: Store, weights: Path, name: str = "lot") -> DetectorRef:
    version = version_of(weights)
    store.put(f"weights/{version}.pt", weights)
    return DetectorRef(version=version, weights_key=f"weights/{version}.pt", name=name)


def save_weights(path: Path, classes: tuple[str, ...], seed: int = 0) -> Path:
    quiet_ultralytics()
    import torch
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(seed)
    network = DetectionModel({**TINY, "nc": len(classes)}, ch=3, nc=len(classes), verbose=False)
    network.names = dict(enumerate(classes))
    torch.save({"model": network, "train_args": {}}, path)
    return path
