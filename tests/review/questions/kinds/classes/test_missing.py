"""A class that people write down: it is kept as they wrote it, and no item is settled by it before it is decided."""

from typing import Any
from xml.etree import ElementTree

import pytest
from pydantic import ValidationError

from blocks.errors import BadRegion
from flows.options import LineOptions
from tasks.review.questions.kinds.classes.decided import as_decided
from tasks.review.questions.kinds.classes.many import KEY, key_region
from tasks.review.questions.kinds.classes.missing import MISSING, missing_region
from tasks.review.questions.kinds.classes.said import chosen_region
from tasks.review.questions.kinds.classify import CLASSIFY, ClassPayload
from tasks.review.questions.kinds.controls import IMAGE
from tasks.review.questions.queue import choose_class_queue
from tasks.review.questions.task import label_config

FEW, VERY_MANY = ("car", "van"), tuple(f"class {number}" for number in range(99))
OKAPI = [{"kind": None, "verdict": "missing_class", "missing": "Okapi"}]


def written(name: object, many: bool = False) -> list[dict[str, Any]]:
    said = key_region(0, "own", IMAGE) | {"value": {"choices": [MISSING]}} if many else chosen_region(MISSING, "own")
    return [said, missing_region("x", "text", IMAGE) | {"value": {"text": [name]}}]


@pytest.mark.parametrize("classes", [FEW, VERY_MANY], ids=["few", "many"])
def test_people_say_that_a_class_is_missing_where_the_line_lets_them(classes: tuple[str, ...]) -> None:
    queue = choose_class_queue(classes)
    assert MISSING not in label_config(queue)
    view = ElementTree.fromstring(label_config(queue.model_copy(update={"missing_classes": True})))
    (shown,) = view.findall(".//View[@className='missing']")
    control = "class" if classes is FEW else KEY
    assert (shown.get("whenTagName"), shown.get("whenChoiceValue")) == (control, MISSING)
    assert [
        one.get("hotkey") for one in view.findall(f".//Choices[@name='{control}']//Choice[@value='{MISSING}']")
    ] == ["m"]


@pytest.mark.parametrize("many", [False, True], ids=["few", "many"])
def test_what_people_write_is_kept_and_gives_no_label(many: bool) -> None:
    classes = VERY_MANY if many else FEW
    payload, queue = ClassPayload(options=list(classes)), choose_class_queue(classes)
    parsed = CLASSIFY.parse(payload, written("  Okapi ", many), queue)
    assert (parsed.said, parsed.parts) == (OKAPI, ())
    assert CLASSIFY.labels(payload.model_dump(), parsed.said) is None


@pytest.mark.parametrize("name", ["van", "VAN", " van "])
def test_a_class_that_there_is_after_all_is_a_choice_like_any_other(name: str) -> None:
    parsed = CLASSIFY.parse(ClassPayload(options=list(FEW)), written(name), choose_class_queue(FEW))
    assert parsed.said == [{"kind": "van", "verdict": "kind"}]


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (written(""), "without a name"),
        (written("x" * 201), "at most 200"),
        (written("a\x00b"), "cannot be seen"),
        (written(7), "names 1"),
        (written("cannot tell"), "a choice of the question"),
        ([chosen_region(MISSING, "own")], "names 0"),
    ],
)
def test_what_can_be_no_class_is_set_aside(result: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(BadRegion, match=told):
        CLASSIFY.parse(ClassPayload(options=list(FEW)), result, choose_class_queue(FEW))


def test_what_was_decided_is_what_answers_mean_whenever_they_came() -> None:
    assert as_decided(OKAPI, {}) == OKAPI
    assert as_decided(OKAPI, {"okapi": None}) == OKAPI
    assert as_decided(OKAPI, {"okapi": "giraffe"}) == [{"kind": "giraffe", "verdict": "kind"}]
    told = [{"kind": "car", "verdict": "kind"}]
    assert as_decided(told, {"car": "van"}) == told, "only what was missing is decided about"


def test_a_line_without_such_questions_refuses_it_before_work_begins() -> None:
    boxes = {"collection": "lot", "classes": FEW, "missing_classes": True}
    with pytest.raises(ValidationError, match="nobody can write down a class"):
        LineOptions.model_validate(boxes)
    line = LineOptions.model_validate(boxes | {"label_kind": "classes"})
    assert line.queues[-1].queue.missing_classes
    with pytest.raises(ValidationError, match="see another class"):
        LineOptions.model_validate(boxes | {"label_kind": "classes", "classes": ("car", MISSING)})
