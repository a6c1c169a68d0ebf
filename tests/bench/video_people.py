"""What a clip costs people whose key frames are followed: a simulation by the line's own plain functions, no server.

Which frames are asked, what is followed and what comes onto pages is decided by `tasks/track`, as on the line. People
know the truth; each act takes its published time (`infra/annotators/times.py`), without a draw around it. They leave a
box that overlaps its object by 0.7, mend one that does by 0.3, delete others and draw what is missing; on pages they
take out what overlaps nothing by 0.5. Whoever draws by extreme clicks draws anew what others mend, and what a question
shows as sure is glanced at, as by the simulated people of a line. Nobody looks for what pages do not show: it counts as
missed. Told is the share of seconds by act as well, since the largest is what to save next.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from infra.annotators.times import DRAW_BOX_S, LOOK_OVER_IMAGE_S, VERIFY_BOX_S, Drawing
from tasks.kinds.geometry import Floats, iou_of_all
from tasks.kinds.matching import match_optimally
from tasks.kinds.tracks.accuracy import TrackedFrame, tracking_accuracy
from tasks.review.questions.expected import ADJUST_SHARE, CLICK_S, GLANCE_BOX_S
from tasks.track.clip import FollowedBox, KeyBox, KeyFrame, follow_beyond, follow_gap, with_own_track, with_tracks
from tasks.track.identities import name_all
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
        classes: By the number of a true box's object, its class; an object that is not there is a person.
    """

    frames: int
    truth: Frames
    motion: Motion
    detections: Sequence[Floats]
    drawing: Drawing
    classes: Mapping[int, str] = field(default_factory=dict)
    by_act: Counter[str] = field(default_factory=Counter)
    drawn: int = 0
    asked: int = 0
    keys: dict[int, KeyFrame] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """All seconds so far."""
        return sum(self.by_act.values())

    def spend(self, act: str, seconds: float, count: int = 1) -> None:
        """Charge some acts."""
        if count:
            self.by_act[act] += seconds * count  # type: ignore[assignment]

    def class_of(self, number: int) -> str:
        """Return the class of a true object."""
        return self.classes.get(number, CLASS)

    def overlaps(self, place: int, boxes: Sequence[Floats], classes: Sequence[str]) -> Floats:
        """Return the IoU (n, m) of boxes with the true ones of a frame; 0 where classes differ."""
        truth = self.truth.get(place, ())
        true = np.array([box for _, box in truth]).reshape(-1, 4)
        same = np.array([[name == self.class_of(number) for number, _ in truth] for name in classes], dtype=bool)
        return np.where(same.reshape(len(boxes), len(truth)), iou_of_all(np.array(boxes).reshape(-1, 4), true), 0.0)

    def answer(self, place: int, shown: Sequence[FollowedBox], sure: int = 0) -> bool:
        """Let a person answer a frame; return whether all that was shown was left as it is, and nothing lacked.

        Args:
            place: The frame.
            shown: What is there already.
            sure: How many of these are shown as sure.
        """
        truth = self.truth.get(place, ())
        edges = [np.array(one.box_xyxy_px) for one in shown]
        overlap = self.overlaps(place, edges, [one.class_name for one in shown])
        pairs = {column: row for row, column in match_optimally(np.where(overlap >= MENDED_FROM, overlap, 0.0))}
        boxes, mended = [], 0
        for at, (number, true) in enumerate(truth):
            track = shown[pairs[at]].track or None if at in pairs else None
            kept = at in pairs and overlap[pairs[at], at] >= LEFT_FROM
            mended += at in pairs and not kept
            x_min, y_min, x_max, y_max = (edges[pairs[at]] if kept else true).tolist()
            boxes.append(KeyBox(f"{place}/{at}", self.class_of(number), (x_min, y_min, x_max, y_max), track))
        new, deleted = len(truth) - len(pairs), len(shown) - len(pairs)
        self.spend("look", LOOK_OVER_IMAGE_S)
        self.spend("verify", VERIFY_BOX_S, len(shown) - sure)
        self.spend("glance", GLANCE_BOX_S, sure)
        self.spend("delete", CLICK_S, deleted)
        self.spend("draw", DRAW_BOX_S[self.drawing], new)
        anew = self.drawing == "extreme-clicking"
        mend_s = CLICK_S + DRAW_BOX_S[self.drawing] if anew else DRAW_BOX_S["classic"] * ADJUST_SHARE
        self.spend("mend", mend_s, mended)
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

    def look_at_page(self, place: int, boxes: Sequence[FollowedBox]) -> bool:
        """Let a person look at the boxes of a frame on pages; return whether none was taken out."""
        edges = [np.array(one.box_xyxy_px) for one in boxes]
        overlap = self.overlaps(place, edges, [one.class_name for one in boxes])
        wrong = int((overlap.max(axis=1, initial=0.0) < RIGHT_FROM).sum())
        self.spend("page", VERIFY_BOX_S, len(boxes))
        self.spend("delete", CLICK_S, wrong)
        return not wrong


