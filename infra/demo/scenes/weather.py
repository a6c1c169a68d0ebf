"""Light, shadows, trees and the camera: everything between the painted ground with its vehicles and the picture."""

from dataclasses import dataclass

import cv2
import numpy as np

from infra.demo.scenes.lots import SIZE_WH, Lot, Tree, in_view
from infra.demo.scenes.strokes import Colour, Image, Pose, clouds, shade
from infra.demo.scenes.vehicles import Vehicle

LEAVES: tuple[Colour, ...] = ((44, 92, 58), (40, 80, 62), (56, 104, 84), (50, 110, 108), (38, 70, 44))


@dataclass(frozen=True, slots=True)
class Light:
    """How the sun stands: shadow per height, how dark and soft shadows are, and the light's colour."""

    name: str
    slope: float
    darkness: float
    softness_px: int
    gains_bgr: tuple[float, float, float]
    contrast: float = 1.0
    noise: float = 5.0


LIGHTS = {
    light.name: light
    for light in (
        Light("noon", 0.35, 0.52, 3, (1.0, 1.0, 1.02)),
        Light("morning", 1.15, 0.46, 3, (0.86, 0.96, 1.05)),
        Light("evening", 1.5, 0.5, 5, (0.7, 0.83, 0.98), 1.05),
        Light("overcast", 0.3, 0.2, 13, (0.94, 0.9, 0.87), 0.84),
        Light("dusk", 0.3, 0.16, 15, (0.8, 0.7, 0.66), 0.9),
        Light("haze", 0.6, 0.24, 9, (1.04, 1.02, 1.0), 0.72),
    )
}


def cast(footprint: Image, towards: float, length_px: float) -> Image:
    """Return the mask of the shadow that a mask of things of one height throws, the things themselves included."""
    shadow = footprint.copy()
    steps = max(1, int(np.ceil(length_px / 6)))
    for step in range(1, steps + 1):
        reach = length_px * step / steps
        move = np.array([[1, 0, np.cos(towards) * reach], [0, 1, np.sin(towards) * reach]], np.float32)
        shadow = cv2.max(shadow, cv2.warpAffine(footprint, move, SIZE_WH, flags=cv2.INTER_NEAREST))
    return shadow


def shadow_of_vehicles(vehicles: list[Vehicle], light: Light, towards: float) -> Image:
    """Return the mask of the vehicles' shadows on the ground, hard-edged."""
    mask = np.zeros(SIZE_WH[::-1], np.uint8)
    direction = np.array([np.cos(towards), np.sin(towards)], np.float32)
    for vehicle in vehicles:
        outline = vehicle.outline
        thrown = np.concatenate([outline, outline + direction * vehicle.height_px * light.slope])
        cv2.fillConvexPoly(mask, np.round(cv2.convexHull(thrown)).astype(np.int32), 255)
    return mask


def darken(picture: Image, mask: Image, light: Light, share: float = 1.0) -> Image:
    """Return a picture darkened where a mask is set, with the light's softness."""
    soft = cv2.blur(mask, (light.softness_px, light.softness_px))
    left = cv2.convertScaleAbs(soft, alpha=-light.darkness * share, beta=255)
    lit: Image = cv2.multiply(picture, cv2.merge([left, left, left]), scale=1 / 255)
    return lit


def paint_trees(lot: Lot) -> tuple[Image, Image]:
    """Paint the crowns of a lot's trees: a picture, and the mask (0 to 255) of what they hide."""
    crowns, mask = np.zeros((*SIZE_WH[::-1], 3), np.uint8), np.zeros(SIZE_WH[::-1], np.uint8)
    for tree in lot.trees:
        _paint_tree(crowns, mask, tree, lot)
    return crowns, mask


def _paint_tree(crowns: Image, mask: Image, tree: Tree, lot: Lot) -> None:
    rng = np.random.default_rng(tree.look)
    at = lot.pose.then(Pose(tree.x, tree.y))
    if not in_view(at, 60):
        return
    middle = np.array([at.x, at.y])
    leaf = shade(LEAVES[int(rng.integers(len(LEAVES)))], rng.uniform(0.85, 1.15))
    turns = np.sort(rng.uniform(0, 2 * np.pi, 11))
    lobes = middle + tree.radius_px * 0.55 * np.stack([np.cos(turns), np.sin(turns)], 1) * rng.uniform(
        0.75, 1.15, (11, 1)
    )
    for x, y in lobes.astype(int):
        cv2.circle(crowns, (int(x), int(y)), int(tree.radius_px * 0.48), shade(leaf, 0.7), -1, cv2.LINE_AA)
        cv2.circle(mask, (int(x), int(y)), int(tree.radius_px * 0.48), 255, -1)
    clumps = int(tree.radius_px * 1.9)
    spread = np.sqrt(rng.uniform(0, 1, clumps)) * tree.radius_px * 0.92
    around = rng.uniform(0, 2 * np.pi, clumps)
    gains = 0.78 + 0.42 * (1 - spread / tree.radius_px) + rng.uniform(-0.14, 0.18, clumps)
    for reach, turn, gain in zip(spread, around, gains, strict=True):
        spot = (int(middle[0] + np.cos(turn) * reach - 1), int(middle[1] + np.sin(turn) * reach - 1))
        cv2.circle(crowns, spot, int(rng.integers(2, 5)), shade(leaf, float(gain)), -1, cv2.LINE_AA)
        cv2.circle(mask, spot, 2, 255, -1)


def photograph(picture: Image, light: Light, rng: np.random.Generator, grain: Image) -> Image:
    """Return a picture as a camera sees it in some light: colour, contrast, uneven light, blur and noise."""
    levels = np.arange(256, dtype=np.float32)
    curves = [
        np.clip((levels - 118) * light.contrast + 118, 0, 255) * gain * rng.uniform(0.97, 1.03)
        for gain in light.gains_bgr
    ]
    table = np.clip(np.stack(curves, 1), 0, 255).astype(np.uint8)[None]
    uneven = cv2.convertScaleAbs(1 + 0.06 * clouds(rng, (SIZE_WH[0] // 8, SIZE_WH[1] // 8), 80), alpha=120)
    uneven = cv2.resize(uneven, SIZE_WH)
    toned = cv2.multiply(cv2.LUT(picture, table), cv2.merge([uneven] * 3), scale=1 / 120)
    seen = cv2.GaussianBlur(toned, (3, 3), 0.55)
    top, left = (int(start) for start in rng.integers(0, 64, 2))
    noise = grain[top : top + SIZE_WH[1], left : left + SIZE_WH[0]]
    noisy: Image = cv2.addWeighted(seen, 1.0, noise, light.noise / 16, -128 * light.noise / 16)
    return noisy


def camera_grain(rng: np.random.Generator) -> Image:
    """Return one field of noise around 128 with a deviation of 16, a little larger than a picture."""
    height, width = SIZE_WH[1] + 64, SIZE_WH[0] + 64
    luma = rng.standard_normal((height, width), np.float32)
    planes = [cv2.convertScaleAbs(luma + 0.35 * np.roll(luma, 977 * (n + 1)), alpha=16, beta=128) for n in range(3)]
    grain: Image = cv2.merge(planes)
    return grain
