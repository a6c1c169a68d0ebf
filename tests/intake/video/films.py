"""Videos of every kind that cameras and mishaps make, drawn in code."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.uint8]


def draw_frame(at: int, size_wh: tuple[int, int] = (96, 64), colour: tuple[int, int, int] = (40, 90, 40)) -> Array:
    """Shape (height, width, 3), RGB: a bright square that moves two pixels to the right with each frame."""
    width, height = size_wh
    rgb = np.full((height, width, 3), colour, np.uint8)
    left = (2 * at) % (width - 16)
    rgb[16:32, left : left + 16] = (240, 220, 30)
    return rgb


def draw_frames(count: int, **options: object) -> list[Array]:
    """So many of them, one after the other."""
    return [draw_frame(at, **options) for at in range(count)]  # type: ignore[arg-type]


def write_film(
    path: Path,
    frames: Iterable[Array],
    *,
    rate: int = 10,
    ticks: Sequence[int] | None = None,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
) -> Path:
    """Write frames as a video whose kind is told by its suffix.

    Args:
        path: Where.
        frames: Shape (height, width, 3), RGB, all of one size.
        rate: Of the header, frames a second.
        ticks: When each is shown, in parts of a second of `rate`; every tick one if not given.
        codec: FFmpeg's name of it.
        options: Of the encoder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.pix_fmt = "yuv420p"
        for at, rgb in enumerate(frames):
            if at == 0:
                stream.height, stream.width = rgb.shape[:2]
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts = at if ticks is None else ticks[at]
            frame.time_base = Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
