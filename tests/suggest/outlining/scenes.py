"""Pictures of single objects whose masks are known: drawn blobs, cells as under a microscope, and faint flaws."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from infra.demo.scenes.strokes import clouds
from tasks.intake.images import Pixels
from tasks.kinds.geometry import Flags, Floats
from tests.kinds.outlines.drawn import drawn_object


@dataclass(frozen=True, slots=True)
class OneObject:
    """A picture, BGR, and which of its pixels are the object."""

    picture: Pixels
    inside: Flags


def blob(seed: int) -> OneObject:
    """Return an uneven blob of 6 to 100 px, half of them with a hole, on ground of another colour."""
    rng = np.random.default_rng(seed)
    side = int(rng.choice([20, 40, 75, 120, 160]))
    inside = np.pad(_largest(drawn_object(seed, side)), side // 2 + 8)
    high, wide = inside.shape
    ground = rng.uniform(60, 200, 3) + clouds(rng, (wide, high), 16)[..., None] * 18
    away = rng.choice([-1, 1], 3) * rng.uniform(15, 70, 3)
    thing = ground.mean(axis=(0, 1)) + away + clouds(rng, (wide, high), 12)[..., None] * 12
    return _painted(rng, ground, [(inside, thing)], 0.8, 5)


def cell(seed: int) -> OneObject:
    """Return one dark cell among others that may touch it, as nuclei in stained tissue."""
    rng = np.random.default_rng(seed)
    side = 160
    ground = np.array([210.0, 185.0, 225.0]) + clouds(rng, (side, side), 10)[..., None] * 22
    taken, things = np.zeros((side, side), np.bool_), list[tuple[Flags, Floats]]()
    down, across = np.mgrid[:side, :side].astype(np.float64)
    for number in range(14):
        x, y = (80.0, 80.0) if number == 0 else rng.uniform(10, 150, 2)
        radius, flat, turn = rng.uniform(9, 17), rng.uniform(0.65, 1), rng.uniform(0, np.pi)
        along = (across - x) * np.cos(turn) + (down - y) * np.sin(turn)
        beside = ((down - y) * np.cos(turn) - (across - x) * np.sin(turn)) / flat
        angle = np.arctan2(beside, along)
        waves = sum(rng.normal(0, 0.03) * np.cos(n * angle + rng.uniform(0, 6)) for n in (2, 3, 4))
        inside = (np.hypot(along, beside) < radius * (1 + waves)) & ~taken
        if inside.sum() >= 80:
            taken |= inside
            colour = np.array([150, 80, 120]) + rng.normal(0, 14, 3) + clouds(rng, (side, side), 5)[..., None] * 24
            things.append((inside, colour))
    return _painted(rng, ground, things, 1, 6)


def flaw(seed: int) -> OneObject:
    """Return a faint, uneven, longish flaw in a grey surface: colours hardly tell it from what is around it."""
    rng = np.random.default_rng(seed)
    side = 180
    down, across = np.mgrid[:side, :side] - side / 2
    turn, length, width = rng.uniform(0, np.pi), rng.uniform(25, 60), rng.uniform(6, 25)
    along, beside = across * np.cos(turn) + down * np.sin(turn), down * np.cos(turn) - across * np.sin(turn)
    bent = beside - rng.normal(0, 0.004) * along**2
    inside = _largest(
        (abs(along) / length) ** 2.5 + (abs(bent) / width) ** 2.5 < 1 + 0.35 * clouds(rng, (side, side), 14)
    )
    ground = 120 + clouds(rng, (side, side), 30) * 25 + clouds(rng, (side, side), 6) * 14
    thing = ground - rng.uniform(8, 40) + clouds(rng, (side, side), 8) * 12
    grey = [np.repeat(one[..., None], 3, axis=2) for one in (ground, thing)]
    return _painted(rng, grey[0], [(inside, grey[1])], 2, 8)


FAMILIES: dict[str, Callable[[int], OneObject]] = {"drawn": blob, "nuclei-like": cell, "flaws": flaw}


def clicks_on(inside: Flags, rng: np.random.Generator, off_px: float) -> list[tuple[float, float]]:
    """Return the four clicks of a hand that is off by so much (standard deviation): top, right, bottom, left."""
    rows, columns = np.nonzero(inside)
    top, bottom, left, right = rows.min(), rows.max(), columns.min(), columns.max()
    clicks = (
        (np.median(columns[rows == top]) + 0.5, top),
        (right + 1, np.median(rows[columns == right]) + 0.5),
        (np.median(columns[rows == bottom]) + 0.5, bottom + 1),
        (left, np.median(rows[columns == left]) + 0.5),
    )
    size = inside.shape[1], inside.shape[0]
    moved = [np.clip(np.array(one) + rng.normal(0, off_px, 2), 0, size) for one in clicks]
    return [(float(x), float(y)) for x, y in moved]


def _largest(inside: Flags) -> Flags:
    _, numbers = cv2.connectedComponents(inside.astype(np.uint8))
    return np.asarray(numbers == np.bincount(numbers.ravel())[1:].argmax() + 1, np.bool_)


def _painted(
    rng: np.random.Generator, ground: Floats, things: list[tuple[Flags, Floats]], soft_px: float, noise: float
) -> OneObject:
    """Paint things, the object first, with edges as soft as a lens draws them."""
    picture = np.array(ground, np.float64)
    for inside, colour in things:
        share = cv2.GaussianBlur(inside.astype(np.float64), (0, 0), soft_px)[..., None]
        picture = picture * (1 - share) + colour * share
    picture += rng.normal(0, noise, picture.shape)
    return OneObject(np.clip(picture, 0, 255).astype(np.uint8), things[0][0])
