"""What a person draws must come back as drawn: a lost half pixel here is a worse detector everywhere."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import BadRegion
from tasks.review.questions.kinds.boxes.regions import ShownBox, read_boxes, sort_boxes, to_regions
from tasks.review.questions.kinds.choose import read_kind
from tests.review.builders import CLASSES, HEIGHT, WIDTH, region

sizes = st.integers(min_value=1, max_value=20_000)
shares = st.floats(min_value=0, max_value=1)


@st.composite
def shown_boxes(draw: st.DrawFn) -> tuple[int, int, list[ShownBox]]:
    width, height = draw(sizes), draw(sizes)
    boxes = []
    for number in range(draw(st.integers(0, 6))):
        x_min, y_min = draw(shares) * (width - 0.5), draw(shares) * (height - 0.5)
        x_max = x_min + 0.05 + draw(shares) * (width - x_min - 0.05)
        y_max = y_min + 0.05 + draw(shares) * (height - y_min - 0.05)
        boxes.append(
            ShownBox(
                id=f"p{number}",
                class_name=draw(st.sampled_from(CLASSES)),
                score=draw(shares),
                x_min=x_min,
                y_min=y_min,
                x_max=x_max,
                y_max=y_max,
                sure=draw(st.booleans()),
            )
        )
    return width, height, boxes


@given(shown_boxes())
def test_boxes_left_alone_come_back_to_the_last_bit(case: tuple[int, int, list[ShownBox]]) -> None:
    width, height, boxes = case
    answered = read_boxes(to_regions(boxes, width, height), width, height, CLASSES, boxes)
    assert all(box.untouched for box in answered)
    kept = [box.model_dump(exclude={"untouched"}) for box in answered]
    assert kept == [box.model_dump(exclude={"score", "sure"}) for box in boxes]


@given(shown_boxes())
def test_boxes_drawn_by_people_keep_their_pixels(case: tuple[int, int, list[ShownBox]]) -> None:
    width, height, boxes = case
    answered = read_boxes(to_regions(boxes, width, height), width, height, CLASSES, shown=[])
    for drawn, box in zip(answered, boxes, strict=True):
        assert not drawn.untouched
        for name in ("x_min", "y_min", "x_max", "y_max"):
            assert math.isclose(getattr(drawn, name), getattr(box, name), abs_tol=1e-6)


def test_an_empty_answer_says_that_nothing_is_there() -> None:
    assert read_boxes([], WIDTH, HEIGHT, CLASSES, []) == []


def test_a_moved_prefill_keeps_its_id_and_is_touched() -> None:
    shown = ShownBox(id="p0", class_name="car", score=0.4, x_min=96, y_min=64, x_max=192, y_max=128)
    (box,) = read_boxes([region("p0", edges=(97, 64, 192, 128))], WIDTH, HEIGHT, CLASSES, [shown])
    assert (box.id, box.untouched, round(box.x_min, 6)) == ("p0", False, 97)


def test_a_renamed_prefill_is_touched() -> None:
    shown = ShownBox(id="p0", class_name="car", score=0.4, x_min=96, y_min=64, x_max=192, y_max=128)
    (box,) = read_boxes([region("p0", "truck")], WIDTH, HEIGHT, CLASSES, [shown])
    assert (box.class_name, box.untouched, box.x_min) == ("truck", False, 96)


@pytest.mark.parametrize("visible_first", [True, False])
def test_a_doubtful_box_with_a_new_label_counts_with_the_new_label(visible_first: bool) -> None:
    old, new = region("p0", "car", from_name="unsure"), region("p0", "truck", from_name="box")
    (box,) = read_boxes([new, old] if visible_first else [old, new], WIDTH, HEIGHT, CLASSES, [])
    assert box.class_name == "truck"


@pytest.mark.parametrize(
    ("edges", "expected"),
    [((-1, 0, 100, 100), (0, 0, 100, 100)), ((0, 0, WIDTH + 1, HEIGHT + 0.5), (0, 0, WIDTH, HEIGHT))],
)
def test_a_slip_of_a_pixel_over_the_edge_is_clipped(edges: Any, expected: Any) -> None:
    (box,) = read_boxes([region(edges=edges)], WIDTH, HEIGHT, CLASSES, [])
    assert (box.x_min, box.y_min, box.x_max, box.y_max) == pytest.approx(expected)


def changed(**value: Any) -> dict[str, Any]:
    good = region()
    return {**good, "value": {**good["value"], **value}}


BAD: list[tuple[str, Any, str]] = [
    ("rotated", changed(rotation=15), "rotated"),
    ("zero area", region(edges=(5, 5, 5, 50)), "no area"),
    ("negative width", changed(width=-3), "no area"),
    ("far outside", region(edges=(-2, 0, 100, 100)), "clipped"),
    ("wholly outside", region(edges=(WIDTH + 10, 0, WIDTH + 60, 50)), "clipped"),
    ("not a number", changed(x=float("nan")), "finite"),
    ("infinite", changed(width=float("inf")), "finite"),
    ("number as text", changed(x="5"), "number"),
    ("two labels", changed(rectanglelabels=["car", "truck"]), "2 labels"),
    ("no label", changed(rectanglelabels=[]), "0 labels"),
    ("no value", {"id": "r", "type": "rectanglelabels", "from_name": "box"}, "value"),
    ("another control", region(from_name="other"), "from_name"),
    ("a polygon", region(type="polygonlabels"), "type"),
    ("no region", "text", "no box"),
    ("sides longer than a float holds", region(original_width=10**400, original_height=1), "original_width"),
    ("turned picture", region(original_width=HEIGHT, original_height=WIDTH), "drawn on"),
]


@pytest.mark.parametrize(("entry", "says"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_is_no_box_is_refused_with_its_reason(entry: Any, says: str) -> None:
    with pytest.raises(BadRegion, match=says):
        read_boxes([entry], WIDTH, HEIGHT, CLASSES, [])


def test_an_unknown_label_is_refused_with_a_hint() -> None:
    with pytest.raises(BadRegion, match="Did you mean 'truck'"):
        read_boxes([region(class_name="truk")], WIDTH, HEIGHT, CLASSES, [])


def test_the_same_box_twice_is_one_and_another_box_of_the_same_id_is_another() -> None:
    there = (300.0, 300.0, 400.0, 400.0)
    boxes, parts = sort_boxes([region("a"), region("a"), region("a", edges=there)], WIDTH, HEIGHT, CLASSES, [])
    assert [box.id for box in boxes] == ["a", "a~1"]
    assert [(part.position, part.is_region) for part in parts] == [(1, False)]


@pytest.mark.parametrize("entry", [case[1] for case in BAD], ids=[case[0] for case in BAD])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_bad_region_is_set_aside_alone_wherever_it_stands(entry: Any, position: int) -> None:
    result = [region("a"), region("b", edges=(300, 300, 400, 400))]
    result.insert(position, entry)
    boxes, parts = sort_boxes(result, WIDTH, HEIGHT, CLASSES, [])
    assert [box.id for box in boxes] == ["a", "b"]
    ((at, is_region, reason),) = [(part.position, part.is_region, part.reason) for part in parts]
    assert (at, is_region) == (position, True)
    assert len(reason) > 20
    json.dumps(parts[0].raw, allow_nan=False)


WORDS: list[dict[str, Any]] = [
    {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"},
    {"type": "textarea", "id": "t", "from_name": "note", "to_name": "image", "value": {"text": ["a dent"]}},
    {"type": "rating", "id": "s", "from_name": "stars", "to_name": "image", "value": {"rating": 3}},
    {"type": "choices", "id": "c", "from_name": "weather", "to_name": "image", "value": {"choices": ["rain"]}},
    {"type": "taxonomy", "id": "x", "from_name": "tree", "to_name": "image", "value": {"taxonomy": [["a"]]}},
]


@pytest.mark.parametrize("word", WORDS, ids=[word["type"] for word in WORDS])
def test_what_is_no_region_is_passed_over_and_kept(word: dict[str, Any]) -> None:
    boxes, parts = sort_boxes([region("a"), word, region("b", edges=(300, 300, 400, 400))], WIDTH, HEIGHT, CLASSES, [])
    assert [box.id for box in boxes] == ["a", "b"]
    assert [(part.is_region, part.raw) for part in parts] == [(False, word)]
    assert read_boxes([word], WIDTH, HEIGHT, CLASSES, []) == []


SHAPES: list[dict[str, Any]] = [
    {"type": "brushlabels", "value": {"format": "rle", "rle": [0, 1], "brushlabels": ["car"]}},
    {"type": "ellipselabels", "value": {"x": 5, "y": 5, "radiusX": 2, "radiusY": 2, "ellipselabels": ["car"]}},
    {"type": "polygonlabels", "value": {"points": [[1, 1], [2, 2], [3, 1]], "polygonlabels": ["car"]}},
    {"type": "keypointlabels", "value": {"x": 5, "y": 5, "width": 1, "keypointlabels": ["car"]}},
    {"type": "rectangle", "value": {"x": 5, "y": 5, "width": 5, "height": 5, "rotation": 0}},
]


@pytest.mark.parametrize("shape", SHAPES, ids=[shape["type"] for shape in SHAPES])
def test_another_shape_is_set_aside_since_something_was_marked_there(shape: dict[str, Any]) -> None:
    boxes, parts = sort_boxes([region("a"), {"id": "s", "from_name": "other", **shape}], WIDTH, HEIGHT, CLASSES, [])
    assert [box.id for box in boxes] == ["a"]
    assert [part.is_region for part in parts] == [True]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*region(), "extra"]), json_values) | json_values, json_values)
def test_any_json_is_a_box_or_a_reason(entry: Any, value: Any) -> None:
    for candidate in (entry, {**region(), "value": value}, changed(x=value), changed(rectanglelabels=value)):
        boxes, parts = sort_boxes([region("good"), candidate], WIDTH, HEIGHT, CLASSES, [])
        assert boxes[0].id == "good"
        assert len(boxes) + len(parts) == 2
        json.dumps([part.raw for part in parts], allow_nan=False)
        assert all(0 <= box.x_min < box.x_max <= WIDTH and 0 <= box.y_min < box.y_max <= HEIGHT for box in boxes)


def choice(*choices: Any, **changes: Any) -> dict[str, Any]:
    return {
        "id": "c",
        "type": "choices",
        "from_name": "kind",
        "to_name": "image",
        "value": {"choices": list(choices)},
    } | changes


@pytest.mark.parametrize(
    ("chosen", "kind", "verdict"),
    [
        ("hatchback", "hatchback", "kind"),
        ("not a car", None, "not_an_object"),
        ("cannot tell", None, "cannot_tell"),
    ],
)
def test_a_choice_is_a_kind_or_one_of_two_ways_out(chosen: str, kind: str | None, verdict: str) -> None:
    answer = read_kind([choice(chosen)], "car", ["hatchback", "sedan"])
    assert (answer.kind, answer.verdict) == (kind, verdict)


@pytest.mark.parametrize(
    "result",
    [
        [],
        [choice("hatchback"), choice("sedan")],
        [choice("hatchback", "sedan")],
        [choice("lorry")],
        [choice("hatchback", from_name="other")],
        [choice({"a": 1})],
        [{**choice("hatchback"), "value": "x"}],
        ["text"],
    ],
    ids=str,
)
def test_what_is_not_exactly_one_known_choice_is_refused(result: list[Any]) -> None:
    with pytest.raises(BadRegion):
        read_kind(result, "car", ["hatchback", "sedan"])
