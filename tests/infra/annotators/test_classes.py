"""Simulated people among very many classes: they press the key of what is listed, and search the rest."""

import pytest

from infra.annotators.classes.class_answers import chosen_in, class_result
from infra.annotators.desk import Desk, OpenQuestion, _classes_of, _kind_of
from tasks.review.questions.kinds.choose import CANNOT_TELL
from tasks.review.questions.kinds.classify import CLASSIFY, ClassPayload, ShownClass
from tasks.review.questions.queue import choose_class_queue
from tasks.review.questions.task import label_config

CLASSES = tuple(f"class {number}" for number in range(99))
QUEUE = choose_class_queue(CLASSES).model_copy(update={"missing_classes": True})
BLANK = ClassPayload(options=list(CLASSES))
GUESSED = BLANK.model_copy(update={"proposed": ShownClass(id="p1", class_name="class 50", score=0.8)})
DESK = Desk(7, QUEUE.name, CLASSES, CLASSIFY.name)


def question(payload: ClassPayload, text: str | None = None) -> OpenQuestion:
    regions = tuple(CLASSIFY.shown(payload.model_copy(update={"text": text})))
    return OpenQuestion(1, "q", DESK, "i", None, (), regions, text=text)


def test_a_desk_of_very_many_classes_is_known_as_what_it_is() -> None:
    config = label_config(QUEUE)
    assert (_kind_of(config), _classes_of(config)) == (CLASSIFY.name, CLASSES)


@pytest.mark.parametrize("text", [None, "a text"])
@pytest.mark.parametrize("payload", [BLANK, GUESSED, BLANK.model_copy(update={"blind": True})])
@pytest.mark.parametrize("choice", ["class 50", "class 3", "class 98", CANNOT_TELL])
def test_what_they_choose_is_read_however_it_was_asked(payload: ClassPayload, choice: str, text: str | None) -> None:
    asked = question(payload, text)
    assert chosen_in(asked) == ("class 50" if payload is GUESSED else None)
    read = CLASSIFY.parse(payload, class_result(asked, choice), QUEUE)
    assert read.said[0]["kind"] == (None if choice == CANNOT_TELL else choice)
    assert not read.parts


def test_what_is_kept_is_told_from_what_was_changed() -> None:
    origins = [class_result(question(GUESSED), choice)[-1]["origin"] for choice in ("class 50", "class 1", "class 98")]
    assert origins == ["prediction", "prediction-changed", "manual"]
