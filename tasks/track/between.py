"""One object's boxes between two key frames, from all that is known: its ends, how it moves, where a detector sees it.

The path of an object's middle is the one that fits best, by least squares: both ends are as people drew them; from each
frame to the next it moves as the flow says, in both directions; it is drawn towards detections that belong to it; it
does not jerk; and it is not far from a straight line. Which detections belong to it, and where the flow is looked at,
depend on the path, so they are found in turns. Flow counts where both directions agree.

Source:
    The terms are a Rauch-Tung-Striebel smoother's (1965) with exact ends, written as one banded system.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solveh_banded

from tasks.kinds.geometry import Floats, iou_of_all, paired_iou
from tasks.track.motion import Motion


@dataclass(frozen=True, slots=True)
class Weights:
    """How exactly each thing is known, against the others.

    Attributes:
        smooth: That the velocity does not change.
        line: That the middle is on the straight line.
        flow: That it moves as the flow says, where both directions agree.
        detector: That it is where a detection is.
        size: Share of a detection's size in that of a box, against the straight line's.
        own_from: From this IoU on with the path a detection belongs to it.
        rounds: How often path, flow and detections are found in turns.
    """

    smooth: float = 16.0
    line: float = 0.002
    flow: float = 1.0
    detector: float = 0.1
    size: float = 0.0
    own_from: float = 0.4
    rounds: int = 3


@dataclass(frozen=True, slots=True)
class Followed:
    """An object between two key frames.

    Attributes:
        boxes_xyxy_px: Shape (n, 4), of the frames between, in order.
        trust: Shape (n,), 0 to 1: how far the ways to tell where it is agree.
        against_flow: Shape (n,): by how much of its side it moves otherwise, from a frame or to the next, than what is
            in it; 0 where flow is not believed.
    """

    boxes_xyxy_px: Floats
    trust: Floats
    against_flow: Floats


KNOWN = Weights()

PULL = 0.65
"""How far the middle of one who goes step by step moves towards a detection that belongs to it."""

ARRIVES_FROM = 0.3
"""IoU from which on one who went step by step has arrived at the other key frame's box."""

BELIEVED_FROM = 0.5
"""Of how sure flow is, from which on a box that moves otherwise is odd."""

LOST_AT = 0.05
"""Of an object's side: where there and back differ by so much, flow counts 1/e."""


def follow(
    first: tuple[int, Floats],
    last: tuple[int, Floats],
    motion: Motion,
    detections: Sequence[Floats],
    weights: Weights = KNOWN,
) -> Followed:
    """Return an object's boxes between two key frames.

    Args:
        first: The earlier key frame's number, and the box there, shape (4,).
        last: The later one's.
        motion: How things move between neighbouring frames.
        detections: The detector's boxes (m, 4) of each frame from `first` to `last`, both included; m may be 0.
        weights: See there.
    """
    (start, box_a), (stop, box_b) = first, last
    steps = stop - start
    if steps < 2:
        return Followed(np.zeros((0, 4)), np.zeros(0), np.zeros(0))
    line = straight(box_a, box_b, steps)
    sides = line[:, 2:] - line[:, :2]
    path = _begin(line, start, motion, detections, weights.own_from)
    owned: Floats = np.zeros(steps + 1)
    for _ in range(weights.rounds):
        moves, sure = _moves(path, start, motion)
        targets, owned, grown = _own(path, detections, weights.own_from)
        middles = _fit(_middles(line), moves, sure, targets, owned, weights)
        now = sides * (1 + owned[:, None] * weights.size * grown)
        path = np.concatenate([middles - now / 2, middles + now / 2], axis=1)
    agree = paired_iou(path, line)
    steady = np.minimum(np.append(sure, 1.0), np.append(1.0, sure))
    trust = np.clip((agree + np.maximum(owned, steady)) / 2, 0.0, 1.0)
    return Followed(path[1:-1], trust[1:-1], _against_flow(path, *_moves(path, start, motion)))


