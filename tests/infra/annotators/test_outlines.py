"""Simulated people who outline and paint: what they leave is near the truth, by hand and by clicks; they err."""

from typing import Any

import numpy as np
import pytest

from blocks.shapes import Polygon
from infra.annotators.answers import answer_as
from infra.annotators.clicks.four_clicks import LiveOutlines
from infra.annotators.desk import Desk, OpenQuestion, _classes_of, _kind_of
from infra.annotators.people import People
from infra.annotators.times import Drawing, Stopwatch
from infra.annotators.truth import AnnotatorBox, TruePicture
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.trace import mask_of
from tasks.review.questions.kinds.outlines.four_clicks import clicks_in
from tasks.review.questions.kinds.outlines.mark import MARK_MASKS, MARK_POLYGONS, MarkOutlines
from tasks.review.questions.kinds.outlines.outline import AnsweredOutline, ShownOutline
from tasks.review.questions.queue import Queue
from tasks.review.questions.queues.outlines import mark_outlines_queue, mark_pixels_queue
from tasks.review.questions.staffing import AnnotatorPool
from tasks.review.questions.task import label_config
from tests.kinds.outlines.drawn import drawn_object

CLASSES = ("cell", "rod")
SIZE = (400, 120)
QUEUES = {MARK_POLYGONS: mark_outlines_queue(CLASSES), MARK_MASKS: mark_pixels_queue(CLASSES)}
KINDS = pytest.mark.parametrize("kind", QUEUES, ids=lambda kind: kind.name)
OBJECTS = {
    name: Raster(20 + 90 * at, 30, drawn_object(seed))
    for at, (name, seed) in enumerate({"a": 2, "b": 4, "c": 8}.items())
}
TRUE = TruePicture(
    "p", SIZE, tuple(AnnotatorBox("cell", mask_of(one).bounds(), shape=mask_of(one)) for one in OBJECTS.values())
)


class Answering(LiveOutlines):
    """What comes back for clicks: the object that is there, or nothing."""

    def __init__(self, kind: MarkOutlines, is_away: bool = False) -> None:
        self.kind, self.is_away, self.asked = kind, is_away, 0

    def outlined(self, task_id: int, clicks: Any) -> list[dict[str, Any]]:
        self.asked += 1
        ((name, points),) = clicks_in(clicks, SIZE).items()
        middle = np.mean(points, axis=0)[0]
        if self.is_away:
            return []
        nearest = min(OBJECTS.values(), key=lambda one: abs((one.left + one.right) / 2 - middle))
        payload = self.kind.payload(width=SIZE[0], height=SIZE[1])
        one = ShownOutline(id=f"k{self.asked}", class_name=name, score=1, shape=self.kind.shaped(mask_of(nearest)))
        return self.kind.shown(payload.showing([one]))


def said_by(
    kind: MarkOutlines,
    shown: list[ShownOutline],
    skill: float = 1.0,
    drawing: Drawing = "classic",
    tool: LiveOutlines | None = None,
    seed: int = 0,
) -> tuple[list[AnsweredOutline], dict[str, int], Stopwatch]:
    queue: Queue = QUEUES[kind].with_pool(
        AnnotatorPool(drawing="extreme_points" if drawing == "extreme-clicking" else "corners")
    )
    config = label_config(queue)
    desk = Desk(1, queue.name, _classes_of(config), _kind_of(config), by_points=True, outlines=tool)
    assert (desk.classes, desk.kind) == (CLASSES, kind.name)
    payload = kind.payload(width=SIZE[0], height=SIZE[1]).showing(shown)
    question = OpenQuestion(1, "q", desk, "i", None, (), tuple(kind.shown(payload)))
    person = People(skill=skill, seed=seed, drawing=drawing).named(queue.name)[0]
    watch = Stopwatch(np.random.default_rng(seed), drawing)
    result, acts = answer_as(person, question, {"i": TRUE}, watch)
    parsed = kind.parse(payload, result, queue)
    return [AnsweredOutline.model_validate(one) for one in parsed.said], acts, watch


def best_of(said: list[AnsweredOutline]) -> list[float]:
    return [max((mask_iou(rasterised(one.shape), true) for one in said), default=0.0) for true in OBJECTS.values()]


