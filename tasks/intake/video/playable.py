"""A film of a sequence's frames that a browser plays, made once and looked through before anybody sees it.

It is made of the frames as they are kept, and not of the file that they came from: so the film's frame number n shows
the sequence's frame n, whatever the file was like (variable rates, rotation, interlaced or broken parts, a wrong rate
in its header, or no video at all but a folder of stills). Browsers seek by time, so frames stand at a constant rate of
whole frames a second, from 0 on, without frames that are decoded before they are shown.

What was encoded is decoded again: each frame must stand at its time, there must be as many as there were, and a sample
of them must look like their own frames, and not like their neighbours. Only then is the film kept.
"""

import hashlib
import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from blocks.database.tables import Item
from blocks.errors import BadOption, UnfaithfulFilm, UnreadableVideo
from blocks.storage.stores import Store
from tasks.intake.images import Pixels, decode_upright
from tasks.intake.video.containers import library

RATE = 10
"""Frames a second: slow enough for a person to see who is who, whatever the rate of the camera."""

MOST_SIDE_PX = 1920
"""Larger frames are made smaller: places in the film are shares of its sides, so labels lose nothing."""

SAMPLED = 64
"""Frames of a film that are held against the frames they were made of, the first and the last among them."""

TOGETHER = 8
"""So many neighbours of the sample are judged together: where little moves, one alone tells nothing."""

MOST_OFF = 10.0
"""Grey levels, of 255, by which a frame of a film may differ from its own on average."""

RECIPE = "h264 1"
"""Raise the number when the same frames would make another film."""

LOOKED_AT_PX = (160, 90)

MOVED = 6.0
"""Grey levels from which on something has moved between two frames."""

Grey = npt.NDArray[np.float32]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Film:
    """A film in the object store.

    Attributes:
        name: Of its file, by what is in it.
        frames: How many it has, from 0.
        rate: Frames a second.
    """

    name: str
    frames: int
    rate: int = RATE

    @property
    def key(self) -> str:
        """Where it is kept."""
        return key_of(self.name)


def key_of(name: str) -> str:
    """Return where a film of this name is kept."""
    return f"films/{name}"


def film_of(items: Sequence[Item], rate: int = RATE) -> Film:
    """Return the film that some frames make, which may not be made yet.

    Raises:
        BadOption: There are no frames, or it has no rate.
    """
    if not items or rate < 1:
        raise BadOption(f"a film of {len(items)} frames at {rate} a second cannot be made: expected 1 or more of both")
    said = "|".join([RECIPE, str(rate), *(item.id for item in items)])
    return Film(f"{hashlib.sha256(said.encode()).hexdigest()[:32]}.mp4", len(items), rate)


def make_film(store: Store, items: Sequence[Item], rate: int = RATE) -> Film:
    """Return the film of some frames, in order; it is made, verified and kept where the store does not have it yet.

    One frame is in memory at a time, and `SAMPLED` small ones.

    Args:
        store: Where the frames are, and the film goes.
        items: The frames.
        rate: Frames a second.

    Raises:
        BadOption: There are no frames, or it has no rate.
        ObjectMissing: The store has lost a frame.
        UnreadableImage: A frame cannot be decoded.
        UnreadableVideo: PyAV is not installed, or has no encoder.
        UnfaithfulFilm: What was encoded does not show these frames; nothing is kept.
        StoreUnavailable: The store cannot be read or written.
    """
    film = film_of(items, rate)
    if store.has(film.key):
        return film
    library()
    with tempfile.TemporaryDirectory(prefix="labelline-film-") as folder:
        path = Path(folder) / film.name
        looks = FilmSample.of(len(items))
        encode_film(path, (_read(store, item) for item in items), rate, looks)
        verify_film(path, film, looks)
        store.put(film.key, path, "video/mp4")
        log.info("film %s: %d frames, %.1f MB", film.name, film.frames, path.stat().st_size / 1e6)
    return film


@dataclass(slots=True)
class FilmSample:
    """How some frames look, small and grey, to know them again: those of a sample, and their neighbours.

    Attributes:
        sample: Places of the sample, rising.
        wanted: Those and the places beside them.
        seen: By place, shape (90, 160), 0 to 255.
    """

    sample: tuple[int, ...]
    wanted: frozenset[int]
    seen: dict[int, Grey] = field(default_factory=dict)

    @classmethod
    def of(cls, frames: int) -> "FilmSample":
        """Return those of a sample of so many frames, spread evenly."""
        sample = np.unique(np.linspace(0, frames - 1, min(frames, SAMPLED)).round().astype(int)).tolist()
        return cls(tuple(sample), frozenset(at for place in sample for at in (place - 1, place, place + 1)))

    def note(self, place: int, pixels: Pixels) -> None:
        """Keep how a frame looks, if it is one of these."""
        if place in self.wanted:
            self.seen[place] = _small(pixels)


