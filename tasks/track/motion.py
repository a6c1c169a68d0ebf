"""How far what is in a box moves to the next picture, or came from the one before: dense optical flow, box by box.

Of a run of frames two are held at a time; of each pair of neighbours the flow in both directions is kept, small.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from tasks.intake.images import Pixels
from tasks.kinds.geometry import Floats

CORE = 0.5
"""Share of a box's width and height, around its middle, in which its motion is looked for: its rim shows the ground."""

LONGER_SIDE_PX = 640
"""Larger frames are made smaller before their flow is computed."""

KEPT = 0.5
"""Scale at which flow is kept, of that at which it is computed: objects are larger than two pixels."""


class Motion(Protocol):
    """What knows how things move between neighbouring frames."""

    def shift(self, frame: int, to: int, box_xyxy_px: Floats) -> Floats | None:
        """Return by how many pixels (x, y) what is in a box moves from a frame to the next, or to the one before.

        Args:
            frame: Where the box is.
            to: `frame` + 1 or `frame` - 1.
            box_xyxy_px: Shape (4,).

        Returns:
            Shape (2,); None: it is unknown, as the two frames have different sizes, or the box is outside of them.
        """
        ...


@dataclass(frozen=True, slots=True)
class FlowField:
    """Flow from one frame to another, made smaller.

    Attributes:
        flow: Shape (height, width, 2), float16, in pixels of the frame.
        scale: Pixels of the field for one of the frame.
    """

    flow: npt.NDArray[np.float16]
    scale: float

    def shift(self, box_xyxy_px: Floats) -> Floats | None:
        """Return the median motion (2,) of a box's core, in pixels of the frame; None: the core is outside of it."""
        height, width = self.flow.shape[:2]
        middle = (box_xyxy_px[:2] + box_xyxy_px[2:]) / 2 * self.scale
        half = np.maximum((box_xyxy_px[2:] - box_xyxy_px[:2]) * self.scale * CORE / 2, 1.0)
        left, top = np.maximum(np.floor(middle - half), 0).astype(int)
        right, bottom = np.minimum(np.ceil(middle + half), (width, height)).astype(int)
        if left >= right or top >= bottom:
            return None
        core = self.flow[top:bottom, left:right].reshape(-1, 2)
        return np.asarray(np.median(core.astype(np.float64), axis=0))


@dataclass(slots=True)
class FlowMotion:
    """The flow of a run of frames, taken in one after the other.

    Source:
        Kroeger et al., "Fast Optical Flow using Dense Inverse Search", 2016: OpenCV's DIS at its medium preset.
    """

    _there: dict[int, FlowField] = field(default_factory=dict)
    _back: dict[int, FlowField] = field(default_factory=dict)

    @classmethod
    def of(cls, frames: Iterable[tuple[int, Pixels]]) -> "FlowMotion":
        """Return the flow of frames with their numbers, neighbours one after the other.

        Args:
            frames: Numbers that go up, and pixels of shape (height, width, 3), uint8. A number may be left out: of the
                frames at both sides of it nothing is known.
        """
        motion = cls()
        before: tuple[int, Pixels] | None = None
        for number, pixels in frames:
            if before and before[0] == number - 1 and before[1].shape == pixels.shape:
                motion._there[number - 1], motion._back[number] = flow_between(before[1], pixels)
            before = number, pixels
        return motion

    def shift(self, frame: int, to: int, box_xyxy_px: Floats) -> Floats | None:
        """See `Motion`."""
        known = (self._there if to > frame else self._back).get(frame)
        return known.shift(box_xyxy_px) if known else None


def flow_between(one: Pixels, other: Pixels) -> tuple[FlowField, FlowField]:
    """Return the flow from one frame to another of its size, and back."""
    scale = min(1.0, LONGER_SIDE_PX / max(one.shape[:2]))
    first, second = _grey(one, scale), _grey(other, scale)
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return _kept(dis.calc(first, second, None), scale), _kept(dis.calc(second, first, None), scale)


def _grey(frame: Pixels, scale: float) -> Pixels:
    one = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    return np.asarray(one if scale == 1.0 else cv2.resize(one, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def _kept(flow: npt.NDArray[np.float32], scale: float) -> FlowField:
    small = cv2.resize(flow, None, fx=KEPT, fy=KEPT, interpolation=cv2.INTER_AREA)
    return FlowField((small / scale).astype(np.float16), scale * KEPT)
