"""Which frames of a video are taken: all, so many a second by their own times, or the first of each scene."""

from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from tasks.intake.images import Pixels
from tasks.intake.video.options import SCENES, VideoOptions

CUT_FROM = 27.0
"""How far the mean hue, saturation and brightness of two frames lie apart at a cut: PySceneDetect's threshold."""

SHORTEST_SCENE_S = 0.6
"""No shorter scene begins, so that a flash is none; PySceneDetect's 15 frames."""

LOOKED_AT_PX = 160
"""Width at which frames are compared."""

_SLACK_S = 1e-6


class Chooser(Protocol):
    """What says which frames are taken; asked of each frame in turn."""

    def may_take(self, number: int, seconds: float) -> bool:
        """Whether a frame's pixels are needed."""
        ...

    def takes(self, seconds: float, pixels: Pixels) -> bool:
        """Whether a frame is taken, of those that may be."""
        ...


def chooser_of(options: VideoOptions) -> Chooser:
    """Return what chooses by these options."""
    if options.frames == SCENES:
        return SceneChooser()
    return RateChooser(options.per_second)


@dataclass(slots=True)
class RateChooser:
    """Takes the first frame at or after each tick; the ticks do not drift, and a gap brings one frame, not many.

    Attributes:
        per_second: Ticks a second; None: every frame is taken.
    """

    per_second: float | None
    _next_tick: int = 0

    def may_take(self, number: int, seconds: float) -> bool:
        """Whether a tick has come since the last frame that was taken."""
        del number
        if self.per_second is None:
            return True
        ticks = (seconds + _SLACK_S) * self.per_second
        if ticks < self._next_tick:
            return False
        self._next_tick = int(ticks) + 1
        return True

    def takes(self, seconds: float, pixels: Pixels) -> bool:
        """Every one that may be taken."""
        del seconds, pixels
        return True


@dataclass(slots=True)
class SceneChooser:
    """Takes the first frame, and each that differs much from the one before it.

    Source:
        PySceneDetect's ContentDetector: the mean of the absolute differences of hue, saturation and value.
    """

    _before: npt.NDArray[np.int16] | None = None
    _began_s: float = field(default=-np.inf)

    def may_take(self, number: int, seconds: float) -> bool:
        """Every frame must be looked at."""
        del number, seconds
        return True

    def takes(self, seconds: float, pixels: Pixels) -> bool:
        """Whether a scene begins with this frame."""
        now = seen_small(pixels)
        before, self._before = self._before, now
        if (before is not None and not is_cut(before, now)) or seconds - self._began_s < SHORTEST_SCENE_S:
            return False
        self._began_s = seconds
        return True


def is_cut(before: npt.NDArray[np.int16], now: npt.NDArray[np.int16]) -> bool:
    """Say whether another shot begins with a frame; both as `seen_small` has them."""
    return float(np.abs(now - before).mean()) >= CUT_FROM


def seen_small(pixels: Pixels) -> npt.NDArray[np.int16]:
    """Return a frame as it is compared: hue, saturation and value, shape (90, 160, 3)."""
    side = (LOOKED_AT_PX, LOOKED_AT_PX * 9 // 16)  # whatever its shape, so that frames of two sizes can be compared
    small = cv2.resize(pixels, side, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2HSV), np.int16)
