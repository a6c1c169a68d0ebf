"""How a simulated person outlines or paints objects: keeps, mends, draws, clicks and deletes, with their mistakes.

Where the queue lets them, four clicks make an outline: what comes back is looked at, and drawn by hand where it is not
good enough. What is drawn by hand is a little off, as hands are.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from blocks.errors import BadInput
from blocks.shapes import Bounds, Box, Polygon, Shape
from infra.annotators.clicks.four_clicks import HAND_PX, click_regions, extremes_of
from infra.annotators.desk import OpenQuestion
from infra.annotators.people import Mistake
from infra.annotators.times import Stopwatch
from infra.annotators.truth import AnnotatorBox, TruePicture
from tasks.kinds.geometry import RIGHT_IOU
from tasks.kinds.matching import match_optimally
from tasks.kinds.outlines.moving import moved
from tasks.kinds.outlines.raster import Raster, mask_iou, mask_iou_of_all, rasterised
from tasks.kinds.outlines.simplify import simplified
from tasks.kinds.outlines.trace import mask_of, traced
from tasks.kinds.outlines.valid import outlined
from tasks.review.questions.kinds.boxes.part import is_middle_in
from tasks.review.questions.kinds.outlines.mark import MarkOutlines
from tasks.review.questions.kinds.outlines.outline import AnsweredOutline, ShownOutline
from tasks.review.questions.kinds.outlines.payload import OutlinesPayload

KEEP_IOU = 0.8
"""What meets the object at this mask IoU is left as it is: nobody drags corners by a pixel."""

SLOPPY_SHARE = 0.15
"""By how much of its side a careless outline is off, and a careless click."""

CAREFUL_IOU, CAREFUL_CORNERS, CORNER_PX = 0.95, 40, 0.7
"""What an outline by hand has of the object, with how many corners at most, and by how much each of them is off."""

Mistakes = Callable[[np.random.Generator, int], list[Mistake | None]]


def answer_outlines(
    kind: MarkOutlines,
    question: OpenQuestion,
    picture: TruePicture,
    mistakes: Mistakes,
    rng: np.random.Generator,
    watch: Stopwatch,
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Answer a question about outlines or masks, and charge the time.

    Args:
        kind: Of the question.
        question: What is shown.
        picture: What really is on it; objects of which only a box is known are that box, and those that cover no
            pixel are not there.
        mistakes: Draws, for each of several objects, which mistake is made with it.
        rng: The person's chance.
        watch: Of this person at this question.

    Returns:
        The result of an annotation as the browser would send it, and how many were kept, changed, added and deleted.
    """
    crop = question.crop or (0.0, 0.0, float(picture.size_wh[0]), float(picture.size_wh[1]))
    payload = kind.payload(width=round(crop[2] - crop[0]), height=round(crop[3] - crop[1]))
    shown, _ = kind.sort(payload, question.regions, question.desk.classes)
    there = [box for box in picture.boxes if box.class_name in question.desk.classes]
    seen = list(_seen_of(kind, there, crop))
    meant = [
        (box.class_name, shape)
        for box, shape in zip(there, seen, strict=True)
        if shape is not None and (is_middle_in(question.frame or crop, box.xyxy) or _is_shown(shape, shown))
    ]
    truth = [
        AnsweredOutline(id=f"t{n}", class_name=name, shape=shape, untouched=False)
        for n, (name, shape) in enumerate(meant)
    ]
    alike = mask_iou_of_all(truth, shown)
    partner = {row: column for row, column in match_optimally(alike) if alike[row, column] >= RIGHT_IOU}
    watch.look_over()
    watch.verify(len(shown))
    work = _OutlineWork(kind, question, payload, rng, watch)
    for row, (true, slip) in enumerate(zip(truth, mistakes(rng, len(truth)), strict=True)):
        if row in partner:
            work.mend(shown[partner[row]], true, float(alike[row, partner[row]]), slip)
        else:
            work.add(true, slip)
    wrong = [one for at, one in enumerate(shown) if at not in partner.values()]
    for one, slip in zip(wrong, mistakes(rng, len(wrong)), strict=True):
        work.take_away(one, slip)
    left = [{**region, "origin": "prediction"} for region in question.regions if _base(region) in work.kept]
    return [*left, *work.made], work.acts


