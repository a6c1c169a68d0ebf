"""Cutting a picture into parts that take a person about a minute each, where as few objects as possible are cut.

The cuts are guillotine cuts: the picture in two, each of these in two, and so on, across or down, at a place that
divides what is to be done evenly and crosses the fewest boxes. Where nothing can be divided (many boxes in one place)
a part stays as large as it is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from blocks.frozen import Frozen
from blocks.storage.links import Box
from tasks.kinds.geometry import Floats, Ints
from tasks.review.questions.expected import LOOK_S
from tasks.review.questions.kinds.boxes.part import PicturePart, middles_in

PLACES = 400
"""So many places of a cut are weighed, at most."""

UNEVEN = 0.15
"""How far a cut may be from even, as a share of what there is to do, to cross fewer boxes."""

TOO_UNEVEN = 1e6
"""A cut that is less even still costs more than any number of boxes crossed; of such the most even is taken."""

LEAST_MARGIN_PX = 24
LEAST_SIDE_PX = 64
"""No part is smaller: a person must know where in the picture they are."""


class PartOptions(Frozen):
    """When a picture is asked in parts: a micro-task is through in a minute."""

    boxes: int = Field(default=25, ge=1, le=10_000, description="Boxes to look at in one part, about")
    seconds: float = Field(
        default=60.0,
        gt=LOOK_S,
        le=86_400,
        description="Expected seconds of one part, about: from the boxes shown, their scores, and how many objects "
        "people had to draw so far.",
    )


@dataclass(frozen=True, slots=True)
class Marks:
    """What a person will have to do in a picture, and where."""

    edges: Floats
    """Shape (n, 4), pixels of the item: boxes, shown or not."""
    seconds: Floats
    """Shape (n,): what each is expected to take."""


def spread_out(width: int, height: int, objects: float, seconds_each: float) -> Marks:
    """Return marks for objects of which only the number is known, evenly over a picture.

    Args:
        width: Of the picture in pixels.
        height: Of the picture in pixels.
        objects: How many are expected.
        seconds_each: What each is expected to take.
    """
    across = max(1, round(math.sqrt(objects * width / height)))
    down = max(1, round(objects / across))
    x, y = np.meshgrid((np.arange(across) + 0.5) * width / across, (np.arange(down) + 0.5) * height / down)
    middles = np.stack([x.ravel(), y.ravel()], axis=1)
    seconds = np.full(len(middles), seconds_each * objects / len(middles))
    return Marks(np.hstack([middles, middles]), seconds)


def cut_into_parts(width: int, height: int, marks: Marks, options: PartOptions) -> list[PicturePart]:
    """Return the parts in which a picture is asked, in reading order; empty: it is asked as a whole.

    Args:
        width: Of the picture in pixels.
        height: Of the picture in pixels.
        marks: What there is to do; n may be 0.
        options: What a part may hold.
    """
    frames = _cut((0, 0, width, height), np.arange(len(marks.edges)), marks, options, _least_side(marks))
    if len(frames) < 2:
        return []
    frames.sort(key=lambda frame: (frame[1], frame[0]))
    margin = _margin(marks)
    crops = [_crop(frame, marks.edges[middles_in(frame, marks.edges)], margin, width, height) for frame in frames]
    return [
        PicturePart(frame=frame, crop=crop, number=number, of=len(frames))
        for number, (frame, crop) in enumerate(zip(frames, crops, strict=True), 1)
    ]


def _cut(frame: Box, mine: Ints, marks: Marks, options: PartOptions, least_px: float) -> list[Box]:
    share = np.maximum(marks.seconds[mine] / (options.seconds - LOOK_S), 1 / options.boxes)
    wanted = math.ceil(float(share.sum()) - 1e-9)
    if wanted < 2:
        return [frame]
    best = min(
        (
            found
            for axis in (0, 1)
            if (found := _best_place(frame, axis, marks.edges[mine], share, (wanted // 2) / wanted, least_px))
        ),
        default=None,
    )
    if best is None:
        return [frame]
    _, _, axis, place = best
    middles = (marks.edges[mine, axis] + marks.edges[mine, axis + 2]) / 2
    low, high = list(frame), list(frame)
    low[axis + 2] = high[axis] = place
    return [
        *_cut(_as_box(low), mine[middles < place], marks, options, least_px),
        *_cut(_as_box(high), mine[middles >= place], marks, options, least_px),
    ]


def _best_place(
    frame: Box, axis: int, edges: Floats, share: Floats, wanted: float, least_px: float
) -> tuple[float, float, int, int] | None:
    """Return how bad the best cut across an axis is and how uneven, the axis, the place; None: nothing is divided."""
    start, end = frame[axis] + math.ceil(least_px), frame[axis + 2] - math.ceil(least_px)
    if end < start:
        return None
    places = np.unique(np.linspace(start, end, PLACES).round().astype(np.int64))
    middles = (edges[:, axis] + edges[:, axis + 2]) / 2
    order = np.argsort(middles)
    before = np.concatenate([[0.0], np.cumsum(share[order])]) / share.sum()
    low = before[np.searchsorted(middles[order], places, side="left")]
    divides = (low > 1e-9) & (low < 1 - 1e-9)
    if not divides.any():
        return None
    begun = np.searchsorted(np.sort(edges[:, axis]), places, side="left")
    over = np.searchsorted(np.sort(edges[:, axis + 2]), places, side="right")
    uneven = np.abs(low - wanted)
    crossed = (begun - over).astype(np.float64)
    across = frame[3 - axis] - frame[1 - axis]
    longest = np.maximum(places - frame[axis], frame[axis + 2] - places)
    slim = np.maximum(0.0, across / np.minimum(places - frame[axis], frame[axis + 2] - places) - 3) + longest / across
    costs = np.where(divides, np.where(uneven > UNEVEN, TOO_UNEVEN * uneven, crossed + slim / 4), np.inf)
    at = int(np.lexsort((uneven, costs))[0])
    return float(costs[at]), float(uneven[at]), axis, int(places[at])


def _as_box(edges: Sequence[int]) -> Box:
    x_min, y_min, x_max, y_max = (int(edge) for edge in edges)
    return x_min, y_min, x_max, y_max


def _long_sides(marks: Marks) -> Floats:
    return np.maximum(marks.edges[:, 2] - marks.edges[:, 0], marks.edges[:, 3] - marks.edges[:, 1])


def _least_side(marks: Marks) -> float:
    """Return the least side of a part: room for an object and a half."""
    sides = _long_sides(marks)
    return max(float(LEAST_SIDE_PX), 1.5 * float(np.median(sides)) if len(sides) else 0.0)


def _margin(marks: Marks) -> float:
    """Return how far is shown around a part: most of an object that nobody has found yet."""
    sides = _long_sides(marks)
    return max(float(LEAST_MARGIN_PX), 0.75 * float(np.quantile(sides, 0.9)) if len(sides) else 0.0)


def _crop(frame: Box, edges: Floats, margin: float, width: int, height: int) -> Box:
    """Return what is shown of a part: its margin, and all of every box whose middle lies in it."""
    around = np.array([frame], np.float64) + np.array([-margin, -margin, margin, margin])
    all_of = np.vstack([around, edges])
    low, high = np.floor(all_of[:, :2].min(axis=0)), np.ceil(all_of[:, 2:].max(axis=0))
    return (
        max(0, int(low[0])),
        max(0, int(low[1])),
        min(width, int(high[0])),
        min(height, int(high[1])),
    )
