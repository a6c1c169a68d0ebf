"""How a simulated person answers "mark what is missed, mend what is wrong": from what is shown to what is submitted.

With boxes shown, each is matched with the truth. A match of IoU 0.5 or more is left as it is unless its class is wrong,
a poorer one is mended, a box without a match is deleted, an object without a box is drawn. With nothing shown (a blind
question), all is drawn. A mistake means: what needed the person is overlooked or done wrong. Boxes that are shown as
sure are only glanced at: that costs little and sees less.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from blocks.shapes import Bounds
from infra.annotators.matching import match
from infra.annotators.people import Mistake
from infra.annotators.times import Stopwatch
from infra.annotators.truth import AnnotatorBox
from tasks.review.questions.kinds.boxes.part import is_middle_in

KEEP_IOU = 0.5
"""From this IoU on people leave a box as it is: the measure of mAP50."""

NOTICED_AT_A_GLANCE = 0.5
"""Ours, unpublished: of wrong boxes that are shown as sure, and so only glanced at, people see half."""

HAND_JITTER, SLOPPY_JITTER = 0.025, 0.14
"""Deviation of drawn edges as a share of the side: with care (IoU about 0.9), and without (mostly 0.5 to 0.75)."""

Slips = Callable[[np.random.Generator, int], list[Mistake | None]]


@dataclass(frozen=True, slots=True)
class PrefilledBox:
    """A prefilled box: its region's id, class, pixels, and whether it is shown as one the machine is sure of."""

    region: str
    class_name: str
    xyxy: Bounds
    sure: bool


@dataclass(frozen=True, slots=True)
class SaidBox:
    """A submitted box: `region` is the shown region that it is, or None for a new one."""

    region: str | None
    class_name: str
    xyxy: Bounds
    changed: bool


@dataclass(slots=True)
class Work:
    """One person at work on one picture: what they know, how long it takes, and what they have said so far."""

    size_wh: tuple[int, int]
    classes: tuple[str, ...]
    rng: np.random.Generator
    watch: Stopwatch
    said: list[SaidBox] = field(default_factory=list)
    acts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("kept", "changed", "added", "deleted"), 0))

    def mend(self, box: PrefilledBox, target: tuple[AnnotatorBox, float] | None, slip: Mistake | None) -> None:
        """Keep, change or delete a shown box, given the object it belongs to and their IoU (None: no object)."""
        said = SaidBox(box.region, box.class_name, box.xyxy, changed=False)
        if target is None:
            if slip is None:
                self.watch.click()
                self.acts["deleted"] += 1
                return
        elif slip == "confused":  # a key pressed too quickly, on a box that may have been right
            said = replace(said, class_name=self._another(target[0].class_name))
        elif slip is None:
            said = self._mended(said, *target)
        said = replace(said, changed=said != SaidBox(box.region, box.class_name, box.xyxy, changed=False))
        self.said.append(said)
        self.acts["changed" if said.changed else "kept"] += 1

    def _mended(self, said: SaidBox, true: AnnotatorBox, overlap: float) -> SaidBox:
        if true.class_name != said.class_name:
            self.watch.click()
        if overlap >= KEEP_IOU:
            return replace(said, class_name=true.class_name)
        if self.watch.drawing == "extreme-clicking":  # deleted and drawn anew: quicker than dragging its edges
            self.watch.click()
            self.watch.draw()
            return SaidBox(None, true.class_name, self._by_hand(true.xyxy, HAND_JITTER), changed=True)
        self.watch.adjust()
        return replace(said, class_name=true.class_name, xyxy=self._by_hand(true.xyxy, HAND_JITTER))

    def add(self, box: AnnotatorBox, slip: Mistake | None) -> None:
        """Draw an object that has no box."""
        if slip == "missed":
            return
        corners = self._by_hand(box.xyxy, SLOPPY_JITTER if slip == "sloppy" else HAND_JITTER)
        name = self._another(box.class_name) if slip == "confused" else box.class_name
        drawn = [corners, self._beside(corners)] if slip == "false" else [corners]
        self.watch.draw(len(drawn))
        self.acts["added"] += len(drawn)
        self.said.extend(SaidBox(None, name, xyxy, changed=True) for xyxy in drawn)

    def _by_hand(self, xyxy: Bounds, jitter: float) -> Bounds:
        """Return a box as a hand draws it: edges a little off, inside the picture, never empty."""
        x_min, y_min, x_max, y_max = xyxy
        off = self.rng.normal(0, jitter, 4).clip(-0.3, 0.3) * (
            x_max - x_min,
            y_max - y_min,
            x_max - x_min,
            y_max - y_min,
        )
        low_x, low_y, high_x, high_y = (float(edge) for edge in np.array(xyxy) + off)
        return max(0.0, low_x), max(0.0, low_y), min(self.size_wh[0], high_x), min(self.size_wh[1], high_y)

    def _beside(self, xyxy: Bounds) -> Bounds:
        """Return a box of the same size one and a half widths away, inside the picture: around nothing, or not this."""
        x_min, y_min, x_max, y_max = xyxy
        wide = x_max - x_min
        start = x_min + 1.5 * wide if x_max + 1.5 * wide <= self.size_wh[0] else max(0.0, x_min - 1.5 * wide)
        return start, y_min, start + wide, y_max

    def _another(self, class_name: str) -> str:
        others = [name for name in self.classes if name != class_name]
        return others[int(self.rng.integers(len(others)))] if others else class_name


