"""Paints the ground of a lot: lawns, asphalt, kerbs, marks, roofs. Painted once per lot and shared by its moments."""

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.demo.lots import REACH_PX, SIZE_WH, Band, Lot, Stall
from infra.demo.strokes import Colour, Image, Points, Pose, clouds, fill, rectangle, shade, stroke

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
    picture = _tinted(grass, 1 + 0.11 * rough)
    paved = np.zeros(SIZE_WH[::-1], np.uint8)
    for band in lot.bands:
        if band.ground in ("asphalt", "road"):
            fill(paved, _strip(lot, band), 255)
    top, bottom = _paved_span(lot)
    for x in (lot.x_min - 30, lot.x_max + 30):  # the way round the lot
        fill(paved, lot.pose.place(rectangle(x - 34, top, x + 34, bottom)), 255)
    worn = clouds(rng, SIZE_WH, 2) * 0.45 + clouds(rng, SIZE_WH, 64) * 0.5 + clouds(rng, SIZE_WH, 260) * 0.8
    cv2.copyTo(_tinted(asphalt, 1 + 0.07 * worn), paved, picture)
    _draw_kerbs(picture, paved)
    _draw_wear(picture, lot, rng, asphalt)
    _draw_islands(picture, lot, grass)
    for band in lot.bands:
        if band.ground == "road":
            _draw_road_marks(picture, lot, band)
    for stall in lot.stalls:
        _draw_stall(picture, lot, stall)
    return picture, _draw_roofs(picture, lot, rng)


def _tinted(colour: Colour, gain: NDArray[np.float32]) -> Image:
    levels = cv2.convertScaleAbs(gain, alpha=100)
    planes = [cv2.convertScaleAbs(levels, alpha=channel / 100) for channel in colour]
    merged: Image = cv2.merge(planes)
    return merged


def _strip(lot: Lot, band: Band) -> Points:
    left, right = (lot.x_min, lot.x_max) if band.ground == "asphalt" else (-REACH_PX, REACH_PX)
    return lot.pose.place(rectangle(left, band.y_min, right, band.y_max))


def _paved_span(lot: Lot) -> tuple[float, float]:
    """From the highest to the lowest road or row of stalls."""
    paved = [band for band in lot.bands if band.ground in ("asphalt", "road")]
    return min(band.y_min for band in paved), max(band.y_max for band in paved)


