"""A classifier that knows its colours: built by hand, so that what it says is known."""

from pathlib import Path

import pytest

from blocks.storage.stores import Store
from tasks.detect.backends.safe_weights import quiet_ultralytics, version_of
from tasks.detect.refs import DetectorRef

SIDE_PX = 64


def save_colour_classifier(
    path: Path, names: tuple[str, ...] = ("red", "green", "blue"), side_px: object = SIDE_PX
) -> Path:
    """Save a classifier whose class number n is the more likely the more of channel n (red, green, blue) there is."""
    quiet_ultralytics()
    import torch
    from ultralytics.nn.tasks import ClassificationModel

    plan = {"nc": len(names), "backbone": [[-1, 1, "Conv", [8, 3, 2]]], "head": [[-1, 1, "Classify", ["nc"]]]}
    torch.manual_seed(0)
    network = ClassificationModel(plan, ch=3, nc=len(names), verbose=False)
    network.names = dict(enumerate(names))
    with torch.no_grad():
        for layer in (network.model[0], network.model[-1].conv):
            layer.conv.weight.zero_()
            for channel in range(3):
                layer.conv.weight[channel, channel, layer.conv.weight.shape[2] // 2] = 1.0
        linear = network.model[-1].linear
        linear.weight.zero_()
        linear.bias.zero_()
        for number in range(min(3, len(names))):
            linear.weight[number, number] = 8.0
    torch.save({"model": network.half(), "ema": None, "train_args": {"task": "classify", "imgsz": side_px}}, path)
    return path


@pytest.fixture(scope="session")
def class_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_colour_classifier(tmp_path_factory.mktemp("weights") / "colours.pt")


@pytest.fixture
def colour_ref(store: Store, class_weights: Path) -> DetectorRef:
    """The classifier of colours, in the store."""
    version = version_of(class_weights)
    store.put(f"weights/{version}.pt", class_weights)
    return DetectorRef(version=version, weights_key=f"weights/{version}.pt", name="colours")