def label_clip(make: Callable[[], Labelling], step: int = STEP) -> dict[str, Any]:
    """Return what a clip costs, and how right its labels are."""
    line = make()
    answered: dict[int, Answered] = {}
    followed: dict[int, list[FollowedBox]] = {}
    rounds = 0
    while places := next_key_frames(line.frames, answered, step):
        for place in places:
            detected = [FollowedBox(CLASS, tuple(box.tolist()), "", 0.0) for box in line.detections[place]]
            right = line.answer(place, followed.get(place, []) if rounds else detected)
            answered[place] = Answered(rounds, right if rounds else None)
        rounds, followed = rounds + 1, line.follow()
    asked_as_keys, on_pages = line.asked, 0
    for place, boxes in followed.items():
        trusted = [box for box in boxes if box.trust >= TRUSTED]
        # As on the line: what is sure all over comes onto pages, any other frame is asked as a whole at once.
        is_sure = bool(boxes) and len(trusted) == len(boxes)
        on_pages += len(boxes) if is_sure else 0
        if not is_sure:
            line.answer(place, boxes, sure=len(trusted))
        elif line.look_at_page(place, boxes):
            kept = (KeyBox(f"{place}/{n}", b.class_name, b.box_xyxy_px, b.track) for n, b in enumerate(boxes))
            line.keys[place] = KeyFrame(place, tuple(kept))
        else:
            line.answer(place, boxes)
    return _worth(line) | {"rounds": rounds, "key_frames": asked_as_keys, "on_pages": on_pages}


def _worth(line: Labelling) -> dict[str, Any]:
    found, there, right = 0, 0, 0
    said, true = [], []
    settled = name_all({place: frame.boxes for place, frame in sorted(line.keys.items())})
    numbers: dict[str, int] = {}
    for place in range(line.frames):
        boxes = settled.get(place, [])
        edges = np.array([box.box_xyxy_px for box in boxes]).reshape(-1, 4)
        truth = line.truth.get(place, ())
        overlap = line.overlaps(place, list(edges), [box.class_name for box in boxes])
        right += sum(overlap[pair] >= RIGHT_FROM for pair in match_optimally(overlap))
        found, there = found + len(boxes), there + len(truth)
        ids = [numbers.setdefault(box.track or box.id, len(numbers)) for box in boxes]
        said.append(TrackedFrame(edges, np.array(ids, dtype=np.int64)))
        real = np.array([box for _, box in truth]).reshape(-1, 4)
        true.append(TrackedFrame(real, np.array([track for track, _ in truth], dtype=np.int64)))
    by_hand = line.frames * LOOK_OVER_IMAGE_S + there * DRAW_BOX_S[line.drawing]
    accuracy = {name: round(value, 3) for name, value in tracking_accuracy(said, true).items()}
    return {
        "human_seconds": round(line.seconds),
        "human_seconds_manual": round(by_hand),
        "share_of_manual": round(line.seconds / by_hand, 3),
        "seconds_by_act": {act: round(seconds) for act, seconds in line.by_act.most_common()},
        "precision": round(right / max(1, found), 4),
        "recall": round(right / max(1, there), 4),
        "boxes_drawn": line.drawn,
        "boxes_true": there,
        "frames_asked_whole": line.asked,
        **accuracy,
    }
