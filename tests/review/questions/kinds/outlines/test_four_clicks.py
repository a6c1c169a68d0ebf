"""Outlines by four clicks as questions: their controls, what they carry along, twins, and clicks nothing became of."""

from typing import Any
from xml.etree import ElementTree

import pytest

from blocks.errors import BadRegion
from blocks.shapes import Polygon
from flows.options import LineOptions
from tasks.review.posting.back_end import has_back_end, takes_clicks
from tasks.review.questions.kinds.outlines.four_clicks import CLICKED, clicks_in
from tasks.review.questions.kinds.outlines.mark import MARK_MASKS, MARK_POLYGONS, MarkOutlines
from tasks.review.questions.kinds.outlines.outline import AnsweredOutline
from tasks.review.questions.queue import Queue, mark_missed_queue
from tasks.review.questions.queues.outlines import mark_outlines_queue, mark_pixels_queue
from tasks.review.questions.staffing import AnnotatorPool
from tasks.review.questions.task import label_config

SIZE = (200, 100)
BY_CLICKS = AnnotatorPool(drawing="extreme_points")
QUEUES = {MARK_POLYGONS: mark_outlines_queue(("cell", "blob")), MARK_MASKS: mark_pixels_queue(("cell", "blob"))}
BOTH = pytest.mark.parametrize("kind", [MARK_POLYGONS, MARK_MASKS], ids=["polygons", "masks"])
POINTS = ((60.0, 10.0), (110.0, 40.0), (60.0, 70.0), (10.0, 40.0))
OUTLINE = Polygon(points=((60.0, 10.0), (110.0, 40.0), (60.0, 70.0), (10.0, 40.0)))


def click(x: float, y: float, id_: str = "k", label: str = "cell", **changes: Any) -> dict[str, Any]:
    value = {"x": x * 100 / SIZE[0], "y": y * 100 / SIZE[1], "width": 0.5, "keypointlabels": [label]}
    return {"id": id_, "type": "keypointlabels", "from_name": CLICKED, "to_name": "image", "value": value, **changes}


def read(kind: MarkOutlines, result: list[Any]) -> tuple[list[AnsweredOutline], list[tuple[str, bool]]]:
    payload = kind.payload(width=SIZE[0], height=SIZE[1])
    parsed = kind.parse(payload, result, QUEUES[kind])
    said = [AnsweredOutline.model_validate(one) for one in parsed.said]
    return said, [(part.reason, part.is_region) for part in parsed.parts]


def keys_of(queue: Queue, *, hidden: bool) -> dict[str | None, list[str | None]]:
    root = ElementTree.fromstring(label_config(queue))
    unseen = {one for view in root.findall(".//View[@style='display:none']") for one in view.iter()}
    controls = [one for one in root.iter() if one.get("toName") and one.find("Label") is not None]
    return {one.get("name"): [label.get("hotkey") for label in one] for one in controls if (one in unseen) == hidden}


@BOTH
def test_numbers_choose_what_is_clicked_and_letters_what_is_drawn(kind: MarkOutlines) -> None:
    queue = QUEUES[kind].with_pool(BY_CLICKS)
    keys = keys_of(queue, hidden=False)
    assert keys[CLICKED] == ["1", "2"] and keys[kind.control][:2] == ["q", "w"]
    assert "topmost" in queue.instructions and "topmost" not in QUEUES[kind].instructions
    assert 'smartOnly="true"' in label_config(queue)
    assert (has_back_end(queue), takes_clicks(queue), has_back_end(QUEUES[kind])) == (True, True, False)
    assert CLICKED not in keys_of(QUEUES[kind], hidden=False) | keys_of(QUEUES[kind], hidden=True)


@BOTH
def test_a_project_in_which_was_clicked_keeps_the_control_unseen(kind: MarkOutlines) -> None:
    later = QUEUES[kind].merged_with(QUEUES[kind].with_pool(BY_CLICKS))
    assert CLICKED in keys_of(later, hidden=True) and CLICKED not in keys_of(later, hidden=False)


