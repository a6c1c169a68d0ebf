"""Paints the ground of a lot: lawns, asphalt, kerbs, marks, roofs. Painted once per lot and shared by its moments."""

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.demo.scenes.lots import LANE_PX, REACH_PX, SIZE_WH, GroundStrip, Lot, Stall
from infra.demo.scenes.strokes import Brush, Colour, Image, clouds, shade

MARK: Colour = (196, 200, 200)
KERB: Colour = (158, 162, 164)
GRASSES: tuple[Colour, ...] = ((62, 108, 92), (58, 100, 78), (78, 124, 116), (84, 128, 138))
ASPHALTS: tuple[Colour, ...] = ((98, 98, 96), (84, 84, 84), (116, 116, 112), (72, 72, 74), (122, 126, 130))
ROOFS: tuple[Colour, ...] = ((150, 154, 158), (112, 116, 118), (84, 92, 134), (176, 178, 178), (96, 100, 96))


def paint_ground(lot: Lot, rng: np.random.Generator) -> tuple[Image, Image]:
    """Paint a lot without vehicles and trees.

    Returns:
        The picture, shape (1280, 1920, 3), and the mask (0 to 255) of its roofs, which throw shadows.
    """
    grass, asphalt = GRASSES[int(rng.integers(len(GRASSES)))], ASPHALTS[int(rng.integers(len(ASPHALTS)))]
    rough = clouds(rng, SIZE_WH, 3) * 0.6 + clouds(rng, SIZE_WH, 22) * 0.5 + clouds(rng, SIZE_WH, 150)
    picture, paved = _tinted(grass, 1 + 0.11 * rough), _paved(lot)
    worn = clouds(rng, SIZE_WH, 2) * 0.45 + clouds(rng, SIZE_WH, 64) * 0.5 + clouds(rng, SIZE_WH, 260) * 0.8
    cv2.copyTo(_tinted(asphalt, 1 + 0.07 * worn), paved, picture)
    edges, _ = cv2.findContours(paved, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    for colour, width_px in ((KERB, 3), (shade(KERB, 1.2), 1)):
        cv2.drawContours(picture, edges, -1, colour, width_px, cv2.LINE_AA)
    brush = Brush(picture, lot.pose)
    _draw_wear(brush, lot, rng, asphalt)
    _draw_islands(brush, lot, grass)
    for strip in lot.strips:
        if strip.ground == "road":
            _draw_road_marks(brush, strip)
    for stall in lot.stalls:
        _draw_stall(brush, stall)
    return picture, _draw_roofs(brush, lot, rng)


def _tinted(colour: Colour, gain: NDArray[np.float32]) -> Image:
    levels = cv2.convertScaleAbs(gain, alpha=100)
    merged: Image = cv2.merge([cv2.convertScaleAbs(levels, alpha=channel / 100) for channel in colour])
    return merged


def _paved(lot: Lot) -> Image:
    """Return the mask of roads, of asphalt, and of the way round the lot."""
    brush = Brush(np.zeros(SIZE_WH[::-1], np.uint8), lot.pose)
    strips = [strip for strip in lot.strips if strip.is_paved]
    for strip in strips:
        left, right = (lot.x_min, lot.x_max) if strip.ground == "asphalt" else (-REACH_PX, REACH_PX)
        brush.box(255, left, strip.y_min, right, strip.y_max)
    for x in (lot.x_min - 30, lot.x_max + 30):
        brush.box(255, x - 34, min(one.y_min for one in strips), x + 34, max(one.y_max for one in strips))
    return brush.image


def _draw_wear(brush: Brush, lot: Lot, rng: np.random.Generator, asphalt: Colour) -> None:
    """Oil in the stalls, tracks on the aisles and mended patches."""
    for stall in lot.stalls:
        if rng.random() < 0.5:
            at = lot.pose.then(stall.pose)
            middle = int(at.x + rng.uniform(-6, 6)), int(at.y + rng.uniform(-6, 6))
            radius, colour = int(rng.integers(2, 5)), shade(asphalt, rng.uniform(0.7, 0.86))
            cv2.circle(brush.image, middle, radius, colour, -1, cv2.LINE_AA)
    for lane in lot.lanes:
        for side in (-7.0, 7.0):
            brush.within(lane.pose).line(shade(asphalt, 0.95), 30, side, lane.length_px - 30, side, 3)
    for _ in range(int(rng.integers(2, 9))):
        strip = lot.strips[int(rng.integers(len(lot.strips)))]
        if strip.is_paved:
            x, y = rng.uniform(lot.x_min + 80, lot.x_max - 80), rng.uniform(strip.y_min + 20, strip.y_max - 30)
            far = x + rng.uniform(20, 90), y + rng.uniform(10, 26)
            brush.box(shade(asphalt, rng.uniform(0.78, 0.92)), x, y, *far)


def _draw_islands(brush: Brush, lot: Lot, grass: Colour) -> None:
    """Planted ends of the rows."""
    for strip in lot.strips:
        if strip.ground == "grass" and strip.y_max - strip.y_min < 40:
            for x in (lot.x_min, lot.x_max):
                low, high = strip.y_min - 24, strip.y_max + 24
                ends = (x - 9, low), (x + 9, low), (x + 9, high), (x - 9, high)
                brush.shape(shade(grass, 0.94), *ends)
                brush.path(KERB, *ends, width_px=2, closed=True)


def _draw_road_marks(brush: Brush, strip: GroundStrip) -> None:
    lanes = round((strip.y_max - strip.y_min) / LANE_PX)
    for number in range(1, lanes):
        y = strip.y_min + number * LANE_PX
        if number == lanes / 2 and lanes > 2:
            for side in (-1.6, 1.6):
                brush.line(MARK, -REACH_PX, y + side, REACH_PX, y + side)
            continue
        for x in np.arange(-REACH_PX, REACH_PX, 54.0).tolist():
            brush.line(MARK, x, y, x + 26, y, 2)
    for y in (strip.y_min + 3, strip.y_max - 3):
        brush.line(shade(MARK, 0.9), -REACH_PX, y, REACH_PX, y)


def _draw_stall(brush: Brush, stall: Stall) -> None:
    half_d, half_w = stall.depth_px / 2, stall.width_px / 2
    for y in (-half_w, half_w):
        brush.within(stall.pose).line(MARK, -half_d, y, half_d - 1, y)


def _draw_roofs(brush: Brush, lot: Lot, rng: np.random.Generator) -> Image:
    """Draw flat roofs and return the mask of their footprints."""
    footprint = Brush(np.zeros(SIZE_WH[::-1], np.uint8), lot.pose)
    for strip in (strip for strip in lot.strips if strip.ground == "roofs"):
        x = -REACH_PX + float(rng.uniform(0, 200))
        while x < REACH_PX:
            wide = float(rng.uniform(180, 460))
            edges = x, strip.y_min + 22, x + wide, strip.y_max - 26
            footprint.box(255, *edges)
            _draw_roof(brush, edges, rng)
            x += wide + float(rng.uniform(60, 220))
    return footprint.image


def _draw_roof(brush: Brush, edges: tuple[float, float, float, float], rng: np.random.Generator) -> None:
    paint = ROOFS[int(rng.integers(len(ROOFS)))]
    x_min, y_min, x_max, y_max = edges
    brush.box(shade(paint, 0.82), *edges)
    brush.box(paint, x_min + 5, y_min + 5, x_max - 5, y_max - 5)
    for x in np.arange(x_min + 30, x_max - 10, 34.0).tolist():
        brush.line(shade(paint, 0.93), x, y_min + 6, x, y_max - 6)
    for _ in range(int(rng.integers(2, 8))):  # cooling units, no vehicles: a detector may well fall for them
        left, top = rng.uniform(x_min + 20, x_max - 50), rng.uniform(y_min + 16, y_max - 40)
        right, bottom = left + rng.uniform(10, 34), top + rng.uniform(10, 22)
        brush.box(shade(paint, 0.6), left + 4, top + 4, right + 4, bottom + 4)
        brush.box(shade((190, 192, 192), rng.uniform(0.8, 1.1)), left, top, right, bottom)
