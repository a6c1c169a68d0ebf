"""A detector made of any back end: fit images into pictures, run the network, read its rows, back to pixels."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import supervision as sv

from tasks.detect.backends.decode import Rows, features_of, rows_of, suppress_rows
from tasks.detect.backends.runner import BOUNDED, Arrays, NetworkFacts, Runner
from tasks.detect.detector import DROPPED, EMBEDDING, Embeddings, to_detections
from tasks.detect.tiling.views import Placement, View, at_least, letterbox, squared
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
        self.classes, self.imgsz, self.stride = facts.classes, facts.imgsz, facts.stride
        self.lanes, self.batch_size = runner.lanes, runner.batch_size
        self.widens = not facts.square and runner.name not in BOUNDED

    def predict(
        self,
        images: Sequence[Pixels],
        min_score: float = 0.1,
        fitted: bool = False,
        class_ids: Sequence[int] | None = None,
    ) -> list[sv.Detections]:
        """Find boxes in images, and leave each image's features in `metadata["embedding"]`.

        For networks of ultralytics the boxes equal those of `YOLO.predict` of one image with the same threshold and
        the same classes.

        Args:
            images: Shape (h, w, 3) each, uint8, blue green red. May be empty.
            min_score: Boxes that score less are left out.
            fitted: They are pictures already; see `Detector.predict`.
            class_ids: Boxes of other classes are left out before any compete; None: of no class.

        Returns:
            For each image boxes (n, 4) float32 in its pixels, best score first, with score and class id.
        """
        views = [self._view(image, fitted) for image in images]
        found: dict[int, sv.Detections] = {}
        for places, outputs in self._run(views):
            features = features_of(outputs, self.facts)
            for place, rows, feature in zip(places, rows_of(outputs, self.facts), features, strict=True):
                found[place] = self._detections(rows, views[place], min_score, class_ids)
                found[place].metadata[EMBEDDING] = feature
        return [found[place] for place in range(len(views))]

    def embed(self, images: Sequence[Pixels]) -> Embeddings:
        """Return the pooled features of the deepest backbone layer, shape (n, d), float32; (0, 0) for no images."""
        found: dict[int, Embeddings] = {}
        for places, outputs in self._run([self._view(image, fitted=False) for image in images]):
            found.update(zip(places, features_of(outputs, self.facts), strict=True))
        return np.stack([found[place] for place in range(len(images))]) if images else np.zeros((0, 0), np.float32)

    def _view(self, image: Pixels, fitted: bool) -> View:
        """Fit an image into a picture; for a network that sees only squares, on more grey."""
        if fitted:
            view = View(image, Placement((image.shape[1], image.shape[0])))
        else:
            view = letterbox(image, self.imgsz, self.facts.padding == "centre", not self.facts.square, self.stride)
        if self.facts.square:
            return View(squared(view.pixels, self.imgsz), view.placement)
        # OpenCV 4.12 cannot spread the places of a picture over a single row or column of them.
        least = 2 * self.stride if self.runner.name == "opencv" else self.stride
        return View(at_least(view.pixels, least), view.placement)

    def _run(self, views: Sequence[View]) -> Iterator[tuple[list[int], Arrays]]:
        """Run the network on batches of pictures of one size, and yield which they were and what it said."""
        sizes: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for place, view in enumerate(views):
            sizes[view.pixels.shape].append(place)
        for places in sizes.values():
            step = self.batch_size or len(places)
            for start in range(0, len(places), step):
                some = places[start : start + step]
                yield some, self.runner.run(np.stack([views[place].pixels for place in some]))

    def _detections(self, rows: Rows, view: View, min_score: float, class_ids: Sequence[int] | None) -> sv.Detections:
        unsound = ~np.isfinite(rows).all(axis=0)
        dropped = int(unsound.sum())
        tiles = -(-view.pixels.shape[0] * view.pixels.shape[1] // self.imgsz**2)
        kept = suppress_rows(rows[:, ~unsound] if dropped else rows, min_score, self.facts, tiles, class_ids)
        boxes = view.placement.to_image(kept[:4].T.astype(np.float64))
        detections = to_detections(boxes, kept[4], kept[5])
        detections.metadata[DROPPED] = dropped
        return detections