@dataclass(slots=True)
class _OutlineWork:
    """One person at work on one question, and what they have made of it so far."""

    kind: MarkOutlines
    question: OpenQuestion
    payload: OutlinesPayload
    rng: np.random.Generator
    watch: Stopwatch
    kept: set[str] = field(default_factory=set)
    made: list[dict[str, Any]] = field(default_factory=list)
    acts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("kept", "changed", "added", "deleted"), 0))

    def mend(self, before: AnsweredOutline, true: AnsweredOutline, alike: float, slip: Mistake | None) -> None:
        """Leave, rename, mend or replace what is shown of an object."""
        name = self._another(true.class_name) if slip == "confused" else true.class_name
        is_good = alike >= KEEP_IOU or slip == "missed"
        if is_good and (slip == "missed" or name == before.class_name):
            self.kept.add(before.id)
            self.acts["kept"] += 1
            return
        self.acts["changed"] += 1
        if name != before.class_name:
            self.watch.click()
        if is_good:
            self._leave(before.id, name, before.shape, "prediction-changed")
        elif self.watch.drawing == "extreme-clicking":  # deleted and clicked anew: quicker than dragging its corners
            self.watch.click()
            self._click(true, name, slip)
        else:
            self.watch.adjust_outline()
            self._leave(before.id, name, self._by_hand(true.shape, slip), "prediction-changed")

    def add(self, true: AnsweredOutline, slip: Mistake | None) -> None:
        """Draw what nothing is shown of."""
        if slip == "missed":
            return
        self.acts["added"] += 1
        name = self._another(true.class_name) if slip == "confused" else true.class_name
        if self.watch.drawing == "extreme-clicking":
            self._click(true, name, slip)
        else:
            self._draw(true, name, slip)

    def take_away(self, one: AnsweredOutline, slip: Mistake | None) -> None:
        """Delete what is shown around nothing; who slips leaves it."""
        if slip is None:
            self.watch.click()
            self.acts["deleted"] += 1
        else:
            self.kept.add(one.id)
            self.acts["kept"] += 1

    def _draw(self, true: AnsweredOutline, name: str, slip: Mistake | None) -> None:
        self.watch.outline()
        self._leave(self._new_id(), name, self._by_hand(true.shape, slip), "manual")

    def _click(self, true: AnsweredOutline, name: str, slip: Mistake | None) -> None:
        """Click four points, look at what comes back, and draw by hand what is not good enough."""
        size_wh, raster = (self.payload.width, self.payload.height), rasterised(true.shape)
        side = max(raster.pixels.shape)
        off_px = SLOPPY_SHARE * side / 2 if slip == "sloppy" else HAND_PX
        self.watch.draw()
        clicks = click_regions(extremes_of(raster, self.rng, off_px, size_wh), name, size_wh, self.rng)
        tool = self.question.desk.outlines
        found = tool.outlined(self.question.task_id, clicks) if tool else []
        result = [{**region, "origin": "manual"} for region in found] or clicks
        self.watch.verify()
        if slip == "sloppy" or self._is_good(result, raster):
            self.made += result
        else:
            self.watch.click()
            self._draw(true, name, slip)

    def _is_good(self, result: Sequence[dict[str, Any]], true: Raster) -> bool:
        said, _ = self.kind.sort(self.payload, result, self.question.desk.classes)
        return len(said) == 1 and mask_iou(rasterised(said[0].shape), true) >= KEEP_IOU

    def _by_hand(self, shape: Shape, slip: Mistake | None) -> Shape:
        size_wh = self.payload.width, self.payload.height
        if slip == "sloppy":
            return _off(shape, size_wh, self.kind)
        few = simplified(traced(rasterised(shape)), CAREFUL_IOU, CAREFUL_CORNERS)
        if few.holes or few.parts:
            return shape  # a hand that draws holes takes its time
        try:
            return self.kind.shaped(_shaken(few, size_wh, self.rng))
        except BadInput:  # so small that nothing is left of it
            return shape

    def _leave(self, id_: str, name: str, shape: Shape, origin: str) -> None:
        made = self.kind.shown(self.payload.showing([ShownOutline(id=id_, class_name=name, score=0, shape=shape)]))
        for region in made:
            del region["score"]  # only machines give scores
        self.made += [{**region, "origin": origin} for region in made]

    def _new_id(self) -> str:
        return f"{self.rng.integers(16**10):010x}"

    def _another(self, class_name: str) -> str:
        others = [name for name in self.question.desk.classes if name != class_name]
        return others[int(self.rng.integers(len(others)))] if others else class_name


def _seen_of(kind: MarkOutlines, there: Sequence[AnnotatorBox], crop: Bounds) -> Iterator[Shape | None]:
    """Yield what a crop shows of each object, in pixels of the crop; None: it covers none of these."""
    left, top, right, bottom = (round(edge) for edge in crop)
    for box in there:
        x_min, y_min, x_max, y_max = box.xyxy
        if x_min >= right or y_min >= bottom or x_max <= left or y_max <= top:
            yield None
        elif x_min >= left and y_min >= top and x_max <= right and y_max <= bottom:
            # Nobody sees, clicks or paints what is thinner than a pixel.
            is_seen = bool(rasterised(box.shape or _box(box.xyxy)).pixels.any())
            yield None if not is_seen else moved(_shape(kind, box.shape, box.xyxy), -left, -top)
        else:
            raster = rasterised(box.shape or _box(box.xyxy))
            low_x, low_y = max(raster.left, left), max(raster.top, top)
            inside = raster.part(low_x, low_y, min(raster.right, right), min(raster.bottom, bottom))
            yield kind.shaped(mask_of(Raster(low_x - left, low_y - top, inside))) if inside.any() else None


def _is_shown(shape: Shape, shown: Sequence[AnsweredOutline]) -> bool:
    raster = rasterised(shape)
    return any(mask_iou(raster, rasterised(one.shape)) >= RIGHT_IOU for one in shown)


def _shaken(polygon: Polygon, size_wh: tuple[int, int], rng: np.random.Generator) -> Polygon:
    """Return a polygon whose corners are off as those of a careful hand; in its picture."""
    corners = np.array(polygon.points) + rng.normal(0, CORNER_PX, (len(polygon.points), 2))
    return outlined([(float(x), float(y)) for x, y in np.clip(corners, 0, size_wh)])


def _base(region: dict[str, Any]) -> str:
    return str(region["id"]).partition("/")[0]


def _shape(kind: MarkOutlines, shape: Shape | None, edges: Bounds) -> Shape:
    return kind.shaped(shape or _box(edges))


def _box(edges: Bounds) -> Box:
    return Box(**dict(zip(("x_min", "y_min", "x_max", "y_max"), edges, strict=True)))


def _off(shape: Shape, size_wh: tuple[int, int], kind: MarkOutlines) -> Shape:
    """Return a shape that is moved to the right and cut at the border; itself where nothing would be left."""
    raster = rasterised(shape)
    left = raster.left + round(SLOPPY_SHARE * raster.pixels.shape[1])
    pixels = raster.pixels[:, : max(size_wh[0] - left, 0)]
    return kind.shaped(mask_of(Raster(left, raster.top, pixels))) if pixels.any() else shape