def objects_of_part(
    truth: Sequence[AnnotatorBox], crop: Bounds, frame: Bounds, shown: Sequence[PrefilledBox]
) -> tuple[AnnotatorBox, ...]:
    """Return the objects that a person answers for in a part of a picture, in pixels of what is shown of it.

    Those whose middle lies in the bright part, and those that a shown box is around: nobody deletes a good box because
    its object reaches farther into the next part than into this one.

    Args:
        truth: All objects of the picture, in its pixels.
        crop: What is shown, in pixels of the picture.
        frame: The bright part of it, in pixels of the picture.
        shown: The prefilled boxes, in pixels of what is shown.
    """
    left, top, right, bottom = crop
    found = []
    for box in truth:
        x_min, y_min, x_max, y_max = box.xyxy
        seen = max(x_min, left) - left, max(y_min, top) - top, min(x_max, right) - left, min(y_max, bottom) - top
        if seen[0] >= seen[2] or seen[1] >= seen[3]:
            continue
        if is_middle_in(frame, box.xyxy) or any(
            overlap >= KEEP_IOU for _, overlap in match([one.xyxy for one in shown], [seen]).values()
        ):
            found.append(replace(box, xyxy=seen))
    return tuple(found)


def answer_boxes(work: Work, shown: Sequence[PrefilledBox], truth: Sequence[AnnotatorBox], slips: Slips) -> None:
    """Answer one boxes question as a person would; what is said and the seconds are left in `work`.

    Args:
        work: One person before one picture.
        shown: The prefilled boxes; empty for a blind question.
        truth: What really is on the picture; classes that the question does not offer are passed over.
        slips: Draws, for a number of objects, the mistakes of this person.
    """
    objects = [box for box in truth if box.class_name in work.classes]
    pairs = match([box.xyxy for box in shown], [box.xyxy for box in objects])
    sure = sum(box.sure for box in shown)
    work.watch.look_over()
    work.watch.glance(sure)
    work.watch.verify(len(shown) - sure)
    unseen = work.rng.random(len(shown)) >= NOTICED_AT_A_GLANCE
    for index, (box, slip) in enumerate(zip(shown, slips(work.rng, len(shown)), strict=True)):
        target = pairs.get(index)
        overlooked: Mistake | None = "missed" if box.sure and unseen[index] else None
        work.mend(box, (objects[target[0]], target[1]) if target else None, overlooked or slip)
    taken = {column for column, _ in pairs.values()}
    missing = [true for index, true in enumerate(objects) if index not in taken]
    for true, slip in zip(missing, slips(work.rng, len(missing)), strict=True):
        work.add(true, slip)
