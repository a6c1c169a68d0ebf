"""A track as Label Studio keeps it: a few key frames, a straight line between them, and whether it goes on after each.

Source:
    Label Studio 1.23.2, `VideoRectangle`: frames count from 1; `time` is for display, and wrong where a rate is; places
    are percent of the picture; of a frame between two key frames the box lies on the straight line between them; it is
    there while the last key frame up to it is enabled, and in a disabled one for the last time; after the last key
    frame an enabled one stays to the end of the film.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from blocks.errors import BadRegion, UnknownClass

Place = tuple[float, float, float, float]
"""x, y, width, height in percent of the picture."""

SAME_PERCENT = 0.03
"""Places that differ by less are the same: a third of a pixel of a thousand."""


class FilmKey(BaseModel):
    """One key frame, as far as it is read."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False, extra="ignore")

    frame: int = Field(ge=1, le=10_000_000)
    enabled: bool = True
    x: float
    y: float
    width: float
    height: float
    rotation: float = 0.0

    @property
    def place(self) -> Place:
        """Where the box is."""
        return self.x, self.y, self.width, self.height


class _TrackValue(BaseModel):
    model_config = ConfigDict(extra="ignore")

    sequence: list[FilmKey] = Field(min_length=1, max_length=100_000)
    labels: list[str] = Field(min_length=1, max_length=1)
    frames_count: float | None = Field(default=None, alias="framesCount")


class _TrackEntry(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: str = Field(min_length=1, max_length=200)
    type: str = Field(pattern="^videorectangle$")
    value: _TrackValue


@dataclass(frozen=True, slots=True)
class AnsweredTrack:
    """A track as a person left it.

    Attributes:
        id: Of its region.
        class_name: What it is called.
        keys: Rising by frame, each frame once, one or more.
    """

    id: str
    class_name: str
    keys: tuple[FilmKey, ...]

    def place_at(self, frame: int, ends_at: int | None = None) -> Place | None:
        """Return where it is in a frame, from 1; None: it is not there.

        Args:
            frame: Which.
            ends_at: The last frame in which it is, where a key frame that said so is gone; None: the film's end.
        """
        at = bisect_right([key.frame for key in self.keys], frame) - 1
        if at < 0:
            return None
        last = self.keys[at]
        if last.frame == frame:
            return last.place
        if not last.enabled:
            return None
        if at + 1 == len(self.keys):
            return None if ends_at is not None and frame > ends_at else last.place
        after = self.keys[at + 1]
        share = (frame - last.frame) / (after.frame - last.frame)
        x, y, width, height = (a + share * (b - a) for a, b in zip(last.place, after.place, strict=True))
        return x, y, width, height


def read_track(entry: object, frames: int, classes: Sequence[str]) -> AnsweredTrack:
    """Return the track that an entry of an answer is; of two key frames in one frame the later one counts.

    Args:
        entry: As Label Studio sends it, anything.
        frames: How many the film has.
        classes: Known class names.

    Raises:
        BadRegion: It is no track of this film, and why.
        UnknownClass: It is of another class.
    """
    name = repr(entry.get("id") if isinstance(entry, dict) else entry)[:80]
    try:
        read = _TrackEntry.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "entry"
        raise BadRegion(
            f"entry {name} is no track of this film: {where}: {first['msg']} (got {first['input']!r:.80})"
        ) from None
    keys = {key.frame: key for key in read.value.sequence}
    beyond = [frame for frame in keys if frame > frames]
    if beyond:
        raise BadRegion(f"track {name} has a key frame {max(beyond)} in a film of {frames} frames")
    turned = [key for key in keys.values() if key.rotation % 360 != 0]
    if turned:
        raise BadRegion(f"track {name} is rotated by {turned[0].rotation} degrees in frame {turned[0].frame}")
    class_name = read.value.labels[0]
    if class_name not in classes:
        raise UnknownClass.named(class_name, classes, "the label config")
    return AnsweredTrack(read.id, class_name, tuple(keys[frame] for frame in sorted(keys)))


def frames_told(entry: object) -> float | None:
    """Return of how many frames the film was in which an entry was drawn; None: it does not say."""
    value = entry.get("value") if isinstance(entry, dict) else None
    told = value.get("framesCount") if isinstance(value, dict) else None
    return float(told) if isinstance(told, int | float) and not isinstance(told, bool) else None


def sparse(places: Mapping[int, Place], asked: Sequence[int], rate: float) -> list[dict[str, Any]]:
    """Return the few key frames, as Label Studio has them, that say where a track is.

    Args:
        places: By frame, from 1; one or more.
        asked: The frames that are known, rising: a track that is missing in one of them is not there.
        rate: Of the film, frames a second.
    """
    keys = list[dict[str, Any]]()
    for run in _runs(places, asked):
        at = np.array([places[frame] for frame in run])
        chosen = _bends(np.array(run, np.float64), at)
        keys += [_key(run[n], places[run[n]], rate, enabled=n != chosen[-1]) for n in chosen]
    return keys


def _runs(places: Mapping[int, Place], asked: Sequence[int]) -> list[list[int]]:
    """Return the frames in which a track is, without a break between."""
    runs: list[list[int]] = [[]]
    for frame in asked:
        if frame in places:
            runs[-1].append(frame)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _bends(frames: np.ndarray[Any, Any], places: np.ndarray[Any, Any]) -> list[int]:
    """Return the fewest places, found greedily, between which all others lie on a straight line; both ends included."""
    chosen, last = [0], len(frames) - 1
    while chosen[-1] < last:
        start, end = chosen[-1], chosen[-1] + 1
        while end < last and _is_straight(frames, places, start, end + 1):
            end += 1
        chosen.append(end)
    return chosen


def _is_straight(frames: np.ndarray[Any, Any], places: np.ndarray[Any, Any], start: int, end: int) -> bool:
    share = ((frames[start : end + 1] - frames[start]) / (frames[end] - frames[start]))[:, None]
    line = places[start] * (1 - share) + places[end] * share
    return bool(np.abs(line - places[start : end + 1]).max() < SAME_PERCENT)


def _key(frame: int, place: Place, rate: float, *, enabled: bool) -> dict[str, Any]:
    x, y, width, height = place
    at = {"frame": frame, "time": frame / rate, "enabled": enabled, "rotation": 0}
    return {**at, "x": x, "y": y, "width": width, "height": height}
