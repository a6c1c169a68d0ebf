"""Boxes by four clicks: their bounds count like a dragged rectangle's, and what is unfinished is set aside alone."""

import math
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from blocks.database.engine import writing
from blocks.errors import BadOption
from flows.options import LineOptions
from tasks.review.questions.bookmarks import queue_of_project, queues_by_project, write_bookmarks
from tasks.review.questions.kinds.boxes.extreme_points import POINTS, as_points
from tasks.review.questions.kinds.boxes.regions import ShownBox, sort_boxes, to_regions
from tasks.review.questions.kinds.controls import BOX
from tasks.review.questions.queue import Queue, mark_missed_queue, name_kind_queue
from tasks.review.questions.staffing import AnnotatorPool
from tasks.review.questions.task import label_config
from tests.review.builders import CLASSES, HEIGHT, WIDTH, region

BY_POINTS = AnnotatorPool(drawing="extreme_points")


def clicked(*points: tuple[Any, Any], labels: tuple[str, ...] = ("car",), **other: Any) -> dict[str, Any]:
    """A line as the browser sends it; points in percent."""
    vertices = [{"x": x, "y": y, "id": f"v{n}", "isBezier": False} for n, (x, y) in enumerate(points)]
    value = {"vertices": vertices, "closed": False, "vectorlabels": list(labels)}
    return {"id": "n0", "type": "vectorlabels", "from_name": POINTS, "to_name": "image", "value": value} | other


FOUR = ((30.0, 10.0), (20.0, 15.0), (30.0, 20.0), (40.0, 15.0))


@given(st.permutations(FOUR))
def test_the_bounds_of_four_points_in_any_order_are_the_box(points: list[tuple[float, float]]) -> None:
    (box,), parts = sort_boxes([clicked(*points)], WIDTH, HEIGHT, CLASSES, [])
    expected = (0.2 * WIDTH, 0.1 * HEIGHT, 0.4 * WIDTH, 0.2 * HEIGHT)
    assert (box.x_min, box.y_min, box.x_max, box.y_max) == pytest.approx(expected)
    assert (box.class_name, box.untouched, parts) == ("car", False, [])


sides = st.floats(min_value=0.05, max_value=1)


@given(st.integers(1, 20_000), st.integers(1, 20_000), sides, sides, sides, sides)
def test_a_box_drawn_by_clicks_keeps_its_pixels(
    width: int, height: int, left: float, top: float, across: float, down: float
) -> None:
    x_min, y_min = (1 - across) * left * width, (1 - down) * top * height
    edges = {"x_min": x_min, "y_min": y_min, "x_max": x_min + across * width, "y_max": y_min + down * height}
    drawn = as_points(to_regions([ShownBox(id="n", class_name="car", score=0, **edges)], width, height)[0])
    (box,), _ = sort_boxes([drawn], width, height, CLASSES, [])
    for name, edge in edges.items():
        assert math.isclose(getattr(box, name), edge, abs_tol=1e-6)


BAD = {
    "three points": (clicked(*FOUR[:3]), "3 of 4 extreme points"),
    "no point": (clicked(), "0 of 4"),
    "not a number": (clicked(*FOUR[:3], (float("nan"), 5.0)), "finite"),
    "infinite": (clicked(*FOUR[:3], (float("inf"), 5.0)), "finite"),
    "a number as text": (clicked(*FOUR[:3], ("5", 5.0)), "number"),
    "far outside": (clicked(*FOUR[:3], (140.0, 5.0)), "clipped"),
    "all on one line": (clicked(*[(x, 10.0) for x, _ in FOUR]), "no area"),
    "two labels": (clicked(*FOUR, labels=("car", "truck")), "2 labels"),
    "an unknown label": (clicked(*FOUR, labels=("carr",)), "Did you mean 'car'"),
    "no value": ({"id": "n0", "type": "vectorlabels", "from_name": POINTS}, "value"),
    "a line of another control": (clicked(*FOUR, from_name="other"), "type"),
    "a turned picture": (clicked(*FOUR, original_width=HEIGHT, original_height=WIDTH), "drawn on"),
}


@pytest.mark.parametrize(("entry", "says"), BAD.values(), ids=BAD)
def test_a_bad_one_is_set_aside_alone_with_its_reason(entry: dict[str, Any], says: str) -> None:
    boxes, parts = sort_boxes([region("a"), entry], WIDTH, HEIGHT, CLASSES, [])
    assert [box.id for box in boxes] == ["a"]
    assert [(part.position, part.is_region, says in part.reason) for part in parts] == [(1, True, True)]


def controls_of(queue: Queue, *, hidden: bool) -> dict[str | None, list[tuple[str | None, str | None]]]:
    """Value and key of each label, by control, of those that people see or those that they do not."""
    root = ElementTree.fromstring(label_config(queue))
    unseen = {one for view in root.findall(".//View[@style='display:none']") for one in view.iter()}
    found = [one for tag in ("VectorLabels", "RectangleLabels") for one in root.iter(tag) if (one in unseen) == hidden]
    return {one.get("name"): [(label.get("value"), label.get("hotkey")) for label in one] for one in found}


def test_numbers_choose_what_is_drawn_and_letters_rename_what_is_shown() -> None:
    queue = mark_missed_queue(("car", "van")).with_pool(BY_POINTS)
    seen = controls_of(queue, hidden=False)
    assert seen == {POINTS: [("car", "1"), ("van", "2")], BOX: [("car", "q"), ("van", "w")]}
    assert "topmost" in queue.instructions
    assert "drag" not in queue.instructions


def test_who_drags_corners_is_shown_no_points() -> None:
    queue = mark_missed_queue(("car", "van")).with_pool(AnnotatorPool())
    assert POINTS not in controls_of(queue, hidden=False) | controls_of(queue, hidden=True)
    assert "drag" in queue.instructions


def test_a_project_in_which_points_were_clicked_keeps_their_control_unseen() -> None:
    earlier = mark_missed_queue(("car",)).with_pool(BY_POINTS)
    later = mark_missed_queue(("car",)).merged_with(earlier).merged_with(mark_missed_queue(("car",)))
    assert POINTS not in controls_of(later, hidden=False)
    assert POINTS in controls_of(mark_missed_queue(("car",)).merged_with(earlier), hidden=True)
    assert earlier.wants != mark_missed_queue(("car",)).wants, "open questions of both need a project each"


def test_a_queue_of_an_older_version_is_drawn_by_corners(engine: Engine) -> None:
    row = mark_missed_queue(("car",)).model_dump_json(exclude={"drawing", "keeps_points"})
    with writing(engine) as session:
        write_bookmarks(session, {queue_of_project(1): row})
        assert queues_by_project(session, [1])[1].drawing == "corners"


def test_drawing_is_an_option_of_who_draws_and_of_nobody_else() -> None:
    line = LineOptions.model_validate(
        {"collection": "a", "classes": ["car"], "annotator_pool": {"drawing": "extreme_points"}}
    )
    assert line.queues[0].queue.drawing == "extreme_points"
    with pytest.raises(BadOption, match="nobody draws"):
        name_kind_queue({"car": ("taxi",)}).with_pool(BY_POINTS)
