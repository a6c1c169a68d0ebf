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
        turn = np.array([[cos, sin], [-sin, cos]], np.float32)
        placed: Points = points_xy @ turn + np.array([self.x, self.y], np.float32)
        return placed

    def then(self, inner: "Pose") -> "Pose":
        """Return the pose, in this pose's plane, of something whose pose is given in this pose's own frame."""
        x, y = self.place(np.array([[inner.x, inner.y]], np.float32))[0]
        return Pose(float(x), float(y), self.angle + inner.angle)


def rectangle(x_min: float, y_min: float, x_max: float, y_max: float) -> Points:
    """Return the four corners of a rectangle, shape (4, 2)."""
    return np.array([[x_min, y_min], [x_max, y_min], [x_max, y_max], [x_min, y_max]], np.float32)


def rounded(x_min: float, y_min: float, x_max: float, y_max: float, *, front: float, rear: float) -> Points:
    """Return a rectangle whose corners are cut by `front` pixels at x_max and `rear` pixels at x_min, shape (12, 2)."""
    corners: list[tuple[float, float]] = []
    for x, y, dx, dy, cut in (
        (x_min, y_min, 1, 1, rear),
        (x_max, y_min, -1, 1, front),
        (x_max, y_max, -1, -1, front),
        (x_min, y_max, 1, -1, rear),
    ):
        along, middle, across = (x + dx * cut, y), (x + dx * 0.3 * cut, y + dy * 0.3 * cut), (x, y + dy * cut)
        corners += [across, middle, along] if dx == dy else [along, middle, across]
    return np.array(corners, np.float32)


def fill(image: Image, points_xy: Points, colour: Colour | int) -> None:
    """Fill a polygon of shape (n, 2) with smooth edges, in place; parts outside the image are cut off."""
    corners = np.round(points_xy * (1 << SUBPIXEL_BITS)).astype(np.int32)
    paint = colour if isinstance(colour, tuple) else (colour,)
    cv2.fillPoly(image, [corners], paint, cv2.LINE_AA, SUBPIXEL_BITS)


def stroke(image: Image, points_xy: Points, colour: Colour | int, width_px: int = 1, closed: bool = False) -> None:
    """Draw a line through points of shape (n, 2) with smooth edges, in place."""
    corners = np.round(points_xy * (1 << SUBPIXEL_BITS)).astype(np.int32)
    paint = colour if isinstance(colour, tuple) else (colour,)
    cv2.polylines(image, [corners], closed, paint, width_px, cv2.LINE_AA, SUBPIXEL_BITS)


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
