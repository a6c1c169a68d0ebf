"""Where a drawn thing lies, and the few strokes that every drawing module of the demo shares."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Points = NDArray[np.float32]
Colour = tuple[int, int, int]
"""Blue, green, red; 0 to 255."""

SUBPIXEL_BITS = 4
"""OpenCV takes polygon corners as whole numbers with this many bits behind the point."""


@dataclass(frozen=True, slots=True)
class Pose:
    """A place and a heading in pixels of some plane; angle 0 looks along +x, angles grow towards +y."""

    x: float
    y: float
    angle: float = 0.0

    def place(self, points_xy: Points) -> Points:
        """Bring points of shape (n, 2) from this pose's own frame (x forward, y to its right) into the plane."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        placed: Points = points_xy @ _points((cos, sin), (-sin, cos)) + np.array([self.x, self.y], np.float32)
        return placed

    def then(self, inner: "Pose") -> "Pose":
        """Return the pose, in this pose's plane, of something whose pose is given in this pose's own frame."""
        x, y = self.place(_points((inner.x, inner.y)))[0]
        return Pose(float(x), float(y), self.angle + inner.angle)


@dataclass(frozen=True, slots=True)
class Brush:
    """Paints into an image, in place and with smooth edges, what is given in the frame of a pose."""

    image: Image
    pose: Pose

    def within(self, inner: Pose) -> "Brush":
        """Return a brush for the frame of a pose that is given in this frame."""
        return Brush(self.image, self.pose.then(inner))

    def shape(self, colour: Colour | int, *corners_xy: tuple[float, float]) -> None:
        """Fill a polygon."""
        fill(self.image, self.pose.place(_points(*corners_xy)), colour)

    def box(self, colour: Colour | int, x_min: float, y_min: float, x_max: float, y_max: float) -> None:
        """Fill a rectangle."""
        self.shape(colour, (x_min, y_min), (x_max, y_min), (x_max, y_max), (x_min, y_max))

    def slab(self, colour: Colour, rear: float, front: float, half_w: float, cut: tuple[float, float] = (0, 0)) -> None:
        """Fill a rectangle around the x axis, its corners cut by so many pixels at the front and at the rear."""
        if any(cut):
            fill(self.image, self.pose.place(rounded(rear, front, half_w, cut)), colour)
        else:
            self.box(colour, rear, -half_w, front, half_w)

    def line(self, colour: Colour, x: float, y: float, x_to: float, y_to: float, width_px: int = 1) -> None:
        """Draw a line."""
        self.path(colour, (x, y), (x_to, y_to), width_px=width_px)

    def path(self, colour: Colour, *points_xy: tuple[float, float], width_px: int, closed: bool = False) -> None:
        """Draw a line through points."""
        corners = _subpixels(self.pose.place(_points(*points_xy)))
        cv2.polylines(self.image, [corners], closed, colour, width_px, cv2.LINE_AA, SUBPIXEL_BITS)


def fill(image: Image, points_xy: Points, colour: Colour | int) -> None:
    """Fill a polygon of shape (n, 2) with smooth edges, in place; parts outside the image are cut off."""
    paint = colour if isinstance(colour, tuple) else (colour,)
    cv2.fillPoly(image, [_subpixels(points_xy)], paint, cv2.LINE_AA, SUBPIXEL_BITS)


def rounded(rear: float, front: float, half_w: float, cut: tuple[float, float]) -> Points:
    """Return a rectangle whose corners are cut by so many pixels at the front and at the rear, shape (12, 2)."""
    corners: list[tuple[float, float]] = []
    for x, y, dx, dy in (
        (rear, -half_w, 1, 1),
        (front, -half_w, -1, 1),
        (front, half_w, -1, -1),
        (rear, half_w, 1, -1),
    ):
        by = cut[dx > 0]
        along, middle, across = (x + dx * by, y), (x + dx * 0.3 * by, y + dy * 0.3 * by), (x, y + dy * by)
        corners += [across, middle, along] if dx == dy else [along, middle, across]
    return _points(*corners)


def shade(colour: Colour, gain: float) -> Colour:
    """Return a lighter (gain above 1) or darker colour."""
    blue, green, red = (int(min(255.0, max(0.0, channel * gain))) for channel in colour)
    return blue, green, red


def clouds(rng: np.random.Generator, size_wh: tuple[int, int], cell_px: int) -> NDArray[np.float32]:
    """Return a smooth random field of shape (height, width), about -1 to 1, with blobs of `cell_px` pixels."""
    width, height = size_wh
    coarse = rng.uniform(-1, 1, (height // cell_px + 2, width // cell_px + 2)).astype(np.float32)
    method = cv2.INTER_CUBIC if cell_px > 2 else cv2.INTER_LINEAR
    field: NDArray[np.float32] = cv2.resize(coarse, (width, height), interpolation=method)
    return field


def _points(*points_xy: tuple[float, float]) -> Points:
    return np.array(points_xy, np.float32)


def _subpixels(points_xy: Points) -> NDArray[np.int32]:
    return np.round(points_xy * (1 << SUBPIXEL_BITS)).astype(np.int32)
