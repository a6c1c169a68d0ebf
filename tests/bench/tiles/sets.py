"""The sets of pictures that tiles are measured on: what is asked for, what is true, and which weights look.

- `aerial_cars`: cars, trucks and buses from above, by YOLOv8n of COCO, through tiles of 640 px.
- `rolled`: the same pictures moved by a fixed odd offset, the truth along with them: every object lies elsewhere in the
  tiles, and whoever is tuned to where they happened to lie shows it. An object that the wrap cuts is none any more: its
  parts are marked, and finding one of them is neither right nor wrong.
- `coco`: the first 128 pictures of COCO's val2017, enlarged to 1920 px: large objects, of all classes that occur there.
- `bccd`: touching cells, by weights that learnt the training pictures (`cells.py`), through tiles of 320 px.
- `drawn`: drawn parking lots, by the starter detector, through tiles of 320 px.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import supervision as sv

from infra.demo.run import STARTER
from infra.demo.scenes.drawing import draw_scenes
from tasks.dataset.formats.published import Truth, read_truth
from tasks.detect.tiling.tiles import Flags, Floats, Ints
from tasks.intake.images import Pixels, decode_upright
from tasks.intake.sequences import sequence_of
from tests.bench.tiles.cells import learnt_cells

ROLL_XY_PX = (333, 187)
"""Odd, and no multiple of any step between tiles: 426 and 440 px of a full-HD frame in tiles of 640 px."""

ENLARGED_PX = 1920
DRAWN, DRAWN_SEED = 24, 47
AERIAL_CLASSES = ("car", "truck", "bus")
"""Those of aerial_cars that COCO has. A minibus is none of COCO's, so minibuses stay out of the truth for all alike."""


@dataclass(frozen=True, slots=True)
class PictureSet:
    """Pictures with their truth.

    Attributes:
        name: Of the set.
        weights: Of the detector that looks at them.
        tile_px: Side of the tiles it looks through.
        classes: What is asked for and scored, by class id of the truth.
        paths: The pictures.
        truths: Of each picture the true boxes with class ids, float32.
        cut: Of each picture the parts (k, 4) of objects that are cut and so count for nobody.
        sequences: Of each picture the film or place that it is of.
    """

    name: str
    weights: Path
    tile_px: int
    classes: tuple[str, ...]
    paths: tuple[Path, ...]
    truths: tuple[sv.Detections, ...]
    cut: tuple[Floats, ...]
    sequences: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def some(self, places: Sequence[int]) -> "PictureSet":
        """Return the set of the pictures at these places."""
        return replace(
            self,
            paths=tuple(self.paths[place] for place in places),
            truths=tuple(self.truths[place] for place in places),
            cut=tuple(self.cut[place] for place in places),
            sequences=tuple(self.sequences[place] for place in places),
        )

    def halves(self) -> tuple[list[int], list[int]]:
        """Return the places of two halves: whole sequences where there are several, else every other picture.

        Frames of one film are nearly equal: settings chosen on one would be reported on another all but the same.
        """
        sizes = {name: self.sequences.count(name) for name in dict.fromkeys(self.sequences)}
        if len(sizes) == 1:
            return list(range(0, len(self), 2)), list(range(1, len(self), 2))
        halves: tuple[list[int], list[int]] = ([], [])
        for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
            smaller = min(halves, key=len)
            smaller.extend(place for place, mine in enumerate(self.sequences) if mine == name)
        return sorted(halves[0]), sorted(halves[1])


def aerial_cars(data: Path) -> PictureSet:
    """Return the vehicles of aerial_cars."""
    truth = read_truth(data / "aerial_cars")
    return _set_of("aerial_cars", _coco_weights(data), 640, AERIAL_CLASSES, truth)


def rolled(pictures: PictureSet, folder: Path) -> PictureSet:
    """Move pictures and their truth around by the offset, and write them without loss into a folder."""
    paths, truths, cut = [], [], []
    for path, truth in zip(pictures.paths, pictures.truths, strict=True):
        pixels = decode_upright(path.read_bytes())
        paths.append(_written(np.roll(pixels, ROLL_XY_PX, axis=(1, 0)), folder / f"{path.stem}.png"))
        moved, whole, parts = roll_boxes(truth.xyxy.astype(np.float64), (pixels.shape[1], pixels.shape[0]))
        truths.append(_boxes(moved[whole], np.asarray(truth.class_id)[whole]))
        cut.append(parts)
    return replace(pictures, name="rolled", paths=tuple(paths), truths=tuple(truths), cut=tuple(cut))