def encode_film(path: Path, frames: Iterator[Pixels], rate: int, looks: FilmSample | None = None) -> None:
    """Write frames (height, width, 3), uint8, BGR, as H.264 in MP4; all get the size of the first, even in both sides.

    Raises:
        UnreadableVideo: The encoder is missing, or fails.
    """
    av = library()
    try:
        with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            options = {"crf": "20", "preset": "veryfast", "bf": "0", "g": str(rate), "sc_threshold": "0"}
            stream = container.add_stream("libx264", rate=rate, options=options)
            stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, rate)
            for place, pixels in enumerate(frames):
                if place == 0:
                    stream.width, stream.height = played_size(pixels.shape[1], pixels.shape[0])
                size = (stream.width, stream.height)
                shown = _sized(pixels, size)
                if looks is not None:
                    looks.note(place, shown)
                frame = av.VideoFrame.from_ndarray(shown, format="bgr24")
                frame.pts, frame.time_base = place, Fraction(1, rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    except (av.FFmpegError, ValueError) as error:
        raise UnreadableVideo(f"no film can be made of these frames: {error}") from error


def played_size(width: int, height: int) -> tuple[int, int]:
    """Return the size in which frames of a size are played: even in both sides, and no larger than `MOST_SIDE_PX`."""
    scale = min(1.0, MOST_SIDE_PX / max(width, height))
    wide, high = (max(2, 2 * round(side * scale / 2)) for side in (width, height))
    return wide, high


def verify_film(path: Path, film: Film, looks: FilmSample) -> None:
    """Decode a film, and see that each of its frames stands where it belongs.

    Args:
        path: Of the encoded film.
        film: What it must be.
        looks: How its frames looked before.

    Raises:
        UnfaithfulFilm: A frame is missing, stands at another time, or looks like another.
    """
    found: dict[int, Grey] = {}
    count = 0
    for place, pixels in _played(path, film.rate, frozenset(looks.sample)):
        if pixels is not None:
            found[place] = _small(pixels)
        count += 1
    if count != film.frames:
        raise UnfaithfulFilm(f"a film of {count} frames was made of {film.frames}: nothing is kept of it")
    for start in range(0, len(looks.sample), TOGETHER):
        some = looks.sample[start : start + TOGETHER]
        off = [float(np.abs(found[place] - looks.seen[place]).mean()) for place in some]
        if max(off) > MOST_OFF:
            raise UnfaithfulFilm(
                f"frame {some[off.index(max(off))]} of a film differs from its own by {max(off):.1f} grey levels on "
                f"average (at most {MOST_OFF:g}): nothing is kept of it"
            )
        if any(sum(_nearer(found[place], looks, place, way) for place in some) < 0 for way in (-1, 1)):
            raise UnfaithfulFilm(
                f"frames {some[0]} to {some[-1]} of a film look like their neighbours more than like their own: "
                "nothing is kept of it"
            )


def _nearer(shown: Grey, looks: FilmSample, place: int, way: int) -> float:
    """Return by how much a frame of a film is nearer to its own than to the neighbour's, where these two differ.

    Elsewhere an encoder may keep what was there before, so what is the same tells nothing.
    """
    own = looks.seen[place]
    beside = looks.seen.get(place + way, own)
    moved = np.abs(own - beside) > MOVED
    return float((np.abs(shown - beside) - np.abs(shown - own))[moved].sum())


def _played(path: Path, rate: int, wanted: frozenset[int]) -> Iterator[tuple[int, Pixels | None]]:
    av = library()
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        if stream.average_rate != rate:
            raise UnfaithfulFilm(f"a film of {rate} frames a second was made with {stream.average_rate}")
        for place, frame in enumerate(container.decode(stream)):
            if frame.time is None or round(frame.time * rate, 3) != place:
                raise UnfaithfulFilm(f"frame {place} of a film stands at {frame.time} s (expected {place / rate:g} s)")
            yield place, frame.to_ndarray(format="bgr24") if place in wanted else None


def _small(pixels: Any) -> Grey:
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, LOOKED_AT_PX, interpolation=cv2.INTER_AREA), np.float32)


def _sized(pixels: Pixels, size_wh: tuple[int, int]) -> Pixels:
    if pixels.shape[1::-1] == size_wh:
        return np.ascontiguousarray(pixels)
    way = cv2.INTER_AREA if size_wh[0] <= pixels.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size_wh, interpolation=way), np.uint8)


def _read(store: Store, item: Item) -> Pixels:
    return decode_upright(store.get(item.key))
