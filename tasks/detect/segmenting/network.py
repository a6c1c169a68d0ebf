"""Ultralytics segmentation networks in torch. Imports torch: import this module inside functions."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from blocks.errors import BadWeights
from tasks.detect.backends.safe_weights import class_names, open_network, stride_of
from tasks.detect.backends.torch_network import RUNNING_ERRORS
from tasks.detect.segmenting.seams import SeenObject
from tasks.detect.tiling.views import View, rounded_up
from tasks.intake.images import Pixels
from tasks.kinds.geometry import Flags
from tasks.kinds.outlines.raster import Raster

NMS_IOU = 0.7
"""Boxes of one class in one tile that overlap by more are one object, as ultralytics has it."""

MOST_IN_TILE = 300


class SegmentNetwork:
    """A network that finds objects with their pixels. Safe to call from several threads.

    Attributes:
        classes: Names by class id.
        stride: Sides of its pictures are multiples of this many pixels.
    """

    def __init__(self, network: Any) -> None:
        self.classes = class_names(network)
        self.stride = stride_of(network)
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._network = network.to(self._device)
        self._lock = threading.Lock()

    def see(self, view: View, number: int, class_ids: Sequence[int], min_score: float) -> list[SeenObject]:
        """Return the objects of some classes in a view, in pixels of its image.

        Args:
            view: A tile, or the whole image made smaller.
            number: Of the view among those of its image.
            class_ids: Which are wanted.
            min_score: What scores less is left out.
        """
        from ultralytics.utils.nms import non_max_suppression
        from ultralytics.utils.ops import process_mask

        pixels = rounded_up(view.pixels, self.stride)
        with self._lock, torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(pixels)).to(self._device).permute(2, 0, 1)[None]
            (rows, protos), _ = self._network(batch.flip(1).float() / 255)
            (found,) = non_max_suppression(
                rows, min_score, NMS_IOU, list(class_ids), max_det=MOST_IN_TILE, nc=len(self.classes)
            )
            found = found[torch.isfinite(found).all(dim=1)]
            masks = process_mask(protos[0], found[:, 6:], found[:, :4], pixels.shape[:2], upsample=True)
        said, drawn = found[:, 4:6].cpu().numpy(), masks.cpu().numpy().astype(np.bool_)
        seen = []
        for (score, class_id), mask in zip(said, drawn, strict=True):
            raster = _in_image(mask, view)
            if raster is not None:
                seen.append(SeenObject(int(class_id), float(score), raster, number))
        return seen


def _in_image(mask: Flags, view: View) -> Raster | None:
    """Return a mask of a view's picture as pixels of its image; None where nothing of it is there."""
    import cv2

    placed = view.placement
    width, height = (max(round(side * gain), 1) for side, gain in zip(placed.size_wh, placed.gain_xy, strict=True))
    left, top = (round(pad) for pad in placed.pad_xy)
    cut = mask[top : top + height, left : left + width]
    if placed.gain_xy != (1.0, 1.0):
        cut = cv2.resize(cut.astype(np.uint8), placed.size_wh, interpolation=cv2.INTER_NEAREST).astype(np.bool_)
    rows, columns = np.flatnonzero(cut.any(axis=1)), np.flatnonzero(cut.any(axis=0))
    if not len(rows):
        return None
    pixels = cut[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Raster(int(placed.offset_xy[0]) + int(columns[0]), int(placed.offset_xy[1]) + int(rows[0]), pixels)


def open_segment_network(weights: Path) -> SegmentNetwork:
    """Open a .pt file with the distrust of `safe_weights.py`, and see that it runs.

    Raises:
        BadWeights: The file is missing, corrupt, unsafe, for another task, or does not run.
    """
    from tasks.detect.tiling.views import Placement

    network = SegmentNetwork(open_network(weights, "segmentation"))
    nothing: Pixels = np.zeros((2 * network.stride, 2 * network.stride, 3), np.uint8)
    try:
        network.see(View(nothing, Placement((nothing.shape[1], nothing.shape[0]))), 0, [0], 0.5)
    except RUNNING_ERRORS as error:
        raise BadWeights(
            f"weights {weights.name} do not run ({type(error).__name__}: {str(error)[:200]}): give the file that "
            "training wrote"
        ) from error
    return network
