"""A video's frames one after the other, upright, in eight bits, in the order in which they are shown.

One frame is held at a time, so memory is flat however long a video is. The rules:

- A frame's number counts the frames that are shown, from 0; its time is its own, so variable rates and wrong rates in
  headers do no harm. Where a file keeps no times, the number and the rate of its header stand for them.
- Rotation, as phones note it, is applied.
- Of an interlaced frame one field is shown and the lines between are interpolated: no combs, half the height's detail.
- What cannot be decoded is left out and counted, and so are frames that the decoder calls corrupt.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from blocks.errors import ImageTooLarge, UnreadableVideo
from tasks.intake.decoding.budget import DECODE_BYTES, widest_bytes
from tasks.intake.images import Pixels
from tasks.intake.video.containers import library, opened

ROTATED = "turned upright, as its video says"
INTERLACED = "interlaced: one field is shown, the lines between are interpolated"
RESIZED = "of another size than the first frame of its video"

FALLBACK_RATE = 25.0
"""Of a video that keeps neither times nor a rate."""


@dataclass(slots=True)
class Shown:
    """One frame as it is shown.

    Attributes:
        number: From 0, of those that are shown.
        seconds: From the beginning of the video.
        pixels: Shape (height, width, 3), uint8, channels blue, green, red.
        notes: What is not shown as it is stored.
    """

    number: int
    seconds: float
    pixels: Pixels
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Damage:
    """What of a video was left out while it was read."""

    packets: int = 0
    frames: int = 0
    last_good: int = field(default=-1)

    def __str__(self) -> str:
        """Say it in words; empty: nothing was left out."""
        if not self.packets and not self.frames:
            return ""
        return f"{self.packets + self.frames} frames or more of a broken video were left out"


def read_frames(path: Path, damage: Damage, wanted: "Any" = None) -> Iterator[Shown]:
    """Yield a video's frames.

    Args:
        path: The file.
        damage: Counts what is left out, as it is met.
        wanted: Called with a frame's number and seconds: whether its pixels are made; None: of all.

    Raises:
        UnreadableVideo: No video that is read, or without a frame that can be decoded.
        ImageTooLarge: Its frames have more pixels than are taken.
        OSError: It cannot be opened or read.
    """
    number = 0
    with opened(path) as container:
        if not container.streams.video:
            raise UnreadableVideo("holds no video stream (sound alone, perhaps)")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        rate = float(stream.average_rate or stream.guessed_rate or FALLBACK_RATE)
        first_size: tuple[int, int] | None = None
        began: float | None = None
        for frame in _decoded(container, stream, damage):
            if widest_bytes(frame.width, frame.height) > DECODE_BYTES:
                raise ImageTooLarge(f"frames of {frame.width}×{frame.height} pixels are more than is decoded")
            first_size = first_size or (frame.width, frame.height)
            time = number / rate if frame.time is None else float(frame.time)
            began = time if began is None else began
            seconds = max(0.0, time - began)
            if wanted is None or wanted(number, seconds):
                yield _shown(frame, number, seconds, first_size)
            damage.last_good = number
            number += 1
    if not number:
        raise UnreadableVideo("no frame of it can be decoded" if damage.packets else "a video without frames")


def _decoded(container: Any, stream: Any, damage: Damage) -> Iterator[Any]:
    av = library()
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:  # the container's own end is broken: what was read before stands
            damage.packets += 1
            return
        if packet is None:
            return
        try:
            frames = packet.decode()
        except av.FFmpegError:
            damage.packets += 1
            continue
        for frame in frames:
            if frame.is_corrupt:
                damage.frames += 1
            else:
                yield frame


def _shown(frame: Any, number: int, seconds: float, first_size: tuple[int, int]) -> Shown:
    notes = []
    if (frame.width, frame.height) != first_size:
        notes.append(RESIZED)
    pixels = frame.to_ndarray(format="bgr24")
    if frame.interlaced_frame:
        pixels = _one_field(pixels)
        notes.append(INTERLACED)
    quarters = round(frame.rotation / 90) % 4
    if quarters:
        pixels = np.ascontiguousarray(np.rot90(pixels, quarters))
        notes.append(ROTATED)
    return Shown(number, seconds, pixels, tuple(notes))


def _one_field(pixels: Pixels) -> Pixels:
    import cv2

    height, width = pixels.shape[:2]
    return np.asarray(cv2.resize(pixels[::2], (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