def roll_boxes(boxes_xyxy_px: Floats, size_wh: tuple[int, int]) -> tuple[Floats, Flags, Floats]:
    """Return boxes (n, 4) after the roll, which of them (n,) it leaves whole, and the parts (k, 4) of the others."""
    size = np.array(size_wh, dtype=np.float64)
    low = (boxes_xyxy_px[:, :2] + ROLL_XY_PX) % size
    moved = np.hstack([low, low + boxes_xyxy_px[:, 2:] - boxes_xyxy_px[:, :2]])
    whole: Flags = np.asarray((moved[:, 2:] <= size).all(axis=1))
    copies = [moved[~whole] - np.tile(size * step, 2) for step in ((0, 0), (1, 0), (0, 1), (1, 1))]
    parts = np.clip(np.concatenate(copies), 0, np.tile(size, 2))
    return moved, whole, parts[(parts[:, 2:] > parts[:, :2]).all(axis=1)]


def coco(data: Path, folder: Path) -> PictureSet:
    """Return the pictures of coco_val128, their longer side enlarged to 1920 px."""
    truth = read_truth(data / "coco_val128")
    occur = {box.class_name for boxes in truth.boxes.values() for box in boxes}
    classes = tuple(name for name in truth.classes if name in occur)
    pictures = _set_of("coco", _coco_weights(data), 640, classes, truth)
    paths, truths = [], []
    for path, boxes in zip(pictures.paths, pictures.truths, strict=True):
        pixels = decode_upright(path.read_bytes())
        height, width = pixels.shape[:2]
        size_wh = (round(width * ENLARGED_PX / max(width, height)), round(height * ENLARGED_PX / max(width, height)))
        larger = cv2.resize(pixels, size_wh, interpolation=cv2.INTER_CUBIC)
        paths.append(_written(np.asarray(larger, dtype=np.uint8), folder / f"{path.stem}.png"))
        gain = np.tile([size_wh[0] / width, size_wh[1] / height], 2)
        truths.append(_boxes(boxes.xyxy * gain, np.asarray(boxes.class_id)))
    return replace(pictures, paths=tuple(paths), truths=tuple(truths))


def bccd(data: Path, cache: Path) -> PictureSet:
    """Return the test pictures of bccd."""
    truth = read_truth(data / "bccd")
    tested = set((data / "bccd" / "ImageSets" / "Main" / "test.txt").read_text().split())
    weights = learnt_cells(_coco_weights(data), truth, data / "bccd", cache)
    names = [name for name in sorted(truth.boxes) if Path(name).stem in tested]
    return _set_of("bccd", weights, 320, truth.classes, truth, names)


def drawn(folder: Path) -> PictureSet:
    """Return parking lots that nobody trained on."""
    draw_scenes(folder, DRAWN, seed=DRAWN_SEED)
    truth = read_truth(folder)
    return _set_of("drawn", STARTER, 320, truth.classes, truth)


def sets_of(data: Path, folder: Path, cache: Path) -> dict[str, Callable[[], PictureSet]]:
    """Return what makes each set, by name; what is written lies in a folder, and weights in the cache."""
    return {
        "aerial_cars": lambda: aerial_cars(data),
        "rolled": lambda: rolled(aerial_cars(data), _made(folder / "rolled")),
        "coco": lambda: coco(data, _made(folder / "coco")),
        "bccd": lambda: bccd(data, cache),
        "drawn": lambda: drawn(folder / "drawn"),
    }


def evenly(pictures: PictureSet, count: int) -> PictureSet:
    """Return so many pictures of a set, evenly chosen; all for 0."""
    if not count or count >= len(pictures):
        return pictures
    return pictures.some(np.linspace(0, len(pictures) - 1, count).round().astype(int).tolist())


def _coco_weights(data: Path) -> Path:
    return data / "weights" / "yolov8n-coco.pt"


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _written(pixels: Pixels, path: Path) -> Path:
    cv2.imwrite(str(path), pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return path


def _set_of(
    name: str, weights: Path, tile_px: int, classes: tuple[str, ...], truth: Truth, names: Sequence[str] | None = None
) -> PictureSet:
    names = sorted(truth.boxes) if names is None else names
    truths = []
    for each in names:
        boxes = [box for box in truth.boxes[each] if box.class_name in classes]
        numbers = np.array([classes.index(box.class_name) for box in boxes], dtype=np.int64)
        truths.append(_boxes(np.array([box.box_xyxy_px for box in boxes]).reshape(-1, 4), numbers))
    paths = tuple(truth.pictures[each] for each in names)
    cut = tuple(np.zeros((0, 4)) for _ in names)
    sequences = tuple(sequence_of(Path(each), None) for each in names)
    return PictureSet(name, weights, tile_px, classes, paths, tuple(truths), cut, sequences)


def _boxes(boxes: Floats, class_ids: Ints) -> sv.Detections:
    scores = np.ones(len(boxes), dtype=np.float32)
    return sv.Detections(xyxy=boxes.astype(np.float32), confidence=scores, class_id=class_ids)
