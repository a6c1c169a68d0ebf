"""What a person left of a film's tracks, dealt out to its frames: each gets boxes as those of a picture alone.

Where a track is as it was shown, its box is untouched and keeps its own numbers. A track that cannot be read voids
nothing beside it, and stays as it was shown. The rules:

- A track whose end was taken away ends where it was shown to end, or at its last key frame, if that is later. One
  whose end is there, and that is switched on there, goes on to the end of the film, as people see it.
- A track that a person draws is there up to where they end it, else to the end of the film, as they see it.
- Of two tracks with one id the second is one by itself.
- A label without a track, or a second one of a track in a frame, that is made longer gets one of its own in all frames.
- Beyond the edge of the picture a box is cut; wholly beyond it, it is not there.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from blocks.errors import BadRegion, UnknownClass
from tasks.review.questions.kinds.controls import BOX, IMAGE
from tasks.review.questions.kinds.films.key_frames import (
    SAME_PERCENT,
    AnsweredTrack,
    Place,
    frames_told,
    read_track,
)
from tasks.review.questions.kinds.films.shown import TRACK, ShownTrack, WatchPayload, shown_tracks
from tasks.review.questions.kinds.together import Dealt
from tasks.review.questions.parts import is_word
from tasks.track.identities import GIVEN

OFF_BY = 1.0
"""Frames by which a browser may count a film otherwise: by its length, which is a fraction."""


def deal_tracks(payloads: Sequence[WatchPayload | None], result: Sequence[Any], classes: Sequence[str]) -> Dealt:
    """Part an answer among the frames of a film.

    Args:
        payloads: Of the frames that are asked, in order; None: it is not known.
        result: Of the annotation, any list.
        classes: Known class names.

    Returns:
        Of each frame its boxes, with the position of their track. What is no track, or cannot be read, goes to the
        first frame that is known as it came; what was drawn in another film, to all of them.
    """
    dealt: Dealt = [[] for _ in payloads]
    known = [(at, payload) for at, payload in enumerate(payloads) if payload is not None]
    if not known:
        return dealt
    shown = {track.id: track for track in shown_tracks([payload for _, payload in known])}
    first, frames = known[0][0], known[0][1].frames
    times = Counter[str]()
    for position, entry in enumerate(result):
        if not is_track(entry):
            dealt[first].append((position, entry))
            continue
        if is_of_another_film(entry, frames):
            for at, _ in known:
                dealt[at].append((position, entry))
            continue
        id_ = str(entry.get("id"))
        before, number = (None if times[id_] else shown.get(id_)), times[id_]
        times[id_] += 1
        try:
            track = read_track(entry, frames, classes)
        except (BadRegion, UnknownClass):
            dealt[first].append((position, entry))
            boxes = _as_shown(before, [payload for _, payload in known])
        else:
            boxes = (_box_in(payload, track, before, number) for _, payload in known)
        for (at, _), box in zip(known, boxes, strict=True):
            if box is not None:
                dealt[at].append((position, box))
    return dealt


def is_track(entry: object) -> bool:
    """Say whether an entry of a result is a track, or claims to be."""
    return isinstance(entry, dict) and entry.get("from_name") == TRACK and not is_word(entry)


def is_of_another_film(entry: object, frames: int) -> bool:
    """Say whether a track was drawn in a film of another length than so many frames."""
    told = frames_told(entry)
    return told is not None and abs(told - frames) > OFF_BY


def _as_shown(before: ShownTrack | None, payloads: Sequence[WatchPayload]) -> Iterator[dict[str, Any] | None]:
    for payload in payloads:
        box = before.boxes.get(payload.frame) if before else None
        yield _rectangle(box[0].id, before.class_name, box[1], before.track) if box and before else None


def _box_in(
    payload: WatchPayload, track: AnsweredTrack, before: ShownTrack | None, number: int
) -> dict[str, Any] | None:
    """Return a track's box in one frame as that of a picture alone; None: it is not there.

    Args:
        payload: Of the frame.
        track: As it was answered.
        before: As it was shown; None: a person has drawn it.
        number: How many tracks of this id stand before it in the answer.
    """
    place = track.place_at(payload.frame, _end_of(track, before) if before else None)
    inside = _inside(place) if place else None
    if place is None or inside is None:
        return None
    if before is None:
        id_ = f"{track.id}~{number}" if number else track.id
        return _rectangle(id_, track.class_name, inside, f"{GIVEN}{id_}")
    shown = before.boxes.get(payload.frame)
    is_own = before.track is None or before.track != track.id
    whose = f"{GIVEN}{track.id}" if is_own and _is_longer(track, before) else before.track
    if shown is None:  # it is in a frame now in which it was not
        return _rectangle(f"{track.id}:{payload.frame}", track.class_name, inside, whose)
    is_same = all(abs(a - b) <= 2 * SAME_PERCENT for a, b in zip(place, shown[1], strict=True))
    return _rectangle(shown[0].id, track.class_name, shown[1] if is_same else inside, whose)


def _end_of(track: AnsweredTrack, before: ShownTrack) -> int | None:
    """Return where a track ends of which the key frame is gone that said so; None: it is there."""
    end = max(before.boxes)
    return None if any(key.frame == end and key.enabled for key in track.keys) else end


def _is_longer(track: AnsweredTrack, before: ShownTrack) -> bool:
    """Say whether a track was given key frames beyond those frames in which it was shown, or no end there."""
    reach = [key.frame for key in track.keys]
    return min(reach) < min(before.boxes) or max(reach) > max(before.boxes) or _end_of(track, before) is None


def _inside(place: Place) -> Place | None:
    x, y, width, height = place
    left, top, right, bottom = max(0.0, x), max(0.0, y), min(100.0, x + width), min(100.0, y + height)
    return (left, top, right - left, bottom - top) if right > left and bottom > top else None


def _rectangle(id_: str, class_name: str, place: Place, track: str | None) -> dict[str, Any]:
    x, y, width, height = place
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0, "rectanglelabels": [class_name]}
    told = {"id": id_, "type": "rectanglelabels", "from_name": BOX, "to_name": IMAGE, "value": value}
    return {**told, TRACK: track}
