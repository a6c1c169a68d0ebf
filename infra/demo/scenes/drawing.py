"""Parking lots seen from above, drawn with a seed: pictures whose truth is known to the pixel.

A lot is a sequence (`lot-03-01.jpg`, `lot-03-02.jpg`, …): the same ground at other moments, in other light, with other
vehicles. So a split by sequence is a split by place, and a detector that has only learnt the places fails.
"""

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from infra.demo.scenes.drawn_truth import DrawnBox, visible_box, write_truth
from infra.demo.scenes.ground import paint_ground
from infra.demo.scenes.lots import lay_out
from infra.demo.scenes.strokes import Image
from infra.demo.scenes.traffic import SceneStyle, drive_along, park
from infra.demo.scenes.vehicles import CLASSES, Vehicle, draw_vehicle
from infra.demo.scenes.weather import (
    LIGHTS,
    Light,
    camera_grain,
    cast,
    darken,
    paint_trees,
    photograph,
    shadow_of_vehicles,
)

MOMENTS = 3
TREE_HEIGHT_PX, ROOF_HEIGHT_PX = 42, 60


@dataclass(frozen=True, slots=True)
class StillScene:
    """What stays in place between the moments of a lot: pictures of (1280, 1920[, 3]), masks 0 to 255."""

    ground: Image
    roofs: Image
    crowns: Image
    hidden: Image


@dataclass(frozen=True, slots=True)
class DrawnScenes:
    """Where drawn scenes lie and what is on them."""

    folder: Path
    images: Path
    labels: Path
    classes: tuple[str, ...]
    truth: dict[str, tuple[DrawnBox, ...]] = field(repr=False)


def draw_scenes(folder: Path, count: int = 24, seed: int = 0, style: SceneStyle | None = None) -> DrawnScenes:
    """Draw parking lots as JPEG files, with their truth in YOLO format and the trucks' kinds beside it.

    Args:
        folder: Gets `images/`, `labels/` (with `classes.txt`) and `kinds.json`: per image a list, parallel to the lines
            of its label file, of kind or null.
        count: How many pictures; three per lot.
        seed: The same seed draws the same pictures, byte for byte.
        style: What may occur; everything by default.
    """
    style = style or SceneStyle()
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    grain = camera_grain(np.random.default_rng([seed, 999]))
    truth: dict[str, tuple[DrawnBox, ...]] = {}
    for lot_number in range((count + MOMENTS - 1) // MOMENTS):
        moments = min(MOMENTS, count - lot_number * MOMENTS)
        for moment, (picture, boxes) in enumerate(_draw_lot(seed, lot_number, moments, style, grain)):
            name = f"lot-{lot_number + 1:02d}-{moment + 1:02d}.jpg"
            cv2.imwrite(str(images / name), picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
            truth[name] = tuple(boxes)
    write_truth(folder, truth)
    return DrawnScenes(folder, images, folder / "labels", CLASSES, truth)


def _draw_lot(
    seed: int, number: int, moments: int, style: SceneStyle, grain: Image
) -> list[tuple[Image, list[DrawnBox]]]:
    rng = np.random.default_rng([seed, number])
    lot = lay_out(rng, style.leafiness)
    stage = StillScene(*paint_ground(lot, rng), *paint_trees(lot))
    towards = float(rng.uniform(0, 2 * np.pi))
    drawn = []
    for moment in range(moments):
        chance = np.random.default_rng([seed, number, moment + 1])
        lights = style.lights[moment % len(style.lights)]
        light = LIGHTS[lights[int(chance.integers(len(lights)))]]
        driving = [vehicle for lane in lot.lanes for vehicle in drive_along(lot, lane, style, chance)]
        vehicles = driving + park(lot, style, int(chance.integers(*style.vehicles)) - len(driving), chance)
        picture = _compose(stage, vehicles, light, towards + float(chance.uniform(-0.3, 0.3)))
        boxes = [box for vehicle in vehicles if (box := visible_box(vehicle, stage.hidden))]
        drawn.append((photograph(picture, light, chance, grain), boxes))
    return drawn


def _compose(stage: StillScene, vehicles: list[Vehicle], light: Light, towards: float) -> Image:
    picture = darken(stage.ground, shadow_of_vehicles(vehicles, light, towards), light)
    for vehicle in vehicles:
        draw_vehicle(picture, vehicle)
    tall = cv2.max(
        cast(stage.hidden, towards, TREE_HEIGHT_PX * light.slope),
        cv2.subtract(cast(stage.roofs, towards, ROOF_HEIGHT_PX * light.slope), stage.roofs),
    )
    picture = darken(picture, tall, light, 0.9)
    cv2.copyTo(stage.crowns, stage.hidden, picture)
    return picture
