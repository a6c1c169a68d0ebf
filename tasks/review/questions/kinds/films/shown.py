"""A film as people see it: the labels of its frames as tracks, each a region with a few key frames."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from tasks.review.questions.kinds.boxes.regions import ShownBox
from tasks.review.questions.kinds.boxes.strip import StillPlace
from tasks.review.questions.kinds.films.key_frames import Place, sparse
from tasks.review.questions.payload import Payload
from tasks.track.identities import track_in_words

VIDEO = "video"
"""Name of the film in a label config, and of the field of a task's data with its address."""

TRACK = "track"
"""The control with which people move tracks."""


class WatchedBox(ShownBox):
    """A label as it is shown, and whose it is."""

    track: str | None = None


class WatchPayload(Payload):
    """A frame of a film, with its labels; pixels of the upright item."""

    type: Literal["watch"] = "watch"
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    prefill: list[str] = Field(default_factory=list)
    boxes: list[WatchedBox] = Field(default_factory=list)
    still: StillPlace
    """In which part of the film it is, and which of its frames, from 0."""
    film: str
    """Name of the film."""
    frames: int
    """Of the film."""
    rate: float
    """Frames a second."""

    @property
    def frame(self) -> int:
        """Its number in the film, from 1."""
        return self.still.number + 1


@dataclass(frozen=True, slots=True)
class ShownTrack:
    """A track as a film shows it.

    Attributes:
        id: Of its region.
        class_name: What it is called.
        track: Its name in the catalogue; None: its one label has none.
        boxes: By frame, from 1: the label, and where it is.
    """

    id: str
    class_name: str
    track: str | None
    boxes: dict[int, tuple[WatchedBox, Place]] = field(default_factory=dict)


def shown_tracks(payloads: Sequence[WatchPayload]) -> list[ShownTrack]:
    """Return the tracks of some frames of a film, in order: a label without a track is one by itself.

    So is a second label of a track in one frame. A track of two classes is shown as one of each.
    """
    tracks: dict[str, ShownTrack] = {}
    by_class: dict[tuple[str, str], ShownTrack] = {}
    for payload in sorted(payloads, key=lambda one: one.still.number):
        for box in payload.boxes:
            track = by_class.get((box.track or "", box.class_name))
            if track is None or payload.frame in track.boxes:
                # The first of a track has its name, the first of another class of it the name of where it begins.
                id_ = box.track if box.track and box.track not in tracks else f"{box.id}:{payload.frame}"
                new = ShownTrack(id_, box.class_name, box.track)
                tracks[id_] = new
                if box.track and track is None:
                    by_class[box.track, box.class_name] = new
                track = new
            track.boxes[payload.frame] = box, _percent(box, payload)
    return list(tracks.values())


def to_region(track: ShownTrack, payloads: Sequence[WatchPayload]) -> dict[str, Any]:
    """Return a track as the region of a prediction.

    Args:
        track: Of `shown_tracks`.
        payloads: Of the frames that are asked, one or more.
    """
    first, asked = payloads[0], sorted(payload.frame for payload in payloads)
    value = {
        "framesCount": first.frames,
        "duration": first.frames / first.rate,
        "labels": [track.class_name],
        "sequence": sparse({frame: place for frame, (_, place) in track.boxes.items()}, asked, first.rate),
    }
    region = {"id": track.id, "type": "videorectangle", "from_name": TRACK, "to_name": VIDEO, "value": value}
    # Label Studio shows it with the region's details.
    return {**region, "meta": {"text": [track_in_words(track.track)]}} if track.track else region


def _percent(box: ShownBox, payload: WatchPayload) -> Place:
    across, down = 100 / payload.width, 100 / payload.height
    wide, high = (box.x_max - box.x_min) * across, (box.y_max - box.y_min) * down
    return box.x_min * across, box.y_min * down, wide, high