def _against_flow(path: Floats, moves: Floats, sure: Floats) -> Floats:
    """Return of each box between (n - 2,) how far it moves otherwise than the flow, in its sides."""
    sides = np.maximum(4.0, np.sqrt(np.prod(path[:-1, 2:] - path[:-1, :2], axis=1)))
    differ = np.hypot(*(np.diff(_middles(path), axis=0) - moves).T) / sides
    believed = np.where(sure >= BELIEVED_FROM, differ, 0.0)
    return np.asarray(np.maximum(believed[:-1], believed[1:]))


def straight(box_a: Floats, box_b: Floats, steps: int) -> Floats:
    """Return the boxes (steps + 1, 4) on a straight line from one to the other, both included."""
    share = np.linspace(0.0, 1.0, steps + 1)[:, None]
    return np.asarray(box_a * (1 - share) + box_b * share)


def _begin(line: Floats, start: int, motion: Motion, detections: Sequence[Floats], own_from: float) -> Floats:
    """Return where to look first: on the ways from both ends, as far as each arrives at the other, else on the line."""
    last = len(line) - 1
    there = _run(line, start, 1, motion, detections, own_from)
    back = _run(line[::-1], start + last, -1, motion, detections[::-1], own_from)[::-1]
    arrived = paired_iou(np.stack([there[-1], back[0]]), np.stack([line[-1], line[0]]))
    share = np.linspace(0.0, 1.0, last + 1)[:, None]
    by_way = (arrived[0] * (1 - share), arrived[1] * share)
    drift = share * (line[-1] - there[-1]), (1 - share) * (line[0] - back[0])
    total = by_way[0] + by_way[1]
    if arrived.max() < ARRIVES_FROM:
        return line
    both = by_way[0] * (there + drift[0]) + by_way[1] * (back + drift[1])
    return np.where(total > 0, both / np.maximum(total, 1e-9), line)


def _run(line: Floats, start: int, way: int, motion: Motion, detections: Sequence[Floats], own_from: float) -> Floats:
    """Return the boxes (n, 4) of one who goes step by step with the flow, each of the line's size."""
    path = line.copy()
    sides = line[:, 2:] - line[:, :2]
    middle, offset = _middles(line)[0], None
    for at in range(len(line)):
        if at:
            move = motion.shift(start + way * (at - 1), start + way * at, path[at - 1])
            middle = middle + (move if move is not None else _middles(line)[at] - _middles(line)[at - 1])
        box = np.concatenate([middle - sides[at] / 2, middle + sides[at] / 2])
        beside = beside_own(box, detections[at], own_from)
        if beside is not None:
            offset = beside if offset is None else offset
            middle = middle + PULL * (beside - offset)
        path[at] = np.concatenate([middle - sides[at] / 2, middle + sides[at] / 2])
    return path


def beside_own(box_xyxy_px: Floats, boxes: Floats, own_from: float) -> Floats | None:
    """Return how far the middle of a box's own detection is from its own (2,); None: it has none."""
    if not len(boxes):
        return None
    overlap = iou_of_all(box_xyxy_px[None], boxes)[0]
    best = int(overlap.argmax())
    if overlap[best] < own_from:
        return None
    return np.asarray((boxes[best, :2] + boxes[best, 2:] - box_xyxy_px[:2] - box_xyxy_px[2:]) / 2)


def _middles(boxes_xyxy_px: Floats) -> Floats:
    return np.asarray((boxes_xyxy_px[:, :2] + boxes_xyxy_px[:, 2:]) / 2)


def _moves(path: Floats, start: int, motion: Motion) -> tuple[Floats, Floats]:
    """Return how the middle moves from frame to frame (n - 1, 2), and how sure that is (n - 1,), 0 to 1."""
    moves, sure = np.zeros((len(path) - 1, 2)), np.zeros(len(path) - 1)
    for at in range(len(path) - 1):
        there = motion.shift(start + at, start + at + 1, path[at])
        back = motion.shift(start + at + 1, start + at, path[at + 1])
        if there is None or back is None:
            continue
        moves[at] = (there - back) / 2
        sure[at] = sureness(there + back, path[at])
    return moves, sure


