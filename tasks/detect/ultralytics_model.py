"""Ultralytics detection networks, called without the high-level `predict`: stack, forward pass, its own suppression.

`YOLO.predict` spends its time per image on result objects, callbacks and file sources. Here a batch is one array, and
what remains is the network; results are the same (a test compares them).
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import supervision as sv

from blocks.errors import BadOption
from tasks.detect.models import EMBEDDING, Embeddings, to_detections
from tasks.detect.views import View, letterbox
from tasks.detect.weights import class_names, open_network
from tasks.intake.images import Pixels

SUPPRESSION_IOU = 0.7
"""Ultralytics' default for `predict`: overlapping boxes of one class in one picture."""

MOST_BOXES = 300
"""Ultralytics' default for `predict`: boxes kept per picture."""

PATIENCE_S = 60.0
"""Suppression silently gives up after 2 s plus this for each picture; its 0.05 s lose boxes on a busy machine."""


class UltralyticsDetector:
    """A YOLO network of ultralytics, in float32 on the best device that torch finds.

    Attributes:
        version: First 12 hex digits of the SHA-256 of its weights.
        classes: Class names by class id.
        imgsz: Side in pixels of the square pictures that the network sees.
        device: Such as cpu or cuda.
    """

    def __init__(self, weights: Path, version: str, imgsz: int = 640) -> None:
        import torch

        if imgsz < 32 or imgsz % 32:
            raise BadOption(f"a network input of {imgsz} px is not possible: expected a multiple of 32")
        network = open_network(weights)
        self.version, self.imgsz = version, imgsz
        self.classes = class_names(network)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        # Channels last: a quarter faster on CPUs for the same numbers.
        self._network = network.fuse(verbose=False).to(self.device, memory_format=torch.channels_last)
        self._end_to_end = bool(getattr(network, "end2end", False))
        self._lock = threading.Lock()
        self._features: Any = None
        deepest = len(network.yaml["backbone"]) - 1
        self._network.model[deepest].register_forward_hook(self._keep_features)

    def predict(self, images: Sequence[Pixels], min_score: float = 0.1) -> list[sv.Detections]:
        """Find boxes in images, and leave each image's pooled backbone features in `metadata["embedding"]`.

        The boxes equal those of `YOLO.predict(rect=False)` with the same threshold.

        Args:
            images: Shape (h, w, 3) each, uint8, blue green red. May be empty.
            min_score: Boxes that score less are left out.

        Returns:
            For each image boxes (n, 4) float32 in its pixels, best score first, with score and class id.
        """
        if not images:
            return []
        views = [letterbox(image, self.imgsz) for image in images]
        rows, features = self._forward(views, min_score)
        return [_detections(*each) for each in zip(rows, views, features, strict=True)]

    def embed(self, images: Sequence[Pixels]) -> Embeddings:
        """Return the pooled features of the deepest backbone layer, shape (n, d), float32; (0, 0) for no images."""
        if not images:
            return np.zeros((0, 0), dtype=np.float32)
        return self._forward([letterbox(image, self.imgsz) for image in images], 1.0)[1]

    def _forward(self, views: Sequence[View], min_score: float) -> tuple[list[Any], Embeddings]:
        """Return boxes with score and class (n, 6) in pixels of each picture, and features (len(views), d)."""
        import torch
        import torchvision  # noqa: F401  # ultralytics uses its compiled suppression only if it is already imported
        from ultralytics.utils.nms import non_max_suppression

        stacked = torch.from_numpy(np.stack([view.pixels for view in views]))
        with self._lock, torch.inference_mode():
            # As it lies in memory, blue green red by pixel, is what "channels last" means: no reordering is needed.
            batch = stacked.to(self.device).flip(-1).permute(0, 3, 1, 2).float().div_(255)
            output = self._network(batch)
            features = self._features.float().mean(dim=(2, 3)).cpu().numpy()
            rows = non_max_suppression(
                output,
                min_score,
                SUPPRESSION_IOU,
                max_det=MOST_BOXES,
                max_time_img=PATIENCE_S,
                end2end=self._end_to_end,
            )
            return [row.float().cpu().numpy() for row in rows], features

    def _keep_features(self, _layer: Any, _inputs: Any, output: Any) -> None:
        self._features = output


def _detections(rows: Any, view: View, features: Any) -> sv.Detections:
    boxes = view.placement.to_image(rows[:, :4].astype(np.float64))
    detections = to_detections(boxes, rows[:, 4], rows[:, 5])
    detections.metadata[EMBEDDING] = features
    return detections
