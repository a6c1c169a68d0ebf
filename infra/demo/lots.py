"""Where everything of a parking lot lies: bands of roads, stalls, lawns and roofs, stacked and turned as one.

Pure geometry: nothing is drawn here. A lot is laid out in a plane of its own (origin in the middle, rows along x) and
brought into the image by one pose, so that rows of a lot are parallel and lots differ in their angle.
"""

from dataclasses import dataclass, field

import numpy as np

from infra.demo.strokes import Pose

SIZE_WH = (1920, 1280)
REACH_PX = 1170
"""Half the diagonal of an image, with some to spare: a lot turned by any angle still fills the frame."""

STALL_DEPTH_PX, LONG_STALL_DEPTH_PX = 50.0, 136.0
LANE_PX = 36.0


@dataclass(frozen=True, slots=True)
class Band:
    """A strip of ground across the lot, from y_min to y_max; `ground` is asphalt, road, grass or roofs."""

    ground: str
    y_min: float
    y_max: float


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
    bands: list[Band] = field(default_factory=list)
    stalls: list[Stall] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=list)
    trees: list[Tree] = field(default_factory=list)


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
    y = start
    for template in _order_downwards(rng):
        y = _add(lot, rng, template, y, slant=slant, leafiness=leafiness)
        if y > REACH_PX:
            break
    upwards = Lot(lot.pose, lot.x_min, lot.x_max)
    y = -start
    for template in _order_upwards(rng):
        y = _add(upwards, rng, template, y, slant=slant, leafiness=leafiness)
        if y > REACH_PX:
            break
    _merge_mirrored(lot, upwards)
    return lot


def _order_downwards(rng: np.random.Generator) -> list[str]:
    first = ["parking"] * int(rng.integers(2, 4))
    return [
        *first,
        *rng.permutation(["road", "yard"]),
        "parking",
        "roofs",
        "road",
        "parking",
        "grass",
        "parking",
        "grass",
    ]


def _order_upwards(rng: np.random.Generator) -> list[str]:
    return [
        *rng.permutation(["yard", "road"]),
        *rng.permutation(["parking", "roofs"]),
        "grass",
        "road",
        "parking",
        "grass",
        "grass",
    ]


def _merge_mirrored(lot: Lot, other: Lot) -> None:
    """Put a half of the lot that was laid out downwards above the first half, turned by half a circle."""
    turn = Pose(0.0, 0.0, np.pi)
    for band in other.bands:
        lot.bands.append(Band(band.ground, -band.y_max, -band.y_min))
    lot.stalls.extend(
        Stall(Pose(-s.pose.x, -s.pose.y, s.pose.angle + np.pi), s.depth_px, s.width_px, s.long)
        for s in other.stalls
        if lot.x_min < -s.pose.x < lot.x_max
    )
    lot.lanes.extend(Lane(turn.then(lane.pose), lane.length_px, lane.busy) for lane in other.lanes)
    lot.trees.extend(Tree(-t.x, -t.y, t.radius_px, t.look) for t in other.trees)


def _add(lot: Lot, rng: np.random.Generator, template: str, y: float, *, slant: float, leafiness: float) -> float:
    """Add one band at `y` and return where it ends."""
    if template == "parking":
        return _add_parking(lot, rng, y, slant, leafiness)
    if template == "yard":
        return _add_yard(lot, rng, y, leafiness)
    if template == "road":
        return _add_road(lot, rng, y, leafiness)
    depth = float(rng.uniform(170, 260) if template == "roofs" else rng.uniform(90, 220))
    lot.bands.append(Band(template, y, y + depth))
    if template == "grass":
        _plant(lot, rng, (y + 30, y + depth - 30), float(rng.uniform(3, 9)), (16, 44))
    return y + depth