def sureness(differ_xy_px: Floats, box_xyxy_px: Floats) -> float:
    """Return how far flow is to be believed, 1 to 0, by how far there and back (2,) do not cancel out.

    Where they differ by a tenth of the object's side it is hidden, or the flow is lost.
    """
    side = max(4.0, float(np.sqrt(np.prod(box_xyxy_px[2:] - box_xyxy_px[:2]))))
    return float(np.exp(-np.hypot(*differ_xy_px) / (LOST_AT * side)))


def _own(path: Floats, detections: Sequence[Floats], own_from: float) -> tuple[Floats, Floats, Floats]:
    """Return where detections say that the middle is (n, 2), whether there is one (n,), and how sizes differ (n, 2).

    A detector draws an object a little beside where a person does. How far, in sides of the object, is known at both
    ends, and believed to change evenly between.
    """
    n = len(path)
    found, owned = np.zeros((n, 4)), np.zeros(n)
    for at, boxes in enumerate(detections):
        if not len(boxes):
            continue
        overlap = iou_of_all(path[at : at + 1], boxes)[0]
        best = int(overlap.argmax())
        if overlap[best] >= own_from:
            found[at], owned[at] = boxes[best], 1.0
    sides = path[:, 2:] - path[:, :2]
    middles, seen_sides = _middles(found), found[:, 2:] - found[:, :2]
    beside: list[Floats | None] = [
        (middles[at] - _middles(path)[at]) / sides[at] if owned[at] else None for at in (0, n - 1)
    ]
    larger: list[Floats | None] = [np.asarray(seen_sides[at] / sides[at]) if owned[at] else None for at in (0, n - 1)]
    share: Floats = np.linspace(0.0, 1.0, n, dtype=np.float64)[:, None]
    offset, ratio = _between(beside, share, 0.0), _between(larger, share, 1.0)
    grown = np.where(owned[:, None] > 0, seen_sides / np.maximum(ratio, 0.1) / sides - 1, 0.0)
    return middles - offset * sides, owned, np.clip(grown, -0.5, 0.5)


def _between(ends: Sequence[Floats | None], share: Floats, unknown: float) -> Floats:
    first, last = ends
    one = first if first is not None else last
    other = last if last is not None else first
    if one is None or other is None:
        return np.full((len(share), 2), unknown)
    return np.asarray(one * (1 - share) + other * share)


def _fit(line: Floats, moves: Floats, sure: Floats, targets: Floats, owned: Floats, weights: Weights) -> Floats:
    """Return the middles (n, 2) that fit all best, both ends as on the line."""
    n = len(line)
    pull, move = owned * weights.detector, sure * weights.flow
    bands = np.zeros((3, n))  # of a symmetric matrix: its diagonal last, as LAPACK keeps the upper half
    right = np.zeros((n, 2))
    bands[2] += weights.line + pull
    right += weights.line * line + pull[:, None] * targets
    bands[2, :-1] += move
    bands[2, 1:] += move
    bands[1, 1:] -= move
    right[:-1] -= move[:, None] * moves
    right[1:] += move[:, None] * moves
    bands[2, :-2] += weights.smooth
    bands[2, 1:-1] += 4 * weights.smooth
    bands[2, 2:] += weights.smooth
    bands[1, 1:-1] -= 2 * weights.smooth
    bands[1, 2:] -= 2 * weights.smooth
    bands[0, 2:] += weights.smooth
    exact = 1e9  # both ends are what people drew
    bands[2, [0, -1]] += exact
    right[[0, -1]] += exact * line[[0, -1]]
    return np.asarray(solveh_banded(bands, right))
