"""A strip in Label Studio's words: whatever is drawn on a still comes back to that still, and nothing is lost."""

from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.review.questions.kinds.boxes.regions import ShownBox, to_regions
from tasks.review.questions.kinds.boxes.strip import MOST_STILLS, STILLS, by_place, on_strip, onto_place, stills_in
from tasks.review.questions.kinds.correct import CORRECT, CorrectPayload
from tasks.review.questions.queue import mark_missed_queue
from tasks.review.questions.queues.strips import on_strips
from tasks.review.questions.task import AskedItem, label_config, task_of
from tests.review.questions.kinds.test_config import SERVER

QUEUE = on_strips(mark_missed_queue(("car", "van")), 4)
WIDE, HIGH = 640, 480

boxes = st.builds(
    lambda x, y, wide, high, name, sure: ShownBox(
        id="", class_name=name, score=0.5, sure=sure, x_min=x, y_min=y, x_max=x + wide, y_max=y + high
    ),
    *(st.integers(0, 300), st.integers(0, 200), st.integers(1, 300), st.integers(1, 200)),
    *(st.sampled_from(["car", "van"]), st.booleans()),
)
strips = st.lists(st.lists(boxes, max_size=4), min_size=1, max_size=MOST_STILLS)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["image0", "image1", "box1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "to_name", "from_name", "value", "type"]), inner)
    ),
    max_leaves=8,
)


def payload(shown: list[ShownBox], still: int = 0) -> CorrectPayload:
    named = [box.model_copy(update={"id": f"p{still}-{n}"}) for n, box in enumerate(shown)]
    return CorrectPayload(width=WIDE, height=HIGH).showing(named)


@given(strips, st.randoms(use_true_random=False))
def test_each_stills_regions_come_back_to_its_own_item(strip: list[list[ShownBox]], random: Any) -> None:
    payloads = [payload(shown, still) for still, shown in enumerate(strip)]
    asked = [AskedItem(f"q{n}", "a" * 64, one.model_dump(mode="json")) for n, one in enumerate(payloads)]
    task = task_of(SERVER, QUEUE, asked)
    result = list(task["predictions"][0]["result"])
    random.shuffle(result)
    assert stills_in(task["data"]) == tuple(one.question_id for one in asked)
    for own, entries in zip(payloads, by_place(result, len(strip)), strict=True):
        said = CORRECT.parse(own, [entry for _, entry in entries], QUEUE)
        assert not said.parts
        assert {box["id"]: box["class_name"] for box in said.said} == {box.id: box.class_name for box in own.boxes}
        assert all(box["untouched"] for box in said.said)


@given(st.lists(anything, max_size=6), st.integers(1, MOST_STILLS))
def test_every_entry_of_any_result_goes_to_one_still(result: list[Any], places: int) -> None:
    parted = by_place(result, places)
    assert len(parted) == places
    assert sorted(position for some in parted for position, _ in some) == list(range(len(result)))


def test_what_names_no_image_of_the_strip_stays_with_the_first_still_as_it_came() -> None:
    region = to_regions([ShownBox(**EDGES)], WIDE, HIGH)[0]
    strange = [{**region, "to_name": "image7"}, {"type": "relation", "from_id": "a", "to_id": "b"}, "text"]
    assert by_place(strange, 3) == [[(0, strange[0]), (1, strange[1]), (2, "text")], [], []]


EDGES: dict[str, Any] = {"id": "p", "class_name": "car", "score": 1.0, "x_min": 1, "y_min": 2, "x_max": 30, "y_max": 40}


def test_a_control_of_another_still_is_none_of_a_stills_own() -> None:
    (moved,) = onto_place(to_regions([ShownBox(**EDGES)], WIDE, HIGH), 1)
    ((_, entry),) = by_place([{**moved, "from_name": "box0"}], 2)[1]
    assert entry["from_name"] == "box0", "which no kind of question reads as its own"


def test_a_strip_shows_each_stills_reasons_and_its_link() -> None:
    views = [({"image": f"link {n}", "why": f"reason {n}"}, []) for n in range(2)]
    data, shown = on_strip("Mark", views, ["a", "b"])
    assert data["question"] == "Mark" and not shown
    assert data[STILLS] == [
        {"question": "a", "image": "link 0", "why": "reason 0"},
        {"question": "b", "image": "link 1", "why": "reason 1"},
    ]


@pytest.mark.parametrize("drawing", ["corners", "extreme_points"])
def test_the_label_config_repeats_all_that_a_picture_alone_has(drawing: str) -> None:
    alone = mark_missed_queue(("car", "van")).model_copy(update={"drawing": drawing})
    config = ElementTree.fromstring(label_config(on_strips(alone, 4)))
    repeated = config.find(".//Repeater")
    assert repeated is not None
    names = {one.get("name") for one in ElementTree.fromstring(label_config(alone)).iter()} - {None, "why"}
    assert {one.get("name") for one in repeated.iter()} - {None} == {f"{name}{{{{idx}}}}" for name in names}
    assert {one.get("value") for one in repeated.iter("Image")} == {"$stills[{{idx}}].image"}


@pytest.mark.parametrize("data", [{}, {STILLS: None}, {STILLS: "q"}, {STILLS: []}])
def test_other_tasks_have_no_stills(data: dict[str, object]) -> None:
    assert stills_in(data) == ()


def test_a_still_without_a_question_keeps_its_place() -> None:
    assert stills_in({STILLS: [{"question": "a"}, 7, {"question": ["b"]}, {"question": "c"}]}) == ("a", "", "", "c")