def _add_parking(lot: Lot, rng: np.random.Generator, y: float, slant: float, leafiness: float) -> float:
    """Two rows of stalls with an aisle between them, and a planted strip behind the second row."""
    width, aisle, strip = float(rng.uniform(23.5, 26.5)), float(rng.uniform(58, 72)), float(rng.uniform(8, 30))
    end = y + 2 * STALL_DEPTH_PX + aisle
    lot.bands.append(Band("asphalt", y, end))
    lot.bands.append(Band("grass", end, end + strip))
    tilt = width * 1.6 * np.tan(slant)
    gap_at = lot.x_min + float(rng.uniform(0.3, 0.7)) * (lot.x_max - lot.x_min)
    for x in np.arange(lot.x_min + width / 2 + 20, lot.x_max - width / 2 - 20, width):
        if abs(x - gap_at) < 1.6 * width:  # an island with a tree interrupts the rows
            continue
        upper = Pose(float(x - tilt / 2), y + STALL_DEPTH_PX / 2, -np.pi / 2 + slant)
        lower = Pose(float(x - tilt / 2), end - STALL_DEPTH_PX / 2, np.pi / 2 + slant)
        lot.stalls.append(Stall(upper, STALL_DEPTH_PX, width, long=False))
        lot.stalls.append(Stall(lower, STALL_DEPTH_PX, width, long=False))
    middle, span = (y + end) / 2, lot.x_max - lot.x_min
    lot.lanes.append(Lane(Pose(lot.x_min, middle - aisle / 4, 0.0), span, busy=False))
    lot.lanes.append(Lane(Pose(lot.x_max, middle + aisle / 4, np.pi), span, busy=False))
    if strip > 14:
        _plant(lot, rng, (end + strip / 2, end + strip / 2 + 1), 11 * leafiness, (17, 36))
    for at in (y + STALL_DEPTH_PX * 0.5, end - STALL_DEPTH_PX * 0.5):
        if rng.random() < leafiness:
            lot.trees.append(Tree(gap_at, float(at), float(rng.uniform(17, 27)), int(rng.integers(1 << 30))))
    return end + strip


def _add_yard(lot: Lot, rng: np.random.Generator, y: float, leafiness: float) -> float:
    """One row of stalls for lorries and coaches, and a wide aisle."""
    width = float(rng.uniform(36, 42))
    end = y + LONG_STALL_DEPTH_PX + 84
    lot.bands.append(Band("asphalt", y, end))
    lot.bands.append(Band("grass", end, end + 24))
    for x in np.arange(lot.x_min + 60, lot.x_max - 60, width):
        pose = Pose(float(x), y + LONG_STALL_DEPTH_PX / 2, -np.pi / 2)
        lot.stalls.append(Stall(pose, LONG_STALL_DEPTH_PX, width, long=True))
    lot.lanes.append(Lane(Pose(lot.x_min, end - 58, 0.0), lot.x_max - lot.x_min, busy=True))
    _plant(lot, rng, (end + 11, end + 13), 6 * leafiness, (15, 28))
    return end + 24


def _add_road(lot: Lot, rng: np.random.Generator, y: float, leafiness: float) -> float:
    """A road of two or four lanes over the whole width, with planted verges."""
    verge, lanes = float(rng.uniform(18, 40)), int(rng.choice([2, 2, 4]))
    start, end = y + verge, y + verge + lanes * LANE_PX
    lot.bands.append(Band("grass", y, start))
    lot.bands.append(Band("road", start, end))
    lot.bands.append(Band("grass", end, end + verge))
    for number in range(lanes):
        middle = start + (number + 0.5) * LANE_PX
        back = number < lanes / 2  # traffic keeps to the right
        pose = Pose(REACH_PX, middle, np.pi) if back else Pose(-REACH_PX, middle, 0.0)
        lot.lanes.append(Lane(pose, 2.0 * REACH_PX, busy=True))
    _plant(lot, rng, (y + verge / 2 - 4, y + verge / 2 + 1), 12 * leafiness, (18, 38))
    _plant(lot, rng, (end + verge / 2 - 1, end + verge / 2 + 4), 12 * leafiness, (18, 38))
    return end + verge


def _plant(
    lot: Lot, rng: np.random.Generator, between_y: tuple[float, float], count: float, radii_px: tuple[float, float]
) -> None:
    low, high = between_y
    for x in rng.uniform(-REACH_PX, REACH_PX, int(rng.poisson(count))):
        y = float(rng.uniform(min(low, high), max(low, high)))
        lot.trees.append(Tree(float(x), y, float(rng.uniform(*radii_px)), int(rng.integers(1 << 30))))
