"""Very many classes: nine of them on keys as the moment has it, all in the search, and either way is one answer."""

from typing import Any
from xml.etree import ElementTree

import pytest
from pydantic import ValidationError

from blocks.errors import BadRegion, LabellingError, UnknownClass
from blocks.servers.annotation_server import AnnotationServer
from flows.options import LineOptions
from tasks.review.questions.kinds.choose import CANNOT_TELL
from tasks.review.questions.kinds.classes.many import (
    KEY,
    MANY,
    are_many,
    key_region,
    listed_regions,
    nine_of,
    searched_region,
)
from tasks.review.questions.kinds.classes.said import chosen_region
from tasks.review.questions.kinds.classify import CLASSIFY, ClassPayload, ShownClass
from tasks.review.questions.kinds.controls import IMAGE
from tasks.review.questions.kinds.protocol import LIVE, Likely, live_id
from tasks.review.questions.queue import choose_class_queue
from tasks.review.questions.task import label_config, to_task

CLASSES = tuple(f"class {number}" for number in range(1_203))
QUEUE = choose_class_queue(CLASSES)
BLANK = ClassPayload(options=list(CLASSES))
BLIND = BLANK.model_copy(update={"blind": True})
LIST = ["class 7", "class 1000", "class 3"]
SERVER = AnnotationServer("http://ls", "token", "http://gateway", link_secret="s" * 32, doorbell_secret="d" * 32)


def keyed(place: int, id_: str = "own", names: list[str] = LIST) -> list[dict[str, Any]]:
    return [*listed_regions(names, IMAGE), key_region(place, id_, IMAGE)]


def listed(payload: ClassPayload) -> list[str]:
    return next((one["value"]["text"] for one in CLASSIFY.shown(payload) if one["type"] == "textarea"), [])


def chosen(payload: ClassPayload) -> str | None:
    """Return what a question begins with, as its own answer would be read."""
    if not any(one["from_name"] == KEY for one in CLASSIFY.shown(payload)):
        return None
    name: str = CLASSIFY.parse(payload, CLASSIFY.shown(payload), QUEUE).said[0]["kind"]
    return name


def test_a_line_may_have_1203_classes_and_as_few_as_thirty_are_buttons() -> None:
    line = LineOptions(collection="lot", classes=CLASSES, label_kind="classes")
    (stop,) = line.queues
    view = ElementTree.fromstring(label_config(stop.queue))
    assert [one.get("value") for one in view.findall(".//Taxonomy/Choice")] == list(CLASSES)
    keys = {one.get("value"): one.get("hotkey") for one in view.findall(".//Choices[@name='key']//Choice")}
    assert keys == {**{key: key for key in "123456789"}, CANNOT_TELL: "0"}
    few = ElementTree.fromstring(label_config(choose_class_queue(CLASSES[:MANY])))
    assert not few.findall(".//Taxonomy")
    assert len(few.findall(".//Choices[@name='class']/Choice")) == MANY + 1


def test_labels_whose_classes_are_buttons_have_two_hundred_at_most() -> None:
    with pytest.raises(ValidationError, match="1,203 classes are too many for a line of boxes"):
        LineOptions(collection="lot", classes=CLASSES)
    assert len(LineOptions(collection="lot", classes=CLASSES[:200]).classes) == 200


def test_what_is_likely_is_on_the_keys_and_the_rest_as_the_line_has_it() -> None:
    assert nine_of(["class 9", "class 9", "no class"], CLASSES)[:3] == ["class 9", "class 0", "class 1"]
    assert nine_of([], CLASSES) == list(CLASSES[:9])
    assert len(nine_of(CLASSES[20:40], CLASSES)) == 9


def test_a_question_that_is_opened_lists_what_is_likely_and_begins_with_the_likeliest() -> None:
    likely = [Likely("class 5", 0.5), Likely("class 900", 0.3), Likely("class 2", 0.01)]
    opened = CLASSIFY.with_suggestions(BLANK, likely)
    assert listed(opened)[:3] == ["class 5", "class 900", "class 2"]
    assert chosen(opened) == "class 5"
    unsure = CLASSIFY.with_suggestions(BLANK, [Likely("class 5", 0.1)])
    assert (listed(unsure)[0], chosen(unsure)) == ("class 5", None)


