"""What a clip costs people whose key frames are followed: a simulation by the line's own plain functions, no server.

Which frames are asked, what is followed and what comes onto pages is decided by `tasks/track`, as on the line. People
know the truth; each act takes its published time (`infra/annotators/times.py`), without a draw around it. They leave a
box that overlaps its object by 0.7, mend one that does by 0.3, delete others and draw what is missing; on pages they
take out what overlaps nothing by 0.5. Nobody looks for what pages do not show: it counts as missed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from infra.annotators.times import DRAW_BOX_S, LOOK_OVER_IMAGE_S, VERIFY_BOX_S, Drawing
from tasks.kinds.geometry import Floats, iou_of_all
from tasks.kinds.matching import match_optimally
from tasks.kinds.tracks.accuracy import TrackedFrame, tracking_accuracy
from tasks.review.questions.expected import ADJUST_SHARE, CLICK_S
from tasks.track.clip import FollowedBox, KeyBox, KeyFrame, follow_beyond, follow_gap, with_own_track, with_tracks
from tasks.track.key_frames import Answered, next_key_frames
from tasks.track.motion import Motion

CLASS = "person"
LEFT_FROM, MENDED_FROM, RIGHT_FROM, TRUSTED = 0.7, 0.3, 0.5, 0.5
STEP = 24

Frames = Mapping[int, Sequence[tuple[int, Floats]]]
"""By frame, whose each true box is, and its edges (4,)."""


@dataclass(slots=True)
class Labelling:
    """A clip while it is labelled.

    Attributes:
        frames: How many it has.
        truth: What there is.
        motion: Between all neighbouring frames.
        detections: By frame, shape (m, 4).
        drawing: How people draw.
    """

    frames: int
    truth: Frames
    motion: Motion
    detections: Sequence[Floats]
    drawing: Drawing
    seconds: float = 0.0
    drawn: int = 0
    asked: int = 0
    keys: dict[int, KeyFrame] = field(default_factory=dict)

    def answer(self, place: int, shown: Sequence[tuple[Floats, str | None]]) -> bool:
        """Let a person answer a frame; return whether all that was shown was left as it is, and nothing lacked."""
        true = [box for _, box in self.truth.get(place, ())]
        overlap = iou_of_all(np.array([box for box, _ in shown]).reshape(-1, 4), np.array(true).reshape(-1, 4))
        pairs = {column: row for row, column in match_optimally(np.where(overlap >= MENDED_FROM, overlap, 0.0))}
        boxes, mended = [], 0
        for at, edges in enumerate(true):
            track = shown[pairs[at]][1] if at in pairs else None
            kept = at in pairs and overlap[pairs[at], at] >= LEFT_FROM
            mended += at in pairs and not kept
            box = shown[pairs[at]][0] if kept else edges
            x_min, y_min, x_max, y_max = box.tolist()
            boxes.append(KeyBox(f"{place}/{at}", CLASS, (x_min, y_min, x_max, y_max), track))
        new, deleted = len(true) - len(pairs), len(shown) - len(pairs)
        self.seconds += LOOK_OVER_IMAGE_S + VERIFY_BOX_S * len(shown) + CLICK_S * deleted
        self.seconds += DRAW_BOX_S[self.drawing] * new + DRAW_BOX_S["classic"] * ADJUST_SHARE * mended
        self.drawn, self.asked = self.drawn + new + mended, self.asked + 1
        self.keys[place] = KeyFrame(place, tuple(boxes))
        return not (new or deleted or mended)

    def follow(self) -> dict[int, list[FollowedBox]]:
        """Return what is followed from the key frames there are, which get their tracks."""
        found: dict[int, list[FollowedBox]] = {}
        places = sorted(self.keys)
        first = self.keys[places[0]]
        self.keys[places[0]] = KeyFrame(first.place, tuple(map(with_own_track, first.boxes)))
        for one, other in pairwise(places):
            seen = {CLASS: self.detections[one : other + 1]}
            self.keys[other] = with_tracks(self.keys[one], self.keys[other], self.motion, seen)
            found |= follow_gap(self.keys[one], self.keys[other], self.motion, seen)
        if places[-1] < self.frames - 1:
            seen = {CLASS: self.detections[places[-1] :]}
            found |= follow_beyond(self.keys[places[-1]], self.frames - 1 - places[-1], self.motion, seen)
        return found


def label_clip(make: Callable[[], Labelling]) -> dict[str, float]:
    """Return what a clip costs, and how right its labels are."""
    line = make()
    answered: dict[int, Answered] = {}
    followed: dict[int, list[FollowedBox]] = {}
    rounds = 0
    while places := next_key_frames(line.frames, answered, STEP):
        for place in places:
            shown = [(np.array(box.box_xyxy_px), box.track) for box in followed.get(place, ())]
            by_detector: list[tuple[Floats, str | None]] = [(box, None) for box in line.detections[place]]
            right = line.answer(place, shown if rounds else by_detector)
            answered[place] = Answered(rounds, right if rounds else None)
        rounds, followed = rounds + 1, line.follow()
    asked_as_keys, on_pages = line.asked, 0
    for place, boxes in followed.items():
        true = np.array([box for _, box in line.truth.get(place, ())]).reshape(-1, 4)
        edges = np.array([box.box_xyxy_px for box in boxes]).reshape(-1, 4)
        overlap = iou_of_all(edges, true)
        is_wrong = [not len(true) or overlap[at].max() < RIGHT_FROM for at in range(len(boxes))]
        trusted = [box.trust >= TRUSTED for box in boxes]
        on_pages += sum(trusted)
        line.seconds += VERIFY_BOX_S * sum(trusted)
        if not all(trusted) or any(is_wrong):
            line.answer(place, [(np.array(box.box_xyxy_px), box.track) for box in boxes])
        else:
            kept = (KeyBox(f"{place}/{n}", CLASS, box.box_xyxy_px, box.track) for n, box in enumerate(boxes))
            line.keys[place] = KeyFrame(place, tuple(kept))
    return _worth(line) | {"rounds": rounds, "key_frames": asked_as_keys, "on_pages": on_pages}


def _worth(line: Labelling) -> dict[str, float]:
    found, there, right = 0, 0, 0
    said, true = [], []
    numbers: dict[str, int] = {}
    for place in range(line.frames):
        boxes = line.keys[place].boxes if place in line.keys else ()
        edges = np.array([box.box_xyxy_px for box in boxes]).reshape(-1, 4)
        truth = line.truth.get(place, ())
        real = np.array([box for _, box in truth]).reshape(-1, 4)
        overlap = iou_of_all(edges, real)
        right += sum(overlap[pair] >= RIGHT_FROM for pair in match_optimally(overlap))
        found, there = found + len(boxes), there + len(truth)
        ids = [numbers.setdefault(box.track or box.id, len(numbers)) for box in boxes]
        said.append(TrackedFrame(edges, np.array(ids, dtype=np.int64)))
        true.append(TrackedFrame(real, np.array([track for track, _ in truth], dtype=np.int64)))
    by_hand = line.frames * LOOK_OVER_IMAGE_S + there * DRAW_BOX_S[line.drawing]
    accuracy = {name: round(value, 3) for name, value in tracking_accuracy(said, true).items()}
    return {
        "human_seconds": round(line.seconds),
        "human_seconds_manual": round(by_hand),
        "share_of_manual": round(line.seconds / by_hand, 3),
        "precision": round(right / max(1, found), 4),
        "recall": round(right / max(1, there), 4),
        "boxes_drawn": line.drawn,
        "boxes_true": there,
        "frames_asked_whole": line.asked,
        **accuracy,
    }
