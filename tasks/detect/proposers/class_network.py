"""Ultralytics classification networks in torch. Imports torch: import this module inside functions."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from blocks.errors import BadWeights
from tasks.detect.backends.safe_weights import class_names, open_network
from tasks.detect.backends.torch_network import RUNNING_ERRORS
from tasks.detect.detector import Embeddings
from tasks.detect.tiling.tiles import Floats
from tasks.intake.images import Pixels

USUAL_PX = 224
"""Side of the pictures of most networks that classify; for weights that do not say theirs."""

LEAST_PX, MOST_PX = 32, 1024


class ClassNetwork:
    """A network that gives each class of a whole picture a probability. Safe to call from several threads.

    Attributes:
        classes: Names by class id.
        side_px: Of the square pictures that it sees; see `fit_square` in `classifier.py`.
    """

    several = False

    def __init__(self, network: Any) -> None:
        said = network.trained_px
        usable = isinstance(said, int) and not isinstance(said, bool) and LEAST_PX <= said <= MOST_PX
        self.side_px = int(said) if usable else USUAL_PX
        self.classes = class_names(network)
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        network = network.fuse(verbose=False).to(self._device)
        self._layers, self._head = network.model[:-1], network.model[-1]
        self._lock = threading.Lock()

    def say(self, squares: Sequence[Pixels]) -> tuple[Floats, Embeddings]:
        """Return probabilities (n, classes), 0 to 1, and features (n, d) of square pictures (BGR); n from 1."""
        batch = torch.from_numpy(np.stack(squares)).to(self._device).permute(0, 3, 1, 2).flip(1).float() / 255
        head = self._head
        with self._lock, torch.inference_mode():
            features = head.pool(head.conv(self._layers(batch))).flatten(1)
            said = head.linear(features).softmax(1)
        return said.double().cpu().numpy(), features.float().cpu().numpy()


def open_class_network(weights: Path) -> ClassNetwork:
    """Open a .pt file with the distrust of `safe_weights.py`, and see that it runs.

    Raises:
        BadWeights: The file is missing, corrupt, unsafe, for another task, or does not run.
    """
    opened = open_network(weights, "classification")
    try:
        network = ClassNetwork(opened)
        side = network.side_px
        said, _ = network.say([np.zeros((side, side, 3), dtype=np.uint8)])
    except RUNNING_ERRORS as error:
        raise BadWeights(
            f"weights {weights.name} do not run ({type(error).__name__}: {str(error)[:200]}): give the file that "
            "training wrote"
        ) from error
    if said.shape != (1, len(network.classes)):
        raise BadWeights(
            f"weights {weights.name} give an output of shape {said.shape}: expected (1, {len(network.classes)})"
        )
    return network
