"""A detector made of any back end: fit images into pictures, run the network, read its rows, back to pixels."""

from collections.abc import Iterator, Sequence

import numpy as np
import supervision as sv

from tasks.detect.models import DROPPED, EMBEDDING, Embeddings, to_detections
from tasks.detect.networks import Arrays, NetworkFacts, Runner
from tasks.detect.rows import Rows, features_of, rows_of, suppress_rows
from tasks.detect.views import View, letterbox
from tasks.intake.images import Pixels


class RowDetector:
    """A network in a back end, as the rest of the line sees it; follows the `Detector` protocol.

    Attributes:
        runner: The back end.
        facts: What is known of the network.
        version: First 12 hex digits of the SHA-256 of its weights.
    """

    def __init__(self, runner: Runner, facts: NetworkFacts, version: str) -> None:
        self.runner, self.facts, self.version = runner, facts, version
        self.classes, self.imgsz = facts.classes, facts.imgsz
        self.lanes, self.batch_size = runner.lanes, runner.batch_size

    def predict(self, images: Sequence[Pixels], min_score: float = 0.1) -> list[sv.Detections]:
        """Find boxes in images, and leave each image's features in `metadata["embedding"]`.

        For networks of ultralytics the boxes equal those of `YOLO.predict(rect=False)` with the same threshold.

        Args:
            images: Shape (h, w, 3) each, uint8, blue green red. May be empty.
            min_score: Boxes that score less are left out.

        Returns:
            For each image boxes (n, 4) float32 in its pixels, best score first, with score and class id.
        """
        found = []
        for views, outputs in self._run(images):
            features = features_of(outputs, self.facts)
            for view, rows, feature in zip(views, rows_of(outputs, self.facts), features, strict=True):
                found.append(self._detections(rows, view, min_score))
                found[-1].metadata[EMBEDDING] = feature
        return found

    def embed(self, images: Sequence[Pixels]) -> Embeddings:
        """Return the pooled features of the deepest backbone layer, shape (n, d), float32; (0, 0) for no images."""
        found = [features_of(outputs, self.facts) for _, outputs in self._run(images)]
        return np.concatenate(found) if found else np.zeros((0, 0), dtype=np.float32)

    def _run(self, images: Sequence[Pixels]) -> Iterator[tuple[list[View], Arrays]]:
        views = [letterbox(image, self.imgsz, self.facts.padding == "centre") for image in images]
        step = self.batch_size or max(len(views), 1)
        for start in range(0, len(views), step):
            some = views[start : start + step]
            yield some, self.runner.run(np.stack([view.pixels for view in some]))

    def _detections(self, rows: Rows, view: View, min_score: float) -> sv.Detections:
        unsound = ~np.isfinite(rows).all(axis=0)
        dropped = int(unsound.sum())
        kept = suppress_rows(rows[:, ~unsound] if dropped else rows, min_score, self.facts)
        boxes = view.placement.to_image(kept[:4].T.astype(np.float64))
        detections = to_detections(boxes, kept[4], kept[5])
        detections.metadata[DROPPED] = dropped
        return detections