def test_a_quiet_class_is_listed_behind_the_others_and_never_chosen() -> None:
    opened = CLASSIFY.with_suggestions(BLANK, [Likely("class 5", 0.5, is_quiet=True), Likely("class 900", 0.3)])
    assert (listed(opened)[:2], chosen(opened)) == (["class 900", "class 5"], None)


def test_a_blind_question_lists_nothing_whatever_is_likely() -> None:
    assert CLASSIFY.shown(BLIND) == []
    assert CLASSIFY.shown(CLASSIFY.with_suggestions(BLIND, [Likely("class 5", 0.9)])) == []


def test_what_a_model_proposed_is_on_the_first_key() -> None:
    posted = BLANK.model_copy(
        update={"prefill": ["p1"], "proposed": ShownClass(id="p1", class_name="class 8", score=0.7)}
    )
    task = to_task(SERVER, QUEUE, "q", "a" * 64, posted.model_dump(mode="json"))
    assert task["predictions"][0]["result"] == CLASSIFY.shown(posted)
    assert (listed(posted)[0], chosen(posted)) == ("class 8", "class 8")


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        (keyed(0), "class 7"),
        (keyed(2), "class 3"),
        ([searched_region("class 1202", "own", IMAGE)], "class 1202"),
        ([*listed_regions(LIST, IMAGE), searched_region("class 40", "own", IMAGE)], "class 40"),
        ([*keyed(1), searched_region("class 40", "own", IMAGE)], "class 40"),
        ([chosen_region("class 4", "own")], "class 4"),
    ],
    ids=["first key", "third key", "search alone", "search", "search takes keys away", "buttons of before"],
)
def test_keys_the_search_and_buttons_of_before_are_read_as_one_answer(result: list[dict[str, Any]], kind: str) -> None:
    parsed = CLASSIFY.parse(BLANK, result, QUEUE)
    assert (parsed.said, parsed.parts) == ([{"kind": kind, "verdict": "kind"}], ())


def test_who_cannot_tell_says_so_by_key_0() -> None:
    nobody = key_region(0, "own", IMAGE) | {"value": {"choices": [CANNOT_TELL]}}
    assert CLASSIFY.parse(BLANK, [nobody], QUEUE).said == [{"kind": None, "verdict": "cannot_tell"}]


@pytest.mark.parametrize("place", [0, 1])
def test_it_is_told_whether_the_answer_is_what_was_suggested(place: int) -> None:
    result = keyed(place, live_id("class 7"))
    assert result[-1]["id"].startswith(LIVE)
    assert CLASSIFY.parse(BLANK, result, QUEUE).said[0]["as_suggested"] is (place == 0)


@pytest.mark.parametrize(
    ("result", "error", "told"),
    [
        (listed_regions(LIST, IMAGE), BadRegion, "chooses nothing"),
        (keyed(3), BadRegion, "line '4' of a list of 3"),
        ([key_region(0, "own", IMAGE)], BadRegion, "line '1' of a list of 0"),
        (keyed(0, names=["no class of ours"]), UnknownClass, "no class of ours"),
        ([searched_region("lorry", "own", IMAGE)], UnknownClass, "lorry"),
        (
            [searched_region("class 1", "own", IMAGE) | {"value": {"taxonomy": [["class 1"], ["class 2"]]}}],
            BadRegion,
            "one",
        ),
        ([searched_region("class 1", "own", IMAGE) | {"value": {"taxonomy": 7}}], BadRegion, "one class"),
        (
            [*listed_regions(LIST, IMAGE), key_region(0, "own", IMAGE) | {"value": {"choices": [3]}}],
            BadRegion,
            "one class",
        ),
    ],
)
def test_what_says_nothing_is_set_aside(result: list[dict[str, Any]], error: type[LabellingError], told: str) -> None:
    with pytest.raises(error, match=told):
        CLASSIFY.parse(BLANK, result, QUEUE)


def test_buttons_and_the_search_never_share_a_project() -> None:
    few, more = choose_class_queue(CLASSES[:20]), choose_class_queue(CLASSES[20:40])
    assert CLASSIFY.looks_as(few, choose_class_queue(CLASSES[:9]))
    assert are_many(more.merged_with(few).classes)
    assert not CLASSIFY.looks_as(more.merged_with(few), few)