def shown_of(kind: MarkOutlines, right_px: int = 0, class_name: str = "cell") -> list[ShownOutline]:
    moved = {name: Raster(one.left + right_px, one.top, one.pixels) for name, one in OBJECTS.items()}
    return [
        ShownOutline(id=name, class_name=class_name, score=0.5, shape=kind.shaped(mask_of(one)))
        for name, one in moved.items()
    ]


@KINDS
def test_who_never_errs_draws_everything_a_little_off(kind: MarkOutlines) -> None:
    said, acts, watch = said_by(kind, [])
    assert acts == {"kept": 0, "changed": 0, "added": 3, "deleted": 0}
    assert all(0.85 < iou < 1 for iou in best_of(said))
    assert set(watch.by_act) == {"look", "outline"}


THIN = Polygon(points=((50.1, 20.3), (90, 20.3), (90, 20.4)))


@KINDS
@pytest.mark.parametrize("drawing", ["classic", "extreme-clicking"])
@pytest.mark.parametrize("skill", [1.0, 0.2])
@pytest.mark.parametrize("shape", [THIN, None], ids=["outline", "box"])
def test_nobody_draws_what_is_thinner_than_a_pixel(
    kind: MarkOutlines, drawing: Drawing, skill: float, shape: Polygon | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    thin = AnnotatorBox("cell", THIN.bounds(), shape=shape)
    monkeypatch.setitem(globals(), "TRUE", TruePicture("p", SIZE, (thin,)))
    said, acts, _ = said_by(kind, [], skill, drawing)
    assert said == [] and not any(acts.values())


@KINDS
def test_good_outlines_stay_poor_ones_are_mended_and_a_wrong_class_takes_a_click(kind: MarkOutlines) -> None:
    said, acts, watch = said_by(kind, shown_of(kind))
    assert acts["kept"] == 3 and all(one.untouched for one in said)
    assert set(watch.by_act) == {"look", "verify"}
    said, acts, watch = said_by(kind, shown_of(kind, right_px=6))
    assert acts["changed"] == 3 and {one.id for one in said} == set(OBJECTS), "mended, and not drawn anew"
    assert min(best_of(said)) > 0.85 and "adjust" in watch.by_act
    said, acts, watch = said_by(kind, shown_of(kind, class_name="rod"))
    assert acts["changed"] == 3 and {one.class_name for one in said} == {"cell"}
    assert "adjust" not in watch.by_act and "outline" not in watch.by_act


@KINDS
def test_what_is_shown_around_nothing_is_deleted(kind: MarkOutlines) -> None:
    beside = ShownOutline(
        id="x", class_name="cell", score=0.9, shape=kind.shaped(mask_of(Raster(330, 60, drawn_object(2, 40))))
    )
    said, acts, _ = said_by(kind, [*shown_of(kind), beside])
    assert acts["deleted"] == 1 and {one.id for one in said} == set(OBJECTS)


@KINDS
def test_four_clicks_take_what_comes_back(kind: MarkOutlines) -> None:
    tool = Answering(kind)
    said, acts, watch = said_by(kind, [], drawing="extreme-clicking", tool=tool)
    assert acts["added"] == 3 and tool.asked == 3
    assert min(best_of(said)) > 0.95
    assert set(watch.by_act) == {"look", "draw", "verify"}, "nothing is drawn by hand"


@KINDS
def test_where_nothing_comes_back_the_clicks_stay_or_are_replaced_by_hand(kind: MarkOutlines) -> None:
    said, _, watch = said_by(kind, [], drawing="extreme-clicking", tool=Answering(kind, is_away=True))
    assert len(said) == 3 and min(best_of(said)) > 0.75
    by_clicks = sum(one.clicks is not None for one in said)
    assert ("outline" in watch.by_act) == (by_clicks < 3)


@KINDS
def test_who_errs_misses_some_and_calls_others_wrong(kind: MarkOutlines) -> None:
    runs = [said_by(kind, [], skill=0.4, seed=seed)[0] for seed in range(12)]
    assert any(len(said) < 3 for said in runs)
    assert any(one.class_name == "rod" for said in runs for one in said)
    assert all(kind.name and len(said) <= 3 for said in runs)
