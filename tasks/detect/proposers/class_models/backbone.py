"""Networks of timm's that were trained whole on a collection: safetensors, with what they are in its header."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from blocks.errors import BadOption, BadWeights
from blocks.frozen import Frozen
from tasks.detect.backends.safe_weights import check_names
from tasks.detect.detector import Embeddings
from tasks.detect.tiling.tiles import Floats
from tasks.intake.images import Pixels
from tasks.suggest.embedders.named.protocol import RAISED
from tasks.suggest.embedders.named.registry import EXTRA

BACKBONE = ".safetensors"
FACTS = "labelline"


class BackboneFacts(Frozen):
    """What a file says of its network."""

    model: str
    begins: str
    """Where in the object store the weights are with which its training began."""
    classes: tuple[str, ...]
    side_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class Backbone:
    """A network with its facts."""

    several = False

    def __init__(self, network: Any, facts: BackboneFacts) -> None:
        import torch

        self.facts, self.classes, self.side_px = facts, facts.classes, facts.side_px
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._network = network.eval().to(self._device)
        self._lock = threading.Lock()

    def say(self, squares: Sequence[Pixels]) -> tuple[Floats, Embeddings]:
        """Return probabilities (n, classes) and features (n, d) of square pictures."""
        import torch

        with self._lock, torch.inference_mode():
            seen = self._network.forward_features(as_input(squares, self.facts).to(self._device))
            said = self._network.forward_head(seen).softmax(1)
            features = self._network.forward_head(seen, pre_logits=True).flatten(1)
        return said.double().cpu().numpy(), features.float().cpu().numpy()


def as_input(squares: Sequence[Pixels], facts: BackboneFacts) -> Any:
    """Return square pictures (BGR) as a network sees them: (n, 3, side, side), float32."""
    import torch

    shown = torch.from_numpy(np.stack(squares)[..., ::-1].copy()).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in (facts.mean, facts.std))
    return (shown - mean) / std


def save_backbone(network: Any, facts: BackboneFacts, file: Path) -> None:
    """Write a network with its facts."""
    from safetensors.torch import save_file

    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    save_file(state, str(file), {FACTS: facts.model_dump_json()})


def facts_of(weights: Path) -> BackboneFacts:
    """Return what a file says of its network.

    Raises:
        BadWeights: It says nothing, or is none.
        BadOption: What opens it is not installed.
    """
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise BadOption(f"{weights.name} needs timm, which is not installed here: {EXTRA}") from error
    try:
        with safe_open(str(weights), "pt") as opened:
            told = (opened.metadata() or {}).get(FACTS)
        facts = BackboneFacts.model_validate(json.loads(told or "null"))
    except (SafetensorError, OSError, ValueError) as error:
        why = " ".join(str(error).split())[:160]
        raise BadWeights(f"{weights.name} is no network that was trained here ({why})") from error
    check_names(facts.classes, weights.name)
    return facts


def open_backbone(weights: Path) -> Backbone:
    """Open a file, and see that it runs.

    Raises:
        BadWeights: It is none, or its numbers do not fit its network.
        BadOption: timm is not installed.
    """
    facts = facts_of(weights)
    try:
        import timm
        from safetensors.torch import load_file

        network = timm.create_model(facts.model, pretrained=False, num_classes=len(facts.classes))
        network.load_state_dict(load_file(str(weights)))
        opened = Backbone(network, facts)
        opened.say([np.zeros((facts.side_px, facts.side_px, 3), np.uint8)])
    except RAISED as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise BadWeights(f"{weights.name} does not run as timm's {facts.model} ({why})") from error
    return opened
