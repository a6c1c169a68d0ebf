"""Dishes as under a microscope, drawn with a seed: round cells and bent rods, whose pixels are known exactly.

A dish is a sequence (`dish-03-01.png`, `dish-03-02.png`): the same stain and light, other objects. Of objects that
touch, the one that is drawn first lies on top, so every pixel is one object's at most.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.demo.scenes.strokes import Image, clouds
from tasks.kinds.outlines.raster import Raster, coco_counts

CLASSES = ("cell", "rod")
SIZE_WH = (480, 360)
LOOKS = 2
"""Pictures of one dish."""

OBJECTS = (9, 17)
RADIUS_PX = (13.0, 25.0)
LENGTH_PX, WIDTH_PX = (46.0, 84.0), (11.0, 17.0)
LEAST_SEEN = 0.7
"""An object of which others cover more is not drawn."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class DrawnObject:
    """One object, and which pixels of its picture show it."""

    class_name: str
    raster: Raster


@dataclass(frozen=True, slots=True)
class DrawnDishes:
    """Where drawn dishes lie and what is on them.

    Attributes:
        folder: Has `images/`, and the truth as COCO beside it.
        truth: By file name, the objects of each picture.
    """

    folder: Path
    images: Path
    truth: Mapping[str, tuple[DrawnObject, ...]] = field(repr=False)

    @property
    def objects(self) -> int:
        """How many there are in all."""
        return sum(map(len, self.truth.values()))


def draw_dishes(folder: Path, pictures: int, seed: int = 0) -> DrawnDishes:
    """Draw dishes as PNG files, with their truth in COCO's format, masks as runs.

    Args:
        folder: Gets `images/` and `instances.json`.
        pictures: How many; two of each dish.
        seed: The same seed draws the same pictures.
    """
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    truth: dict[str, tuple[DrawnObject, ...]] = {}
    for number in range(pictures):
        dish, look = divmod(number, LOOKS)
        name = f"dish-{dish + 1:02d}-{look + 1:02d}.png"
        picture, truth[name] = _draw(np.random.default_rng([seed, dish]), np.random.default_rng([seed, dish, look]))
        cv2.imwrite(str(images / name), picture)
    (folder / "instances.json").write_text(json.dumps(_as_coco(truth)))
    return DrawnDishes(folder, images, truth)


def _draw(stain: np.random.Generator, chance: np.random.Generator) -> tuple[Image, tuple[DrawnObject, ...]]:
    width, height = SIZE_WH
    ground = stain.uniform(150, 225, 3)
    inks = {"cell": stain.uniform(45, 100, 3), "rod": ground - stain.uniform(30, 75, 3)}
    picture = ground + clouds(stain, SIZE_WH, 40)[..., None] * 10 + clouds(chance, SIZE_WH, 9)[..., None] * 6
    taken = np.zeros((height, width), np.bool_)
    found = []
    for class_name, inside in _shapes(chance, int(chance.integers(*OBJECTS))):
        seen = inside & ~taken
        if not inside.any() or seen.sum() < LEAST_SEEN * inside.sum():
            continue
        ink = inks[class_name] + chance.normal(0, 8, 3) + clouds(chance, SIZE_WH, 6)[..., None] * 12
        soft = cv2.GaussianBlur(seen.astype(np.float64), (0, 0), 0.8)[..., None]
        picture = picture * (1 - soft) + ink * soft
        taken |= inside
        found.append(DrawnObject(class_name, _raster(seen)))
    noisy = picture + chance.normal(0, 5, picture.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), tuple(found)


def _shapes(chance: np.random.Generator, count: int) -> Iterator[tuple[str, Flags]]:
    width, height = SIZE_WH
    down, across = np.mgrid[:height, :width] + 0.5
    for _ in range(count):
        x, y, turn = chance.uniform(0, width), chance.uniform(0, height), chance.uniform(0, 2 * np.pi)
        along = (across - x) * np.cos(turn) + (down - y) * np.sin(turn)
        beside = (down - y) * np.cos(turn) - (across - x) * np.sin(turn)
        if chance.random() < 0.55:
            angle, radius = np.arctan2(beside, along), chance.uniform(*RADIUS_PX)
            waves = sum(chance.normal(0, 0.05) * np.cos(n * angle + chance.uniform(0, 6)) for n in (2, 3, 4))
            yield "cell", np.asarray(np.hypot(along, beside / chance.uniform(0.75, 1)) < radius * (1 + waves), np.bool_)
        else:
            half, wide = chance.uniform(*LENGTH_PX) / 2, chance.uniform(*WIDTH_PX) / 2
            bent = beside - chance.normal(0, 0.006) * along**2
            yield "rod", np.asarray((abs(along) / half) ** 4 + (abs(bent) / wide) ** 4 < 1, np.bool_)


def _raster(inside: Flags) -> Raster:
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    cut = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Raster(int(columns[0]), int(rows[0]), cut)


def _as_coco(truth: Mapping[str, tuple[DrawnObject, ...]]) -> dict[str, object]:
    width, height = SIZE_WH
    rows = [(picture, one) for picture, some in enumerate(truth.values(), 1) for one in some]
    return {
        "images": [
            {"id": number, "file_name": name, "width": width, "height": height} for number, name in enumerate(truth, 1)
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(CLASSES, 1)],
        "annotations": [
            {
                "id": number,
                "image_id": picture,
                "category_id": CLASSES.index(one.class_name) + 1,
                "bbox": [one.raster.left, one.raster.top, one.raster.pixels.shape[1], one.raster.pixels.shape[0]],
                "area": one.raster.area,
                "iscrowd": 0,
                "segmentation": {"size": [height, width], "counts": coco_counts(one.raster, SIZE_WH)},
            }
            for number, (picture, one) in enumerate(rows, 1)
        ],
    }
