"""Vehicles seen from above: their sizes, colours and parts, drawn with polygons in their own frame.

Sizes are pixels at about 8.5 pixels a metre: a car of 4.5 m is 38 px long. Classes overlap on purpose (a long estate
car and a short van), as they do in the world.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from infra.demo.strokes import Colour, Image, Points, Pose, fill, rectangle, rounded, shade, stroke

CLASSES = ("car", "van", "truck", "bus")
TRUCK_KINDS = ("box truck", "flatbed", "tanker")

LENGTHS_PX = {"car": (30, 45), "van": (40, 52), "truck": (60, 110), "bus": (90, 130)}
HEIGHTS_PX = {"car": 12, "van": 19, "truck": 30, "bus": 27}

GLASS: Colour = (52, 44, 38)
TYRE: Colour = (28, 28, 28)
CAR_PAINTS: tuple[Colour, ...] = (
    (226, 226, 224), (238, 240, 240), (168, 168, 166), (120, 120, 120), (70, 68, 66), (36, 35, 34),
    (40, 36, 150), (32, 30, 190), (140, 88, 40), (110, 60, 24), (70, 96, 50), (92, 134, 160), (60, 150, 205),
)  # fmt: skip
VAN_PAINTS: tuple[Colour, ...] = (
    (236, 236, 234),
    (222, 224, 224),
    (190, 190, 188),
    (130, 84, 36),
    (44, 42, 168),
    (66, 64, 62),
)
CAB_PAINTS: tuple[Colour, ...] = (
    (228, 228, 226),
    (44, 40, 176),
    (150, 90, 36),
    (54, 120, 52),
    (40, 140, 214),
    (76, 74, 72),
)
BUS_PAINTS: tuple[Colour, ...] = (
    (40, 176, 232),
    (230, 230, 228),
    (52, 46, 182),
    (168, 106, 46),
    (84, 140, 60),
    (206, 196, 180),
)


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
        half_l, half_w = self.length_px / 2, self.width_px / 2
        front, rear = (5.0, 3.6) if self.class_name == "car" else (3.0, 1.5)
        return self.pose.place(rounded(-half_l, -half_w, half_l, half_w, front=front, rear=rear))

    @property
    def height_px(self) -> int:
        """How high it stands, for its shadow."""
        return HEIGHTS_PX[self.class_name]


def new_vehicle(rng: np.random.Generator, class_name: str, pose: Pose) -> Vehicle:
    """Make a vehicle of a class with a random size, colour and (for trucks) kind."""
    shortest, longest = LENGTHS_PX[class_name]
    length = float(rng.triangular(shortest, (shortest + longest) / 2, longest))
    kind = None
    if class_name == "car":
        width, paints = 9.6 + 0.2 * length + rng.uniform(-0.7, 0.7), CAR_PAINTS
    elif class_name == "van":
        width, paints = 11.5 + 0.17 * length + rng.uniform(-0.5, 0.8), VAN_PAINTS
    elif class_name == "truck":
        width, paints = rng.uniform(20.5, 23.5), CAB_PAINTS
        kind = str(rng.choice(TRUCK_KINDS, p=(0.45, 0.3, 0.25)))
    else:
        width, paints = rng.uniform(21.5, 24.0), BUS_PAINTS
    paint = shade(paints[int(rng.integers(len(paints)))], float(rng.uniform(0.88, 1.08)))
    return Vehicle(class_name, kind, pose, length, float(width), paint, int(rng.integers(1 << 30)))


def draw_vehicle(image: Image, vehicle: Vehicle) -> None:
    """Draw a vehicle into an image, in place."""
    rng = np.random.default_rng(vehicle.look)
    fill(image, vehicle.outline, TYRE if vehicle.class_name == "truck" else shade(vehicle.paint, 0.72))
    DRAWERS[vehicle.class_name](image, vehicle, rng)


def _draw_car(image: Image, car: Vehicle, rng: np.random.Generator) -> None:
    put, half_l, half_w = car.pose.place, car.length_px / 2, car.width_px / 2
    inner = rounded(-half_l + 0.8, -half_w + 0.9, half_l - 0.8, half_w - 0.9, front=4.6, rear=3.2)
    fill(image, put(inner), car.paint)
    estate = rng.random() < 0.35
    screen, tail = (
        half_l * rng.uniform(0.36, 0.46),
        -half_l * (rng.uniform(0.82, 0.9) if estate else rng.uniform(0.52, 0.68)),
    )
    roof_front, roof_rear = screen - half_l * 0.3, tail + half_l * 0.18
    side, roof_side = half_w - 1.6, half_w - 3.1
    cabin = np.array(
        [[screen, -side], [screen + 1.6, 0], [screen, side], [tail, side - 0.8], [tail, -side + 0.8]], np.float32
    )
    fill(image, put(cabin), shade(GLASS, rng.uniform(0.8, 1.5)))
    roof = rectangle(roof_rear, -roof_side, roof_front, roof_side)
    fill(image, put(roof), shade(car.paint, rng.uniform(1.04, 1.14)))
    if rng.random() < 0.2:  # a glass roof
        fill(
            image, put(rectangle(roof_rear + 2, -roof_side + 1.4, roof_front - 1.5, roof_side - 1.4)), shade(GLASS, 1.3)
        )
    _draw_lamps(image, car, half_l - 0.9, half_w - 2.6)
    if rng.random() < 0.7:  # mirrors
        for y in (-half_w - 0.4, half_w + 0.4):
            fill(image, put(rectangle(screen - 1.6, y - 0.7, screen - 0.2, y + 0.7)), shade(car.paint, 0.8))


def _draw_lamps(image: Image, vehicle: Vehicle, x: float, y: float) -> None:
    put = vehicle.pose.place
    for side in (-y, y):
        fill(image, put(rectangle(x - 1.4, side - 1.3, x + 0.3, side + 1.3)), (222, 236, 240))
        fill(image, put(rectangle(-x - 0.3, side - 1.3, -x + 1.1, side + 1.3)), (40, 36, 190))


def _draw_van(image: Image, van: Vehicle, rng: np.random.Generator) -> None:
    put, half_l, half_w = van.pose.place, van.length_px / 2, van.width_px / 2
    fill(image, put(rounded(-half_l + 0.6, -half_w + 0.7, half_l - 0.6, half_w - 0.7, front=3.4, rear=1.2)), van.paint)
    screen = half_l * rng.uniform(0.62, 0.74)
    glass = np.array(
        [
            [screen, -half_w + 2.4],
            [screen + 3.0, -half_w + 1.4],
            [screen + 3.8, 0],
            [screen + 3.0, half_w - 1.4],
            [screen, half_w - 2.4],
        ],
        np.float32,
    )
    fill(image, put(glass), GLASS)
    for y in (-half_w + 1.1, half_w - 1.1):
        fill(image, put(rectangle(screen - 6.5, y - 0.5, screen - 0.5, y + 0.5)), GLASS)
    fill(image, put(rectangle(-half_l + 2, -half_w + 2.4, screen - 1.5, half_w - 2.4)), shade(van.paint, 1.07))
    for x in np.linspace(-half_l + 5, screen - 6, int(rng.integers(2, 5))):  # roof ribs
        stroke(image, put(np.array([[x, -half_w + 3], [x, half_w - 3]], np.float32)), shade(van.paint, 0.84))
    if rng.random() < 0.25:  # a ladder on the roof
        for y in (-1.6, 1.6):
            stroke(image, put(np.array([[-half_l + 4, y], [screen - 3, y]], np.float32)), (120, 130, 136))
    _draw_lamps(image, van, half_l - 0.7, half_w - 2.4)


def _draw_truck(image: Image, truck: Vehicle, rng: np.random.Generator) -> None:
    put, half_l, half_w = truck.pose.place, truck.length_px / 2, truck.width_px / 2
    cab = rng.uniform(14, 18)
    fill(image, put(rounded(half_l - cab, -half_w, half_l, half_w, front=2.8, rear=1.0)), truck.paint)
    fill(image, put(rounded(half_l - 4.6, -half_w + 1.6, half_l - 1.4, half_w - 1.6, front=1.6, rear=0.4)), GLASS)
    fill(image, put(rectangle(half_l - cab + 2, -half_w + 3, half_l - 6.5, half_w - 3)), shade(truck.paint, 1.12))
    LOADS[truck.kind or TRUCK_KINDS[0]](image, truck, half_l - cab - 2.4, rng)


def _draw_box(image: Image, truck: Vehicle, front: float, rng: np.random.Generator) -> None:
    put, rear, half_w = truck.pose.place, -truck.length_px / 2, truck.width_px / 2
    paint: Colour = ((232, 232, 230), (206, 206, 204), (176, 152, 112), (70, 90, 176), (196, 180, 150))[
        int(rng.integers(5))
    ]
    fill(image, put(rectangle(rear, -half_w, front, half_w)), shade(paint, 0.86))
    fill(image, put(rectangle(rear + 1, -half_w + 1.4, front - 1, half_w - 1.4)), paint)
    for x in np.arange(rear + 6, front - 3, 8.0):
        stroke(image, put(np.array([[x, -half_w + 1.6], [x, half_w - 1.6]], np.float32)), shade(paint, 0.93))


def _draw_flatbed(image: Image, truck: Vehicle, front: float, rng: np.random.Generator) -> None:
    put, rear, half_w = truck.pose.place, -truck.length_px / 2, truck.width_px / 2
    deck: Colour = ((72, 100, 128), (96, 110, 120), (58, 76, 98))[int(rng.integers(3))]
    fill(image, put(rectangle(rear, -half_w + 0.4, front, half_w - 0.4)), deck)
    for y in np.arange(-half_w + 3, half_w - 1, 3.4):
        stroke(image, put(np.array([[rear + 1, y], [front - 1, y]], np.float32)), shade(deck, 0.78))
    x = rear + rng.uniform(2, 10)
    while x < front - 12 and rng.random() < 0.75:  # pallets, pipes and crates
        length = float(rng.uniform(9, 20))
        load: Colour = ((60, 120, 168), (150, 150, 150), (66, 96, 60), (40, 80, 190))[int(rng.integers(4))]
        fill(image, put(rectangle(x, -half_w + 3.2, min(x + length, front - 2), half_w - 3.2)), load)
        x += length + float(rng.uniform(1.5, 8))


def _draw_tank(image: Image, truck: Vehicle, front: float, rng: np.random.Generator) -> None:
    put, rear, half_w = truck.pose.place, -truck.length_px / 2, truck.width_px / 2
    steel: Colour = ((196, 196, 194), (214, 216, 216), (150, 168, 180))[int(rng.integers(3))]
    for inset, gain in ((0.4, 0.58), (2.4, 0.8), (4.6, 1.0), (7.6, 1.16)):  # bands of light along a cylinder
        fill(
            image,
            put(rounded(rear + 0.6, -half_w + inset, front - 0.6, half_w - inset, front=4.2, rear=4.2)),
            shade(steel, gain),
        )
    for x in np.linspace(rear + 9, front - 9, 3):
        fill(image, put(rounded(x - 2, -2, x + 2, 2, front=1.3, rear=1.3)), shade(steel, 0.55))


def _draw_bus(image: Image, bus: Vehicle, rng: np.random.Generator) -> None:
    put, half_l, half_w = bus.pose.place, bus.length_px / 2, bus.width_px / 2
    fill(image, put(rounded(-half_l + 0.5, -half_w + 0.5, half_l - 0.5, half_w - 0.5, front=2.6, rear=1.4)), bus.paint)
    for y in (-half_w + 1.0, half_w - 1.0):  # side windows
        stroke(image, put(np.array([[-half_l + 4, y], [half_l - 4, y]], np.float32)), GLASS)
    fill(image, put(rounded(half_l - 2.8, -half_w + 1.6, half_l - 0.6, half_w - 1.6, front=1.4, rear=0.3)), GLASS)
    fill(image, put(rectangle(-half_l + 3, -half_w + 3.2, half_l - 5, half_w - 3.2)), shade(bus.paint, 1.1))
    for x in np.linspace(-half_l + 14, half_l - 18, int(rng.integers(2, 5))):  # hatches and cooling units
        long, wide = rng.uniform(4, 9), rng.uniform(3, 5.5)
        fill(
            image,
            put(rectangle(x - long / 2, -wide, x + long / 2, wide)),
            shade((205, 205, 203), rng.uniform(0.75, 1.1)),
        )
    if rng.random() < 0.4:  # a stripe from front to back
        stroke(
            image,
            put(np.array([[-half_l + 2, half_w - 4], [half_l - 4, half_w - 4]], np.float32)),
            shade(bus.paint, 0.55),
            2,
        )


LOADS: dict[str, Callable[[Image, Vehicle, float, np.random.Generator], None]] = {
    "box truck": _draw_box,
    "flatbed": _draw_flatbed,
    "tanker": _draw_tank,
}
DRAWERS: dict[str, Callable[[Image, Vehicle, np.random.Generator], None]] = {
    "car": _draw_car,
    "van": _draw_van,
    "truck": _draw_truck,
    "bus": _draw_bus,
}
