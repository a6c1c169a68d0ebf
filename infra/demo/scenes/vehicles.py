"""Vehicles seen from above: their sizes, colours and parts, drawn with polygons in their own frame.

Sizes are pixels at about 8.5 pixels a metre: a car of 4.5 m is 38 px long. Classes overlap on purpose (a long estate
car and a short van), as they do in the world.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from infra.demo.scenes.strokes import Brush, Colour, Image, Points, Pose, fill, rounded, shade

CLASSES = ("car", "van", "truck", "bus")
TRUCK_KINDS = ("box truck", "flatbed", "tanker")

LENGTHS_PX = {"car": (30, 45), "van": (40, 52), "truck": (60, 110), "bus": (90, 130)}
HEIGHTS_PX = {"car": 12, "van": 19, "truck": 30, "bus": 27}
WIDTHS_PX = {
    "car": (9.6, 0.2, -0.7, 0.7),
    "van": (11.5, 0.17, -0.5, 0.8),
    "truck": (0, 0, 20.5, 23.5),
    "bus": (0, 0, 21.5, 24),
}
"""So much, this share of the length, and something between the last two."""

GLASS: Colour = (52, 44, 38)
TYRE: Colour = (28, 28, 28)
PAINTS: dict[str, tuple[Colour, ...]] = {
    "car": ((226, 226, 224), (238, 240, 240), (168, 168, 166), (120, 120, 120), (70, 68, 66), (36, 35, 34),
            (40, 36, 150), (32, 30, 190), (140, 88, 40), (110, 60, 24), (70, 96, 50), (92, 134, 160), (60, 150, 205)),
    "van": ((236, 236, 234), (222, 224, 224), (190, 190, 188), (130, 84, 36), (44, 42, 168), (66, 64, 62)),
    "truck": ((228, 228, 226), (44, 40, 176), (150, 90, 36), (54, 120, 52), (40, 140, 214), (76, 74, 72)),
    "bus": ((40, 176, 232), (230, 230, 228), (52, 46, 182), (168, 106, 46), (84, 140, 60), (206, 196, 180)),
    "box truck": ((232, 232, 230), (206, 206, 204), (176, 152, 112), (70, 90, 176), (196, 180, 150)),
    "flatbed": ((72, 100, 128), (96, 110, 120), (58, 76, 98)),
    "tanker": ((196, 196, 194), (214, 216, 216), (150, 168, 180)),
    "load": ((60, 120, 168), (150, 150, 150), (66, 96, 60), (40, 80, 190)),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Vehicle:
    """One vehicle: what it is, where its middle is, and how it looks (`look` seeds its details)."""

    class_name: str
    kind: str | None
    pose: Pose
    length_px: float
    width_px: float
    paint: Colour
    look: int

    @property
    def outline(self) -> Points:
        """The footprint in pixels of the image, shape (12, 2)."""
        cut = (5.0, 3.6) if self.class_name == "car" else (3.0, 1.5)
        return self.pose.place(rounded(-self.length_px / 2, self.length_px / 2, self.width_px / 2, cut))

    @property
    def height_px(self) -> int:
        """How high it stands, for its shadow."""
        return HEIGHTS_PX[self.class_name]


def new_vehicle(rng: np.random.Generator, class_name: str, pose: Pose) -> Vehicle:
    """Make a vehicle of a class with a random size, colour and (for trucks) kind."""
    shortest, longest = LENGTHS_PX[class_name]
    length = float(rng.triangular(shortest, (shortest + longest) / 2, longest))
    base, share, least, most = WIDTHS_PX[class_name]
    width = base + share * length + rng.uniform(least, most)
    kind = str(rng.choice(TRUCK_KINDS, p=(0.45, 0.3, 0.25))) if class_name == "truck" else None
    paint = shade(_any_paint(class_name, rng), float(rng.uniform(0.88, 1.08)))
    return Vehicle(class_name, kind, pose, length, float(width), paint, int(rng.integers(1 << 30)))


def draw_vehicle(image: Image, vehicle: Vehicle) -> None:
    """Draw a vehicle into an image, in place."""
    fill(image, vehicle.outline, TYRE if vehicle.class_name == "truck" else shade(vehicle.paint, 0.72))
    half_l, half_w = vehicle.length_px / 2, vehicle.width_px / 2
    rng, brush = np.random.default_rng(vehicle.look), Brush(image, vehicle.pose)
    if vehicle.class_name == "truck":
        cab = _draw_cab(brush, half_l, half_w, vehicle.paint, rng)
        LOADS[vehicle.kind or TRUCK_KINDS[0]](brush, -half_l, half_l - cab - 2.4, half_w, rng)
    else:
        DRAWERS[vehicle.class_name](brush, half_l, half_w, vehicle.paint, rng)


def _draw_car(brush: Brush, half_l: float, half_w: float, paint: Colour, rng: np.random.Generator) -> None:
    brush.slab(paint, -half_l + 0.8, half_l - 0.8, half_w - 0.9, (4.6, 3.2))
    is_estate = rng.random() < 0.35
    screen = half_l * rng.uniform(0.36, 0.46)
    tail = -half_l * (rng.uniform(0.82, 0.9) if is_estate else rng.uniform(0.52, 0.68))
    front, rear = screen - half_l * 0.3, tail + half_l * 0.18
    side, roof = half_w - 1.6, half_w - 3.1
    cabin = ((screen, -side), (screen + 1.6, 0), (screen, side), (tail, side - 0.8), (tail, -side + 0.8))
    brush.shape(shade(GLASS, rng.uniform(0.8, 1.5)), *cabin)
    brush.slab(shade(paint, rng.uniform(1.04, 1.14)), rear, front, roof)
    if rng.random() < 0.2:  # a glass roof
        brush.slab(shade(GLASS, 1.3), rear + 2, front - 1.5, roof - 1.4)
    _draw_lamps(brush, half_l - 0.9, half_w - 2.6)
    if rng.random() < 0.7:  # mirrors
        for y in (-half_w - 0.4, half_w + 0.4):
            brush.box(shade(paint, 0.8), screen - 1.6, y - 0.7, screen - 0.2, y + 0.7)


def _draw_lamps(brush: Brush, x: float, y: float) -> None:
    for side in (-y, y):
        brush.box((222, 236, 240), x - 1.4, side - 1.3, x + 0.3, side + 1.3)
        brush.box((40, 36, 190), -x - 0.3, side - 1.3, -x + 1.1, side + 1.3)


def _draw_van(brush: Brush, half_l: float, half_w: float, paint: Colour, rng: np.random.Generator) -> None:
    brush.slab(paint, -half_l + 0.6, half_l - 0.6, half_w - 0.7, (3.4, 1.2))
    x = half_l * rng.uniform(0.62, 0.74)
    outer, inner = half_w - 1.4, half_w - 2.4
    brush.shape(GLASS, (x, -inner), (x + 3.0, -outer), (x + 3.8, 0), (x + 3.0, outer), (x, inner))
    for y in (-half_w + 1.1, half_w - 1.1):
        brush.box(GLASS, x - 6.5, y - 0.5, x - 0.5, y + 0.5)
    brush.slab(shade(paint, 1.07), -half_l + 2, x - 1.5, half_w - 2.4)
    for rib in np.linspace(-half_l + 5, x - 6, int(rng.integers(2, 5))).tolist():
        brush.line(shade(paint, 0.84), rib, -half_w + 3, rib, half_w - 3)
    if rng.random() < 0.25:  # a ladder on the roof
        for y in (-1.6, 1.6):
            brush.line((120, 130, 136), -half_l + 4, y, x - 3, y)
    _draw_lamps(brush, half_l - 0.7, half_w - 2.4)


def _draw_cab(brush: Brush, half_l: float, half_w: float, paint: Colour, rng: np.random.Generator) -> float:
    """Draw the front of a truck and return how long it is."""
    cab = float(rng.uniform(14, 18))
    brush.slab(paint, half_l - cab, half_l, half_w, (2.8, 1.0))
    brush.slab(GLASS, half_l - 4.6, half_l - 1.4, half_w - 1.6, (1.6, 0.4))
    brush.slab(shade(paint, 1.12), half_l - cab + 2, half_l - 6.5, half_w - 3)
    return cab


def _draw_box(brush: Brush, rear: float, front: float, half_w: float, rng: np.random.Generator) -> None:
    paint = _any_paint("box truck", rng)
    brush.slab(shade(paint, 0.86), rear, front, half_w)
    brush.slab(paint, rear + 1, front - 1, half_w - 1.4)
    for x in np.arange(rear + 6, front - 3, 8.0).tolist():
        brush.line(shade(paint, 0.93), x, -half_w + 1.6, x, half_w - 1.6)


def _draw_flatbed(brush: Brush, rear: float, front: float, half_w: float, rng: np.random.Generator) -> None:
    deck = _any_paint("flatbed", rng)
    brush.slab(deck, rear, front, half_w - 0.4)
    for y in np.arange(-half_w + 3, half_w - 1, 3.4).tolist():
        brush.line(shade(deck, 0.78), rear + 1, y, front - 1, y)
    x = rear + rng.uniform(2, 10)
    while x < front - 12 and rng.random() < 0.75:  # pallets, pipes and crates
        length = float(rng.uniform(9, 20))
        brush.slab(_any_paint("load", rng), x, min(x + length, front - 2), half_w - 3.2)
        x += length + float(rng.uniform(1.5, 8))


def _draw_tank(brush: Brush, rear: float, front: float, half_w: float, rng: np.random.Generator) -> None:
    steel = _any_paint("tanker", rng)
    for inset, gain in ((0.4, 0.58), (2.4, 0.8), (4.6, 1.0), (7.6, 1.16)):  # bands of light along a cylinder
        brush.slab(shade(steel, gain), rear + 0.6, front - 0.6, half_w - inset, (4.2, 4.2))
    for x in np.linspace(rear + 9, front - 9, 3).tolist():
        brush.slab(shade(steel, 0.55), x - 2, x + 2, 2, (1.3, 1.3))


def _draw_bus(brush: Brush, half_l: float, half_w: float, paint: Colour, rng: np.random.Generator) -> None:
    brush.slab(paint, -half_l + 0.5, half_l - 0.5, half_w - 0.5, (2.6, 1.4))
    for y in (-half_w + 1.0, half_w - 1.0):  # side windows
        brush.line(GLASS, -half_l + 4, y, half_l - 4, y)
    brush.slab(GLASS, half_l - 2.8, half_l - 0.6, half_w - 1.6, (1.4, 0.3))
    brush.slab(shade(paint, 1.1), -half_l + 3, half_l - 5, half_w - 3.2)
    for x in np.linspace(-half_l + 14, half_l - 18, int(rng.integers(2, 5))).tolist():  # hatches and cooling units
        long, wide = rng.uniform(4, 9), rng.uniform(3, 5.5)
        brush.slab(shade((205, 205, 203), rng.uniform(0.75, 1.1)), x - long / 2, x + long / 2, wide)
    if rng.random() < 0.4:  # a stripe from front to back
        brush.line(shade(paint, 0.55), -half_l + 2, half_w - 4, half_l - 4, half_w - 4, 2)


def _any_paint(of: str, rng: np.random.Generator) -> Colour:
    return PAINTS[of][int(rng.integers(len(PAINTS[of])))]


Drawer = Callable[[Brush, float, float, Colour, np.random.Generator], None]
DRAWERS: dict[str, Drawer] = {"car": _draw_car, "van": _draw_van, "bus": _draw_bus}

Loader = Callable[[Brush, float, float, float, np.random.Generator], None]
LOADS: dict[str, Loader] = {"box truck": _draw_box, "flatbed": _draw_flatbed, "tanker": _draw_tank}
