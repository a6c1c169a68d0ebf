"""Weights for tests: networks built from a plan with seeded random numbers, so that nothing is downloaded."""

from pathlib import Path
from typing import Any

import pytest

from tasks.detect.backends.safe_weights import quiet_ultralytics
from tasks.detect.models import forget_detectors

TINY_PLAN: dict[str, Any] = {
    "nc": 3,
    "channels": 3,
    "scales": {"n": [0.33, 0.125, 1024]},
    "scale": "n",
    "backbone": [
        [-1, 1, "Conv", [64, 3, 2]],
        [-1, 1, "Conv", [128, 3, 2]],
        [-1, 1, "Conv", [256, 3, 2]],
        [-1, 1, "Conv", [512, 3, 2]],
        [-1, 1, "Conv", [512, 3, 2]],
        [-1, 1, "SPPF", [512, 5]],
    ],
    "head": [[[2, 3, 5], 1, "Detect", ["nc"]]],
}


def save_tiny(
    path: Path,
    names: tuple[str, ...] = ("car", "truck", "bus"),
    seed: int = 0,
    plan: dict[str, Any] = TINY_PLAN,
) -> Path:
    """Save a small YOLO detection network whose random numbers make it report boxes of all scores."""
    quiet_ultralytics()
    import torch
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(seed)
    network = DetectionModel({**plan, "nc": len(names)}, verbose=False)
    network.names = dict(enumerate(names))
    for branch in network.model[-1].cv3:
        torch.nn.init.normal_(branch[-1].weight, std=1.0)
        torch.nn.init.constant_(branch[-1].bias, -4.0)
    layers = [layer for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    for layer in layers:
        layer.momentum = None  # average over all batches
    with torch.no_grad():  # the statistics of noise, so that what a picture shows makes a difference
        side = 160 if plan is TINY_PLAN else 192  # any that the network can see
        for _ in range(5):
            network.train()(torch.rand(4, 3, side, side))
    for layer in layers:
        layer.momentum = 0.03
    torch.save({"model": network.half(), "ema": None, "train_args": {"task": "detect"}}, path)
    return path


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small detection network of car, truck and bus."""
    return save_tiny(tmp_path_factory.mktemp("weights") / "tiny.pt")


@pytest.fixture(scope="session")
def cache_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder for exports and choices, shared by the tests that look at none of it."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _cold(monkeypatch: pytest.MonkeyPatch, cache_home: Path) -> None:
    """Every test begins without warm detectors, and leaves nothing in this machine's state folder."""
    monkeypatch.setenv("LABELLINE_HOME", str(cache_home))
    forget_detectors()
