"""Who parks and who drives in a scene, by chance and within a style."""

from dataclasses import dataclass

import numpy as np

from infra.demo.scenes.lots import Lane, Lot, Stall, in_view
from infra.demo.scenes.strokes import Pose
from infra.demo.scenes.vehicles import Vehicle, new_vehicle


@dataclass(frozen=True, slots=True)
class SceneStyle:
    """What may occur in scenes: the knob that makes a starter detector's world narrower than the demo's.

    `lights` are those of a lot's first moment, its second, and so on in turn: every lot is seen in easy and hard light.
    """

    lights: tuple[tuple[str, ...], ...] = (("noon", "haze"), ("morning", "evening"), ("dusk", "overcast"))
    vehicles: tuple[int, int] = (56, 146)
    van_share: float = 0.16
    heavy_on_roads: float = 0.2
    long_stalls_taken: float = 0.17
    bus_share: float = 0.5
    leafiness: float = 0.55


def park(lot: Lot, style: SceneStyle, wanted: int, rng: np.random.Generator) -> list[Vehicle]:
    """Fill stalls in view: a few long ones with trucks and buses, the rest of what is wanted with cars and vans."""
    seen = [stall for stall in lot.stalls if in_view(lot.pose.then(stall.pose), 20)]
    parked = []
    for stall in seen:
        if stall.long and rng.random() < style.long_stalls_taken:
            name = "bus" if rng.random() < style.bus_share else "truck"
            parked.append(_into(lot, stall, name, rng))
    ordinary = [stall for stall in seen if not stall.long]
    if not ordinary:
        return parked
    # People park near one another: stalls close to a few doors fill first.
    doors = rng.uniform((-700, -450), (700, 450), (3, 2))
    places = np.array([(stall.pose.x, stall.pose.y) for stall in ordinary])
    near = np.min(np.linalg.norm(places[:, None] - doors[None], axis=2), axis=1)
    order = np.argsort(near / 500 + rng.gumbel(0, 0.55, len(ordinary)))
    nearest = [ordinary[index] for index in order[: max(0, wanted - len(parked))]]
    return parked + [_into(lot, stall, "van" if rng.random() < style.van_share else "car", rng) for stall in nearest]


def _into(lot: Lot, stall: Stall, class_name: str, rng: np.random.Generator) -> Vehicle:
    backwards = np.pi if rng.random() < 0.3 else 0.0
    place = Pose(float(rng.normal(0, 1.6)), float(rng.normal(0, 0.9)), backwards + float(rng.normal(0, 0.035)))
    return new_vehicle(rng, class_name, lot.pose.then(stall.pose).then(place))


def drive_along(lot: Lot, lane: Lane, style: SceneStyle, rng: np.random.Generator) -> list[Vehicle]:
    """Send vehicles along a lane, with gaps drawn by chance; those out of view are left out."""
    driving, at = [], float(rng.exponential(500 if lane.busy else 1500))
    while at < lane.length_px - 40:
        heavy = lane.busy and rng.random() < style.heavy_on_roads
        light_class = "van" if rng.random() < style.van_share else "car"
        name = ("bus" if rng.random() < style.bus_share else "truck") if heavy else light_class
        pose = lot.pose.then(lane.pose).then(Pose(at, float(rng.normal(0, 2.0)), float(rng.normal(0, 0.04))))
        if in_view(pose, 0):
            driving.append(new_vehicle(rng, name, pose))
        at += 150 + float(rng.exponential(520 if lane.busy else 1800))
    return driving
