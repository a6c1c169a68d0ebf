"""Drawn clips whose truth is known: textured squares on curved paths over textured ground."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Array = npt.NDArray[np.uint8]

SIZE_WH = (200, 140)


@dataclass(frozen=True, slots=True)
class Walker:
    """A square that is there from one frame to another, and bends its way.

    Attributes:
        start_xy: Of its left upper corner, in the first frame of the clip.
        step_xy: Pixels a frame.
        bend_px: How far it is off the straight line in the middle of `there`.
        there: First and last frame in which it is.
    """

    start_xy: tuple[float, float]
    step_xy: tuple[float, float]
    bend_px: float = 0.0
    there: tuple[int, int] = (0, 20)
    side_px: int = 28
    seed: int = 1

    def box(self, frame: int) -> Floats:
        """Return its edges, shape (4,)."""
        first, last = self.there
        share = (frame - first) / max(1, last - first)
        left = self.start_xy[0] + self.step_xy[0] * frame
        top = self.start_xy[1] + self.step_xy[1] * frame + 4 * self.bend_px * share * (1 - share)
        return np.array([left, top, left + self.side_px, top + self.side_px])

    def is_there(self, frame: int) -> bool:
        """Whether it is in a frame."""
        return self.there[0] <= frame <= self.there[1]


@dataclass(frozen=True, slots=True)
class Scene:
    """Some walkers."""

    walkers: tuple[Walker, ...]
    frames: int = 21
    ground: Array = field(
        default_factory=lambda: np.random.default_rng(0).integers(60, 110, (*SIZE_WH[::-1], 3), dtype=np.uint8)
    )

    def draw(self, frame: int) -> Array:
        """Return a frame, shape (height, width, 3)."""
        picture = self.ground.copy()
        for walker in self.walkers:
            if walker.is_there(frame):
                left, top = np.round(walker.box(frame)[:2]).astype(int)
                side = walker.side_px
                skin = np.random.default_rng(walker.seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
                skin = np.repeat(np.repeat(skin[::4, ::4], 4, axis=0), 4, axis=1)[:side, :side]
                picture[top : top + side, left : left + side] = skin[
                    : max(0, SIZE_WH[1] - top), : max(0, SIZE_WH[0] - left)
                ]
        return picture