def _draw_kerbs(picture: Image, paved: Image) -> None:
    edges, _ = cv2.findContours(paved, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(picture, edges, -1, KERB, 3, cv2.LINE_AA)
    cv2.drawContours(picture, edges, -1, shade(KERB, 1.2), 1, cv2.LINE_AA)


def _draw_wear(picture: Image, lot: Lot, rng: np.random.Generator, asphalt: Colour) -> None:
    """Oil in the stalls, tracks on the aisles and mended patches."""
    for stall in lot.stalls:
        if rng.random() < 0.5:
            x, y = lot.pose.place(np.array([[stall.pose.x, stall.pose.y]], np.float32))[0] + rng.uniform(-6, 6, 2)
            cv2.circle(
                picture,
                (int(x), int(y)),
                int(rng.integers(2, 5)),
                shade(asphalt, rng.uniform(0.7, 0.86)),
                -1,
                cv2.LINE_AA,
            )
    for lane in lot.lanes:
        for side in (-7.0, 7.0):
            track = lot.pose.then(lane.pose).place(np.array([[30, side], [lane.length_px - 30, side]], np.float32))
            stroke(picture, track, shade(asphalt, 0.95), 3)
    for _ in range(int(rng.integers(2, 9))):
        band = lot.bands[int(rng.integers(len(lot.bands)))]
        if band.ground in ("asphalt", "road"):
            x, y = rng.uniform(lot.x_min + 80, lot.x_max - 80), rng.uniform(band.y_min + 20, band.y_max - 30)
            patch = rectangle(x, y, x + rng.uniform(20, 90), y + rng.uniform(10, 26))
            fill(picture, lot.pose.place(patch), shade(asphalt, rng.uniform(0.78, 0.92)))


def _draw_islands(picture: Image, lot: Lot, grass: Colour) -> None:
    """Planted ends of the rows."""
    for band in lot.bands:
        if band.ground == "grass" and band.y_max - band.y_min < 40:
            for x in (lot.x_min, lot.x_max):
                end = lot.pose.place(rectangle(x - 9, band.y_min - 24, x + 9, band.y_max + 24))
                fill(picture, end, shade(grass, 0.94))
                stroke(picture, end, KERB, 2, closed=True)


def _draw_road_marks(picture: Image, lot: Lot, band: Band) -> None:
    lanes = round((band.y_max - band.y_min) / 36)
    for number in range(1, lanes):
        y = band.y_min + number * 36
        if number == lanes / 2 and lanes > 2:
            for side in (-1.6, 1.6):
                stroke(
                    picture, lot.pose.place(np.array([[-REACH_PX, y + side], [REACH_PX, y + side]], np.float32)), MARK
                )
            continue
        for x in np.arange(-REACH_PX, REACH_PX, 54.0):
            stroke(picture, lot.pose.place(np.array([[x, y], [x + 26, y]], np.float32)), MARK, 2)
    for y in (band.y_min + 3, band.y_max - 3):
        stroke(picture, lot.pose.place(np.array([[-REACH_PX, y], [REACH_PX, y]], np.float32)), shade(MARK, 0.9))


def _draw_stall(picture: Image, lot: Lot, stall: Stall) -> None:
    pose, half_d, half_w = lot.pose.then(stall.pose), stall.depth_px / 2, stall.width_px / 2
    for y in (-half_w, half_w):
        stroke(picture, pose.place(np.array([[-half_d, y], [half_d - 1, y]], np.float32)), MARK, 1)


def _draw_roofs(picture: Image, lot: Lot, rng: np.random.Generator) -> Image:
    """Draw flat roofs and return the mask of their footprints."""
    footprint = np.zeros(SIZE_WH[::-1], np.uint8)
    for band in (band for band in lot.bands if band.ground == "roofs"):
        x = -REACH_PX + float(rng.uniform(0, 200))
        while x < REACH_PX:
            wide = float(rng.uniform(180, 460))
            _draw_roof(picture, footprint, lot.pose, (x, band.y_min + 22, x + wide, band.y_max - 26), rng)
            x += wide + float(rng.uniform(60, 220))
    return footprint


def _draw_roof(
    picture: Image, footprint: Image, pose: Pose, edges: tuple[float, float, float, float], rng: np.random.Generator
) -> None:
    paint = ROOFS[int(rng.integers(len(ROOFS)))]
    x_min, y_min, x_max, y_max = edges
    fill(footprint, pose.place(rectangle(*edges)), 255)
    fill(picture, pose.place(rectangle(*edges)), shade(paint, 0.82))
    fill(picture, pose.place(rectangle(x_min + 5, y_min + 5, x_max - 5, y_max - 5)), paint)
    for x in np.arange(x_min + 30, x_max - 10, 34.0):
        stroke(picture, pose.place(np.array([[x, y_min + 6], [x, y_max - 6]], np.float32)), shade(paint, 0.93))
    for _ in range(int(rng.integers(2, 8))):  # cooling units, no vehicles: a detector may well fall for them
        left, top = rng.uniform(x_min + 20, x_max - 50), rng.uniform(y_min + 16, y_max - 40)
        unit = rectangle(left, top, left + rng.uniform(10, 34), top + rng.uniform(10, 22))
        fill(picture, pose.place(unit + 4), shade(paint, 0.6))
        fill(picture, pose.place(unit), shade((190, 192, 192), rng.uniform(0.8, 1.1)))
