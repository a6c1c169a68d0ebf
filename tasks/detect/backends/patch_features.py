"""What a detector's backbone sees in each small part of a picture: features patch by patch, for surfaces.

Whole-image features say what a picture shows; whether a scratch is on it only the layers in the middle know. Imports
torch: import this module inside functions.

Source:
    Roth et al., "Towards Total Recall in Industrial Anomaly Detection", CVPR 2022, section 3.1: features of the second
    and third stage (here strides 8 and 16), averaged over neighbourhoods of 3×3, brought to one grid and joined.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from blocks.errors import BadInput, BadOption, BadWeights
from tasks.detect.backends.safe_weights import open_network, version_of
from tasks.intake.images import Pixels

PatchGrids = NDArray[np.float32]
"""Shape (n, rows, columns, d): one vector for each patch of each of n pictures."""

LAYERS = (4, 6)
"""Backbone layers of YOLOv8 after its second and third stage."""

SIDE_PX = 256
"""Pictures are seen at this size; a patch is 8 px of it."""

BATCH = 8


class PatchReader:
    """A detector's weights, read for features of patches.

    Attributes:
        model: Names what made the features; those of another model cannot be compared with them.
    """

    def __init__(self, weights: Path, side_px: int = SIDE_PX, layers: tuple[int, ...] = LAYERS) -> None:
        """Open weights with the distrust of `safe_weights.py`.

        Raises:
            BadWeights: The file is missing, corrupt, unsafe or for another task, or has no such layers.
            BadOption: A network cannot see pictures of this size.
        """
        if side_px < 32 or side_px % 32 or not layers:
            raise BadOption(
                f"patches of pictures of {side_px} px in layers {layers}: expected a multiple of 32, 1+ layers"
            )
        network: Any = open_network(weights)
        backbone = len(network.yaml["backbone"])
        if max(layers) >= backbone or min(layers) < 0:
            raise BadWeights(f"weights {weights.name} have {backbone} backbone layers, not layers {layers}")
        self._layers = network.model[: max(layers) + 1]
        self._wanted = tuple(sorted(layers))
        self._side_px = side_px
        self.model = f"{version_of(weights)}/patches-{side_px}-{'-'.join(map(str, self._wanted))}"

    def read(self, images: Sequence[Pixels]) -> PatchGrids:
        """Return the features of pictures of any shape, each stretched to a square.

        Args:
            images: Any number, also none.

        Returns:
            Shape (n, rows, columns, d), float32; patches by row from the upper left. (0, 0, 0, 0) for no picture.

        Raises:
            BadInput: An image has no pixels.
        """
        if not images:
            return np.zeros((0, 0, 0, 0), dtype=np.float32)
        parts = [self._read_batch(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
        return np.concatenate(parts)

    def _read_batch(self, images: Sequence[Pixels]) -> PatchGrids:
        import cv2

        for place, image in enumerate(images):
            if not image.size:
                raise BadInput(f"image {place} of a batch has shape {image.shape}: expected pixels to read patches of")
        side = (self._side_px, self._side_px)
        squares = np.stack([cv2.resize(image, side, interpolation=cv2.INTER_AREA) for image in images])
        rgb = torch.from_numpy(np.ascontiguousarray(squares[..., ::-1])).permute(0, 3, 1, 2).float() / 255
        found = []
        with torch.inference_mode():
            value = rgb
            for number, layer in enumerate(self._layers):
                value = layer(value)
                if number in self._wanted:
                    found.append(torch.nn.functional.avg_pool2d(value, 3, 1, 1))
            size = found[0].shape[-2:]
            grids = [
                found[0],
                *(torch.nn.functional.interpolate(each, size=size, mode="bilinear") for each in found[1:]),
            ]
            return torch.cat(grids, 1).permute(0, 2, 3, 1).contiguous().numpy()
