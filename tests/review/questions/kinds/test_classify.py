"""One class for a whole item: how people see the question, and which answers say something."""

from typing import Any
from xml.etree import ElementTree

import pytest
from pydantic import ValidationError

from blocks.errors import BadRegion, LabellingError, UnknownClass
from blocks.servers.annotation_server import AnnotationServer
from flows.options import LineOptions
from tasks.review.questions.kinds.choose import CANNOT_TELL
from tasks.review.questions.kinds.classes.said import chosen_region
from tasks.review.questions.kinds.classify import CLASSIFY, ClassPayload, ShownClass
from tasks.review.questions.queue import choose_class_queue
from tasks.review.questions.task import label_config, to_task

CLASSES = ("car", "van", "bus")
QUEUE = choose_class_queue(CLASSES)
BLANK = ClassPayload(options=list(CLASSES))
GUESSED = BLANK.model_copy(update={"prefill": ["p1"], "proposed": ShownClass(id="p1", class_name="van", score=0.7)})
SERVER = AnnotationServer("http://ls", "token", "http://gateway", link_secret="s" * 32, doorbell_secret="d" * 32)


def test_people_choose_by_one_key_and_0_says_that_nobody_could_tell() -> None:
    choices = ElementTree.fromstring(label_config(QUEUE)).findall(".//Choices[@name='class']/Choice")
    keys = {choice.get("value"): choice.get("hotkey") for choice in choices}
    assert keys == {"car": "1", "van": "2", "bus": "3", CANNOT_TELL: "0"}


WORDS = "<b>bold</b> & \u200fשלום 👍🏽"
READ = BLANK.model_copy(update={"text": WORDS, "prefill": ["p1"], "proposed": GUESSED.proposed})


def test_a_text_stands_in_its_task_letter_by_letter_and_all_that_is_said_is_said_of_it() -> None:
    queue = QUEUE.showing("texts")
    view = ElementTree.fromstring(label_config(queue))
    (text,) = view.findall(".//Text")
    assert (text.get("name"), text.get("value"), text.get("valueType")) == ("text", "$text", "text")
    assert not view.findall(".//Image")
    assert {choices.get("toName") for choices in view.findall(".//Choices")} == {"text"}
    task = to_task(SERVER, queue, "q", "a" * 64, READ.model_dump(mode="json"))
    assert task["data"]["text"] == WORDS
    assert task["data"]["item"] == "a" * 64
    assert "image" not in task["data"]
    assert [region["to_name"] for region in task["predictions"][0]["result"]] == ["text"]


def test_a_queue_goes_on_to_show_texts_whatever_the_line_knows_of_its_items() -> None:
    assert QUEUE.joined_with(QUEUE.showing("texts")).shows == "texts"
    assert QUEUE.joined_with(QUEUE).shows == "pictures"


def test_classes_beyond_the_ninth_have_no_key_of_their_own() -> None:
    many = choose_class_queue([f"c{number}" for number in range(11)])
    choices = ElementTree.fromstring(label_config(many)).findall(".//Choices[@name='class']/Choice")
    assert [choice.get("hotkey") for choice in choices] == [*"123456789", None, None, "0"]


def test_what_a_model_proposes_is_chosen_already_and_a_blind_question_is_empty() -> None:
    shown, blind = (
        to_task(SERVER, QUEUE, "q", "a" * 64, payload.model_dump(mode="json"))["predictions"][0]["result"]
        for payload in (GUESSED, BLANK)
    )
    assert [(region["id"], region["value"]) for region in shown] == [("p1", {"choices": ["van"]})]
    assert blind == []


def test_an_answer_is_one_class_and_whose_it_was_is_told_by_the_proposal() -> None:
    parsed = CLASSIFY.parse(GUESSED, [chosen_region("van", "p1")], QUEUE)
    (kept,) = CLASSIFY.labels(GUESSED.model_dump(), parsed.said) or ()
    assert (kept.id, kept.class_name, kept.box_px, kept.untouched) == ("p1", "van", None, True)
    (mended,) = CLASSIFY.labels(GUESSED.model_dump(), [{"kind": "bus", "verdict": "kind"}]) or ()
    assert (mended.id, mended.class_name, mended.untouched) == ("p1", "bus", False)


def test_who_cannot_tell_gives_no_label_and_does_not_say_that_nothing_is_there() -> None:
    parsed = CLASSIFY.parse(BLANK, [chosen_region(CANNOT_TELL, "x")], QUEUE)
    assert parsed.said == [{"kind": None, "verdict": "cannot_tell"}]
    assert CLASSIFY.labels(BLANK.model_dump(), parsed.said) is None


TWO = chosen_region("car", "x") | {"value": {"choices": ["car", "van"]}}


@pytest.mark.parametrize(
    ("result", "error", "told"),
    [
        ([], BadRegion, "chooses nothing"),
        ([chosen_region("car", "x"), chosen_region("van", "y")], BadRegion, "'car', 'van' for one item"),
        ([TWO], BadRegion, "expected one class"),
        ([chosen_region("car", "x") | {"value": {"choices": []}}], BadRegion, "chooses None"),
        ([chosen_region("lorry", "x")], UnknownClass, "lorry"),
        ([chosen_region("car", "x") | {"value": 7}], BadRegion, "chooses nothing"),
    ],
)
def test_two_answers_for_one_picture_none_or_an_unknown_one_are_set_aside(
    result: list[dict[str, Any]], error: type[LabellingError], told: str
) -> None:
    with pytest.raises(error, match=told):
        CLASSIFY.parse(BLANK, result, QUEUE)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"classes": ("car", "car ")}, "car"),
        ({"classes": ("car", CANNOT_TELL)}, "what people choose who cannot tell"),
        ({"risk_control": {}, "kinds": {"car": ["taxi"]}}, "no use for risk_control and kinds"),
    ],
)
def test_a_line_of_classes_refuses_what_it_cannot_ask_before_work_begins(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        LineOptions.model_validate({"collection": "lot", "classes": CLASSES, "label_kind": "classes", **changes})


def test_a_line_of_classes_has_one_queue_that_asks_about_whole_items() -> None:
    line = LineOptions(collection="lot", classes=CLASSES, label_kind="classes")
    assert [(stop.queue.name, stop.queue.kind) for stop in line.queues] == [("choose-class", "class")]
