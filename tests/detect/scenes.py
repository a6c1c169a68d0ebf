"""Drawn scenes with known objects, and exact detectors for them: one reads colours off pixels, one clips the truth."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import supervision as sv

from tasks.detect.detector import EMBEDDING, to_detections
from tasks.detect.tiling.seams import Seen
from tasks.detect.tiling.tiles import Floats, Regions
from tasks.detect.tiling.views import Placement, View, letterbox
from tasks.intake.images import Pixels

COLOURS = {"car": (0, 0, 250), "truck": (0, 250, 0), "bus": (250, 0, 0)}


def draw(size_wh: tuple[int, int], boxes_xyxy_px: Sequence[Sequence[int]], class_name: str = "car") -> Pixels:
    """A grey picture with one solid rectangle for each box."""
    image = np.full((size_wh[1], size_wh[0], 3), 60, dtype=np.uint8)
    for x_min, y_min, x_max, y_max in boxes_xyxy_px:
        image[y_min:y_max, x_min:x_max] = COLOURS[class_name]
    return image


@dataclass
class ColourDetector:
    """Finds solid rectangles of its classes' colours, however a tile cuts them; follows the `Detector` protocol."""

    imgsz: int = 320
    classes: tuple[str, ...] = ("car", "truck", "bus")
    version: str = "0123456789ab"
    stride: int = 32
    widens: bool = True
    lanes: int = 1
    batch_size: int = 0
    batch_sizes: list[int] = field(default_factory=list)

    def predict(
        self,
        images: Sequence[Pixels],
        min_score: float = 0.1,
        fitted: bool = False,
        class_ids: Sequence[int] | None = None,
    ) -> list[sv.Detections]:
        self.batch_sizes.append(len(images))
        if fitted:
            assert len({image.shape for image in images}) <= 1
            sides = [side for image in images for side in image.shape[:2]]
            assert all(side % self.stride == 0 and (side <= self.imgsz or self.widens) for side in sides)
        return [self._look(image, fitted) for image in images]

    def embed(self, images: Sequence[Pixels]) -> np.ndarray:
        return np.stack([image.mean(axis=(0, 1)) for image in images]).astype(np.float32)

    def _look(self, image: Pixels, fitted: bool = False) -> sv.Detections:
        view = View(image, Placement(image.shape[1::-1])) if fitted else letterbox(image, self.imgsz)
        boxes, class_ids = [], []
        for class_id, name in enumerate(self.classes):
            colour = np.array(COLOURS[name])
            alike = cv2.inRange(view.pixels, np.maximum(colour - 80, 0), np.minimum(colour + 80, 255))
            for x, y, width, height, area in cv2.connectedComponentsWithStats(alike, connectivity=4)[2][1:]:
                if area >= 4:
                    boxes.append([x, y, x + width, y + height])
                    class_ids.append(class_id)
        xyxy = view.placement.to_image(np.array(boxes, dtype=np.float64).reshape(-1, 4))
        scores = 0.5 + 0.4 * np.minimum(1.0, (xyxy[:, 2] - xyxy[:, 0]) / self.imgsz)
        detections = to_detections(xyxy, scores, np.array(class_ids))
        detections.metadata[EMBEDDING] = image[::7, ::7].mean(axis=(0, 1)).astype(np.float32)
        return detections


def seen_of(objects_xyxy_px: Floats, regions: Regions, class_ids: Sequence[int] | None = None, seed: int = 0) -> Seen:
    """What an exact detector reports: of each object the part inside each view, if over 2 px, with a random score."""
    names = np.zeros(len(objects_xyxy_px), dtype=np.int64) if class_ids is None else np.asarray(class_ids)
    boxes, views, classes = [], [], []
    for view, edges in enumerate(regions.xyxy_px):
        low, high = np.maximum(objects_xyxy_px[:, :2], edges[:2]), np.minimum(objects_xyxy_px[:, 2:], edges[2:])
        visible = (high - low > 2).all(axis=1)
        boxes.append(np.hstack([low, high])[visible])
        views.append(np.full(int(visible.sum()), view))
        classes.append(names[visible])
    count = sum(len(some) for some in views)
    scores = np.random.default_rng(seed).uniform(0.3, 0.95, count)
    return Seen(np.vstack(boxes), scores, np.concatenate(classes), np.concatenate(views))