def test_a_line_of_outlines_may_be_clicked_and_boxes_need_no_back_end_for_it() -> None:
    line = {
        "collection": "a",
        "classes": ["car"],
        "label_kind": "polygons",
        "annotator_pool": {"drawing": "extreme_points"},
    }
    assert takes_clicks(LineOptions.model_validate(line).queues[-1].queue)
    assert not has_back_end(mark_missed_queue(("car",)).with_pool(BY_CLICKS))


@BOTH
def test_an_outline_carries_its_clicks_along_and_its_twin_counts_as_nothing(kind: MarkOutlines) -> None:
    payload = kind.payload(width=SIZE[0], height=SIZE[1])
    (region,) = kind.outlined(payload, "cell", OUTLINE, (POINTS, "grabcut"))
    twin = {**region, "type": "keypointlabels", "from_name": CLICKED, "value": {"keypointlabels": ["cell"]}}
    (one,), parts = read(kind, [region, twin])
    assert one.clicks is not None and (one.clicks.points, one.clicks.by) == (POINTS, "grabcut")
    assert (one.class_name, one.untouched) == ("cell", False)
    assert [is_region for _, is_region in parts] == [False]
    assert one.shape == kind.shaped(OUTLINE) or isinstance(one.shape, Polygon)


@pytest.mark.parametrize(
    "meta",
    [
        None,
        "x",
        {},
        {"clicks": 1},
        {"clicks": {"points": [[1, 2]], "by": "me"}},
        {"clicks": {"points": [[1, float("nan")]] * 4, "by": "me"}},
    ],
)
@BOTH
def test_what_is_no_clicks_is_not_kept_as_such(kind: MarkOutlines, meta: Any) -> None:
    (region,) = kind.outlined(kind.payload(width=SIZE[0], height=SIZE[1]), "cell", OUTLINE, (POINTS, "grabcut"))
    (one,), _ = read(kind, [{**region, "meta": meta}])
    assert one.clicks is None


@BOTH
def test_four_clicks_that_nothing_became_of_are_an_outline_by_themselves_and_fewer_are_set_aside(
    kind: MarkOutlines,
) -> None:
    lone = [click(x, y, f"k{n}") for n, (x, y) in enumerate(POINTS)]
    (one,), parts = read(kind, lone)
    assert (one.id, one.class_name, one.untouched) == ("k0", "cell", False) and not parts
    assert one.clicks is not None and one.clicks.by == "extremes"
    assert one.shape.bounds() == pytest.approx((10, 10, 110, 70), abs=1)
    (again,), parts = read(kind, [*lone, click(5, 5, "k5"), click(9, 9, "k6", "blob")])
    assert again == one
    assert [("1 clicks" in reason, is_region) for reason, is_region in parts] == [(True, True)] * 2


@BOTH
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"value": {"x": 1, "y": 1, "keypointlabels": ["lorry"]}}, "no class"),
        ({"value": {"x": float("inf"), "y": 1, "keypointlabels": ["cell"]}}, "cannot be read"),
        ({"value": {"x": 1, "y": 1, "keypointlabels": ["cell", "blob"]}}, "2 labels"),
        ({"value": {"x": 400, "y": 1, "keypointlabels": ["cell"]}}, "outside of a picture"),
    ],
    ids=["class", "place", "labels", "outside"],
)
def test_a_bad_click_is_set_aside_with_its_reason(kind: MarkOutlines, changes: dict[str, Any], said: str) -> None:
    (region,) = kind.outlined(kind.payload(width=SIZE[0], height=SIZE[1]), "cell", OUTLINE, (POINTS, "grabcut"))
    clicks = [click(1, 1, f"k{n}", **changes) for n in range(4)]
    (one,), parts = read(kind, [region, *clicks])
    assert one.clicks is not None
    assert len(parts) == 4 and all(said in reason for reason, _ in parts), parts


def test_clicks_are_told_apart_by_class_and_nobody_clicks_thousands() -> None:
    found = clicks_in([click(1, 2), click(3, 4, label="blob"), {"type": "rectanglelabels"}, None], SIZE)
    assert found == {"cell": [(1, 2)], "blob": [(3, 4)]}
    with pytest.raises(BadRegion, match="500 clicks"):
        clicks_in([click(1, 2)] * 500, SIZE)
