"""Single vehicles from above, each in the middle of a picture of its own: what a line of classes is shown on.

All drive along one road, either way: a network that begins with random numbers, and a hundred pictures to learn from,
does not come to know a vehicle at every angle.
"""

import hashlib
from pathlib import Path

import cv2
import numpy as np

from infra.annotators.truth import KnownWorld, TruePicture
from infra.demo.scenes.strokes import Image, Pose
from infra.demo.scenes.vehicles import CLASSES, draw_vehicle, new_vehicle

SIDE_PX = 144
"""Room for the longest bus at any angle."""

AT_ONE_PLACE = 5
"""Pictures of one place: a sequence, so that a split by sequence is a split by place."""


def draw_portraits(folder: Path, numbers: range, seed: int = 0) -> KnownWorld:
    """Draw pictures of one vehicle each as PNG files `place-01-01.png`, and return what each shows.

    Args:
        folder: Gets the pictures.
        numbers: Which pictures of all that the seed can draw; all classes are equally likely.
        seed: The same seed draws the same pictures, byte for byte.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {}
    for number in numbers:
        place, moment = divmod(number, AT_ONE_PLACE)
        chance = np.random.default_rng([seed, place, moment + 1])
        class_name = CLASSES[int(chance.integers(len(CLASSES)))]
        ground = _ground(np.random.default_rng([seed, place]))
        path = folder / f"place-{place + 1:02d}-{moment + 1:02d}.png"
        cv2.imwrite(str(path), _portrait(ground, class_name, chance))
        item_id = hashlib.sha256(path.read_bytes()).hexdigest()
        pictures[item_id] = TruePicture(path.name, (SIDE_PX, SIDE_PX), (), class_name)
    return KnownWorld(pictures, CLASSES)


def _ground(rng: np.random.Generator) -> Image:
    """Return asphalt with a white line across it."""
    ground = np.full((SIDE_PX, SIDE_PX, 3), int(rng.integers(70, 130)), np.uint8)
    ends = rng.integers(0, SIDE_PX, (2, 2)).tolist()
    cv2.line(ground, tuple(ends[0]), tuple(ends[1]), (200, 205, 205), 3, cv2.LINE_AA)
    return ground


def _portrait(ground: Image, class_name: str, rng: np.random.Generator) -> Image:
    picture = ground.copy()
    x, y = (float(SIDE_PX / 2 + shift) for shift in rng.uniform(-6, 6, 2))
    heading = float(np.pi * rng.integers(2) + rng.normal(0, 0.1))
    draw_vehicle(picture, new_vehicle(rng, class_name, Pose(x, y, heading)))
    light = picture * rng.uniform(0.55, 1.1) + rng.normal(0, 7, picture.shape)
    return np.clip(light, 0, 255).astype(np.uint8)
