"""What a clip costs people whose key frames are followed: a simulation by the line's own plain functions, no server.

Which frames are asked, what is followed and what comes onto pages is decided by `tasks/track`, as on the line. People
know the truth; each act takes its published time (`infra/annotators/times.py`), without a draw around it. They leave a
box that overlaps its object by 0.7, mend one that does by 0.3, delete others and draw what is missing; on pages they
take out what overlaps nothing by 0.5. Whoever draws by extreme clicks draws anew what others mend, and what a question
shows as sure is glanced at, as by the simulated people of a line. Nobody looks for what pages do not show: it counts as
missed. Told is the share of seconds by act as well, since the largest is what to save next.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
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


Gap = tuple[KeyFrame, dict[int, list[FollowedBox]]]
"""The later of two key frames, with its tracks, and what is followed between the two."""


@dataclass(slots=True)
class Labelling:
    """A clip while it is labelled.

    Attributes:
        frames: How many it has.
        truth: What there is.
        motion: Between all neighbouring frames.
        detections: By frame, shape (m, 4).
        acts: How often people did what.
    """

    frames: int
    truth: Frames
    motion: Motion
    detections: Sequence[Floats]
    acts: Counter[str] = field(default_factory=Counter)
    drawn: int = 0
    asked: int = 0
    keys: dict[int, KeyFrame] = field(default_factory=dict)
    gaps: dict[tuple[KeyFrame, KeyFrame], Gap] = field(default_factory=dict)

    def seconds(self, drawing: Drawing) -> Counter[str]:
        """Return the seconds so far by act, of people who draw in a way."""
        prices = prices_of(drawing)
        return Counter({act: prices[act] * count for act, count in self.acts.items()})

    def overlaps(self, place: int, boxes: Sequence[Floats]) -> Floats:
        """Return the IoU (n, m) of boxes with the true ones of a frame."""
        true = np.array([box for _, box in self.truth.get(place, ())]).reshape(-1, 4)
        return iou_of_all(np.array(boxes).reshape(-1, 4), true)

    def answer(self, place: int, shown: Sequence[FollowedBox], sure: int = 0) -> bool:
        """Let a person answer a frame; return whether all that was shown was left as it is, and nothing lacked.

        Args:
            place: The frame.
            shown: What is there already.
            sure: How many of these are shown as sure.
        """
        truth = self.truth.get(place, ())
        edges = [np.array(one.box_xyxy_px) for one in shown]
        overlap = self.overlaps(place, edges)
        pairs = {column: row for row, column in match_optimally(np.where(overlap >= MENDED_FROM, overlap, 0.0))}
        boxes, mended = [], 0
        for at, (_, true) in enumerate(truth):
            track = shown[pairs[at]].track or None if at in pairs else None
            kept = at in pairs and overlap[pairs[at], at] >= LEFT_FROM
            mended += at in pairs and not kept
            x_min, y_min, x_max, y_max = (edges[pairs[at]] if kept else true).tolist()
            boxes.append(KeyBox(f"{place}/{at}", CLASS, (x_min, y_min, x_max, y_max), track))
        new, deleted = len(truth) - len(pairs), len(shown) - len(pairs)
        self.acts.update(look=1, verify=len(shown) - sure, glance=sure, delete=deleted, draw=new, mend=mended)
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
            self.keys[other], followed = self._gap(self.keys[one], self.keys[other])
            found |= followed
        if places[-1] < self.frames - 1:
            seen = {CLASS: self.detections[places[-1] :]}
            found |= follow_beyond(self.keys[places[-1]], self.frames - 1 - places[-1], self.motion, seen)
        return found

    def _gap(self, first: KeyFrame, last: KeyFrame) -> Gap:
        """Follow what is between two key frames: once, since most gaps stay as they are from round to round."""
        if (first, last) not in self.gaps:
            seen = {CLASS: self.detections[first.place : last.place + 1]}
            known = with_tracks(first, last, self.motion, seen)
            gap = known, follow_gap(first, known, self.motion, seen)
            self.gaps[first, last] = self.gaps[first, known] = gap
        return self.gaps[first, last]

    def look_at_page(self, place: int, boxes: Sequence[FollowedBox]) -> bool:
        """Let a person look at the boxes of a frame on pages; return whether none was taken out."""
        edges = [np.array(one.box_xyxy_px) for one in boxes]
        overlap = self.overlaps(place, edges)
        wrong = int((overlap.max(axis=1, initial=0.0) < RIGHT_FROM).sum())
        self.acts.update(page=len(boxes), delete=wrong)
        return not wrong


def prices_of(drawing: Drawing) -> dict[str, float]:
    """Return what each act takes people who draw in a way, in seconds."""
    anew = drawing == "extreme-clicking"
    mend_s = CLICK_S + DRAW_BOX_S[drawing] if anew else DRAW_BOX_S["classic"] * ADJUST_SHARE
    shown = {"look": LOOK_OVER_IMAGE_S, "verify": VERIFY_BOX_S, "glance": GLANCE_BOX_S, "page": VERIFY_BOX_S}
    return {**shown, "delete": CLICK_S, "draw": DRAW_BOX_S[drawing], "mend": mend_s}


def label_clip(line: Labelling, step: int = STEP) -> dict[str, Any]:
    """Label a clip; return what it costs by each way to draw, and how right its labels are."""
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
        overlap = line.overlaps(place, list(edges))
        right += sum(overlap[pair] >= RIGHT_FROM for pair in match_optimally(overlap))
        found, there = found + len(boxes), there + len(truth)
        ids = [numbers.setdefault(box.track or box.id, len(numbers)) for box in boxes]
        said.append(TrackedFrame(edges, np.array(ids, dtype=np.int64)))
        real = np.array([box for _, box in truth]).reshape(-1, 4)
        true.append(TrackedFrame(real, np.array([track for track, _ in truth], dtype=np.int64)))
    accuracy = {name: round(value, 3) for name, value in tracking_accuracy(said, true).items()}
    return {
        **{drawing: _cost(line, drawing, there) for drawing in DRAW_BOX_S},
        "precision": round(right / max(1, found), 4),
        "recall": round(right / max(1, there), 4),
        "boxes_drawn": line.drawn,
        "boxes_true": there,
        "frames_asked_whole": line.asked,
        **accuracy,
    }


def _cost(line: Labelling, drawing: Drawing, boxes: int) -> dict[str, Any]:
    by_act = line.seconds(drawing)
    spent, by_hand = sum(by_act.values()), line.frames * LOOK_OVER_IMAGE_S + boxes * DRAW_BOX_S[drawing]
    return {
        "human_seconds": round(spent),
        "human_seconds_manual": round(by_hand),
        "share_of_manual": round(spent / by_hand, 3),
        "seconds_by_act": {act: round(seconds) for act, seconds in by_act.most_common()},
    }
