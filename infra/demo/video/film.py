"""A drawn video of traffic seen from above, whose truth is known to the pixel: who is where in which frame.

A camera stands over a road of a drawn lot. Vehicles drive along its lanes, come in and leave; others park. Crowns of
trees reach over the road, and a footbridge crosses it, under which vehicles are gone for some frames.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from infra.demo.scenes.drawn_truth import DrawnBox, visible_box
from infra.demo.scenes.ground import paint_ground
from infra.demo.scenes.lots import LANE_PX, SIZE_WH, Lane, Lot, lay_out
from infra.demo.scenes.strokes import Brush, Image, Pose
from infra.demo.scenes.traffic import SceneStyle, park
from infra.demo.scenes.vehicles import Vehicle, draw_vehicle, new_vehicle
from infra.demo.scenes.weather import LIGHTS, camera_grain, cast, darken, paint_trees, shadow_of_vehicles

VIEW_WH = (960, 640)
RATE = 10
BRIDGE_PX, BRIDGE_PAST_PX = 64.0, 30.0
BRIDGE_COLOUR = (150, 156, 160)
LIGHT, TOWARDS, NOISE = LIGHTS["noon"], 0.6, 3.0
PARKED = 16
"""In all of the lot, of which the camera sees a quarter."""

SPEEDS_PX = (3.0, 5.0)
"""From frame to frame; all of one lane are equally fast."""

LONGEST = 240
"""Frames in which vehicles go on coming in."""

GAP_PX = (190.0, 420.0)
TREES = 0.4


@dataclass(frozen=True, slots=True)
class SeenVehicle:
    """One object in one frame: whose it is, and its box in pixels of the frame."""

    track: int
    box: DrawnBox


@dataclass(frozen=True, slots=True)
class DrawnFilm:
    """A video and its truth.

    Attributes:
        path: The video, or a folder of pictures where there is nothing to write one with.
        truth: Of each frame, in order.
    """

    path: Path
    truth: tuple[tuple[SeenVehicle, ...], ...] = field(repr=False)

    @property
    def boxes(self) -> int:
        """How many objects all frames show."""
        return sum(map(len, self.truth))

    @property
    def tracks(self) -> int:
        """How many different ones."""
        return len({seen.track for frame in self.truth for seen in frame})


@dataclass(frozen=True, slots=True)
class _Driver:
    vehicle: Vehicle
    lane: Pose
    start_px: float
    speed_px: float

    def at(self, frame: int) -> Vehicle:
        return replace(self.vehicle, pose=self.lane.then(Pose(self.start_px + frame * self.speed_px, 0.0)))


@dataclass(frozen=True, slots=True)
class _Stage:
    """What stays in place, as far as the camera sees it: pictures of (640, 960[, 3]), masks 0 to 255."""

    ground: Image
    crowns: Image
    hidden: Image
    tall: Image
    corner_xy: tuple[int, int]

    def brought(self, vehicle: Vehicle) -> Vehicle:
        """Return a vehicle in pixels of the frame."""
        (left, top), pose = self.corner_xy, vehicle.pose
        return replace(vehicle, pose=Pose(pose.x - left, pose.y - top, pose.angle))


def draw_film(path: Path, frames: int, seed: int = 0) -> DrawnFilm:
    """Draw a video; the same seed draws the same one.

    Args:
        path: Where, without suffix: gets `.mp4`, or becomes a folder of pictures where PyAV is not installed.
        frames: How many; ten are a second.
        seed: Draws another one.
    """
    rng = np.random.default_rng([seed, 16])
    lot = lay_out(rng, TREES)
    road = next(at for at, strip in enumerate(lot.strips) if strip.ground == "road")
    middle_y = (lot.strips[road].y_min + lot.strips[road].y_max) / 2
    stage = _build(lot, rng, middle_y, lot.strips[road].y_max - lot.strips[road].y_min)
    parked = park(lot, SceneStyle(), PARKED, rng)
    drivers = [one for lane in lot.lanes if lane.busy for one in _drive(lot, lane, rng)]
    truth: list[tuple[SeenVehicle, ...]] = []

    def drawn() -> Iterator[Image]:
        grain = camera_grain(np.random.default_rng([seed, 999]))
        for at in range(frames):
            vehicles = [stage.brought(one) for one in [driver.at(at) for driver in drivers] + parked]
            truth.append(tuple(_seen(vehicles, stage)))
            yield _photographed(vehicles, stage, grain[(37 * at) % 640 :, (53 * at) % 960 :])

    return DrawnFilm(_write(path, drawn()), tuple(truth))


def _build(lot: Lot, rng: np.random.Generator, middle_y: float, wide: float) -> _Stage:
    ground, _ = paint_ground(lot, rng)
    crowns, hidden = paint_trees(lot)
    half = wide / 2 + BRIDGE_PAST_PX
    for image, colour in ((crowns, BRIDGE_COLOUR), (hidden, 255)):
        Brush(image, lot.pose).box(colour, 0, middle_y - half, BRIDGE_PX, middle_y + half)
    middle = lot.pose.then(Pose(0.0, middle_y))
    limits = SIZE_WH[0] - VIEW_WH[0], SIZE_WH[1] - VIEW_WH[1]
    left, top = (
        int(np.clip(place - side / 2, 0, limit))
        for place, side, limit in zip((middle.x, middle.y), VIEW_WH, limits, strict=True)
    )
    tall = cast(hidden, TOWARDS, 30 * LIGHT.slope)
    across, down = slice(left, left + VIEW_WH[0]), slice(top, top + VIEW_WH[1])
    ground, crowns, hidden, tall = (image[down, across].copy() for image in (ground, crowns, hidden, tall))
    return _Stage(ground, crowns, hidden, tall, (left, top))


def _drive(lot: Lot, lane: Lane, rng: np.random.Generator) -> Iterator[_Driver]:
    speed = float(rng.uniform(*SPEEDS_PX))
    at = -LONGEST * speed + float(rng.uniform(0, GAP_PX[1]))
    while at < lane.length_px:
        name = str(rng.choice(["car", "car", "car", "van", "truck", "bus"]))
        yield _Driver(new_vehicle(rng, name, Pose(0.0, 0.0)), lot.pose.then(lane.pose), at, speed)
        at += float(rng.uniform(*GAP_PX)) + LANE_PX


def _seen(vehicles: Sequence[Vehicle], stage: _Stage) -> Iterator[SeenVehicle]:
    for track, vehicle in enumerate(vehicles):
        box = visible_box(vehicle, stage.hidden)
        if box is not None:
            yield SeenVehicle(track, box)


def _photographed(vehicles: list[Vehicle], stage: _Stage, grain: Image) -> Image:
    shadow = shadow_of_vehicles(vehicles, LIGHT, TOWARDS)[: VIEW_WH[1], : VIEW_WH[0]]
    picture = darken(stage.ground, shadow, LIGHT)
    for vehicle in vehicles:
        draw_vehicle(picture, vehicle)
    picture = darken(picture, stage.tall, LIGHT, 0.9)
    cv2.copyTo(stage.crowns, stage.hidden, picture)
    seen = cv2.GaussianBlur(picture, (3, 3), 0.55)
    noisy: Image = cv2.addWeighted(seen, 1.0, grain[: VIEW_WH[1], : VIEW_WH[0]], NOISE / 16, -128 * NOISE / 16)
    return noisy


def _write(path: Path, frames: Iterable[Image]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        import av
    except ImportError:
        path.mkdir()
        for at, picture in enumerate(frames):
            cv2.imwrite(str(path / f"{path.name}-{at:06d}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
        return path
    film = path.with_suffix(".mp4")
    with av.open(str(film), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "18"})
        stream.pix_fmt, stream.width, stream.height = "yuv420p", *VIEW_WH
        for at, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = at, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return film
