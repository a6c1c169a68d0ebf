"""Where everything of a parking lot lies: strips of roads, stalls, lawns and roofs, stacked and turned as one.

Pure geometry: nothing is drawn here. A lot is laid out in a plane of its own (origin in the middle, rows along x) and
brought into the image by one pose, so that rows of a lot are parallel and lots differ in their angle.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from infra.demo.scenes.strokes import Pose

SIZE_WH = (1920, 1280)
REACH_PX = 1170
"""Half the diagonal of an image, with some to spare: a lot turned by any angle still fills the frame."""

STALL_DEPTH_PX, LONG_STALL_DEPTH_PX, LANE_PX = 50.0, 136.0, 36.0


@dataclass(frozen=True, slots=True)
class GroundStrip:
    """A strip of ground across the lot, from y_min to y_max; `ground` is asphalt, road, grass or roofs."""

    ground: str
    y_min: float
    y_max: float

    @property
    def is_paved(self) -> bool:
        """Whether vehicles may be on it."""
        return self.ground in ("asphalt", "road")


@dataclass(frozen=True, slots=True)
class Stall:
    """A place to park: its pose in the plane of the lot (looking into the stall), size, and whether lorries fit."""

    pose: Pose
    depth_px: float
    width_px: float
    long: bool


@dataclass(frozen=True, slots=True)
class Lane:
    """A straight way that vehicles drive along, from its pose's place over `length_px` pixels."""

    pose: Pose
    length_px: float
    busy: bool


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree in the plane of the lot."""

    x: float
    y: float
    radius_px: float
    look: int


@dataclass(frozen=True, slots=True)
class Lot:
    """Everything of a lot that does not drive away."""

    pose: Pose
    x_min: float
    x_max: float
    strips: list[GroundStrip] = field(default_factory=list)
    stalls: list[Stall] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=list)
    trees: list[Tree] = field(default_factory=list)

    def add_turned(self, other: "Lot") -> None:
        """Put another half of the lot, that was laid out downwards, above this one, turned by half a circle."""
        turn = Pose(0.0, 0.0, np.pi)
        self.strips.extend(GroundStrip(strip.ground, -strip.y_max, -strip.y_min) for strip in other.strips)
        self.stalls.extend(
            Stall(Pose(-s.pose.x, -s.pose.y, s.pose.angle + np.pi), s.depth_px, s.width_px, s.long)
            for s in other.stalls
            if self.x_min < -s.pose.x < self.x_max
        )
        self.lanes.extend(Lane(turn.then(lane.pose), lane.length_px, lane.busy) for lane in other.lanes)
        self.trees.extend(Tree(-t.x, -t.y, t.radius_px, t.look) for t in other.trees)


def in_view(pose: Pose, margin_px: float) -> bool:
    """Say whether a place in the image, or this near to it, is meant."""
    return -margin_px < pose.x < SIZE_WH[0] + margin_px and -margin_px < pose.y < SIZE_WH[1] + margin_px


def lay_out(rng: np.random.Generator, leafiness: float) -> Lot:
    """Lay out one lot at random.

    Args:
        rng: Where chance comes from.
        leafiness: How many trees stand between the stalls, from 0 (none) to about 1.
    """
    angle = np.radians(rng.choice([0.0, 90.0, 180.0]) + rng.uniform(-13, 13))
    pose = Pose(SIZE_WH[0] / 2 + rng.uniform(-60, 60), SIZE_WH[1] / 2 + rng.uniform(-40, 40), float(angle))
    lot = Lot(pose, x_min=-float(rng.uniform(560, 900)), x_max=float(rng.uniform(560, 900)))
    slant = float(np.radians(rng.choice([0.0, 0.0, 14.0, -14.0])))
    start = -float(rng.uniform(150, 420))
    first = ["parking"] * int(rng.integers(2, 4)) + list(rng.permutation(["road", "yard"]))
    down = [*first, "parking", "roofs", "road", "parking", "grass", "parking", "grass"]
    _Layout(lot, rng, slant, leafiness).stack(start, down)
    above = Lot(lot.pose, lot.x_min, lot.x_max)
    first = [*rng.permutation(["yard", "road"]), *rng.permutation(["parking", "roofs"])]
    _Layout(above, rng, slant, leafiness).stack(-start, [*first, "grass", "road", "parking", "grass", "grass"])
    lot.add_turned(above)
    return lot


@dataclass(frozen=True, slots=True)
class _Layout:
    """Lays out half a lot downwards: each template adds what it has from `y` on, and returns where it ends."""

    lot: Lot
    rng: np.random.Generator
    slant: float
    leafiness: float

    def stack(self, y: float, templates: Iterable[str]) -> None:
        own = {"parking": self._parking, "yard": self._yard, "road": self._road, "roofs": self._roofs}
        for template in templates:
            y = own.get(template, self._grass)(y)
            if y > REACH_PX:
                break

    def _roofs(self, y: float) -> float:
        return self._strip("roofs", y, y + float(self.rng.uniform(170, 260)))

    def _grass(self, y: float) -> float:
        end = self._strip("grass", y, y + float(self.rng.uniform(90, 220)))
        self._plant((y + 30, end - 30), float(self.rng.uniform(3, 9)), (16, 44))
        return end

    def _parking(self, y: float) -> float:
        """Two rows of stalls with an aisle between them, and a planted strip behind the second row."""
        lot, rng = self.lot, self.rng
        width, aisle, strip = float(rng.uniform(23.5, 26.5)), float(rng.uniform(58, 72)), float(rng.uniform(8, 30))
        end = self._strip("asphalt", y, y + 2 * STALL_DEPTH_PX + aisle)
        self._strip("grass", end, end + strip)
        tilt = width * 1.6 * np.tan(self.slant)
        gap_at = lot.x_min + float(rng.uniform(0.3, 0.7)) * (lot.x_max - lot.x_min)
        rows = (y + STALL_DEPTH_PX / 2, -np.pi / 2), (end - STALL_DEPTH_PX / 2, np.pi / 2)
        for x in np.arange(lot.x_min + width / 2 + 20, lot.x_max - width / 2 - 20, width).tolist():
            if abs(x - gap_at) >= 1.6 * width:  # an island with a tree interrupts the rows
                poses = (Pose(float(x - tilt / 2), at, turn + self.slant) for at, turn in rows)
                lot.stalls.extend(Stall(pose, STALL_DEPTH_PX, width, long=False) for pose in poses)
        middle, span = (y + end) / 2, lot.x_max - lot.x_min
        lot.lanes.append(Lane(Pose(lot.x_min, middle - aisle / 4, 0.0), span, busy=False))
        lot.lanes.append(Lane(Pose(lot.x_max, middle + aisle / 4, np.pi), span, busy=False))
        if strip > 14:
            self._plant((end + strip / 2, end + strip / 2 + 1), 11 * self.leafiness, (17, 36))
        for at, _ in rows:
            if rng.random() < self.leafiness:
                lot.trees.append(Tree(gap_at, at, float(rng.uniform(17, 27)), int(rng.integers(1 << 30))))
        return end + strip

    def _yard(self, y: float) -> float:
        """One row of stalls for lorries and coaches, and a wide aisle."""
        lot, width = self.lot, float(self.rng.uniform(36, 42))
        end = self._strip("asphalt", y, y + LONG_STALL_DEPTH_PX + 84)
        for x in np.arange(lot.x_min + 60, lot.x_max - 60, width).tolist():
            pose = Pose(float(x), y + LONG_STALL_DEPTH_PX / 2, -np.pi / 2)
            lot.stalls.append(Stall(pose, LONG_STALL_DEPTH_PX, width, long=True))
        lot.lanes.append(Lane(Pose(lot.x_min, end - 58, 0.0), lot.x_max - lot.x_min, busy=True))
        self._plant((end + 11, end + 13), 6 * self.leafiness, (15, 28))
        return self._strip("grass", end, end + 24)

    def _road(self, y: float) -> float:
        """A road of two or four lanes over the whole width, with planted verges."""
        verge, lanes = float(self.rng.uniform(18, 40)), int(self.rng.choice([2, 2, 4]))
        start = self._strip("grass", y, y + verge)
        end = self._strip("road", start, start + lanes * LANE_PX)
        for number in range(lanes):
            back = number < lanes / 2  # traffic keeps to the right
            middle = start + (number + 0.5) * LANE_PX
            pose = Pose(REACH_PX, middle, np.pi) if back else Pose(-REACH_PX, middle, 0.0)
            self.lot.lanes.append(Lane(pose, 2.0 * REACH_PX, busy=True))
        self._plant((y + verge / 2 - 4, y + verge / 2 + 1), 12 * self.leafiness, (18, 38))
        self._plant((end + verge / 2 - 1, end + verge / 2 + 4), 12 * self.leafiness, (18, 38))
        return self._strip("grass", end, end + verge)

    def _strip(self, ground: str, y: float, end: float) -> float:
        self.lot.strips.append(GroundStrip(ground, y, end))
        return end

    def _plant(self, between_y: tuple[float, float], count: float, radii_px: tuple[float, float]) -> None:
        for x in self.rng.uniform(-REACH_PX, REACH_PX, int(self.rng.poisson(count))):
            y, radius = float(self.rng.uniform(min(between_y), max(between_y))), float(self.rng.uniform(*radii_px))
            self.lot.trees.append(Tree(float(x), y, radius, int(self.rng.integers(1 << 30))))
