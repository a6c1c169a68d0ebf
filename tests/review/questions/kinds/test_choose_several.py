"""Several classes of an item: how people see the question, and which answers say something."""

from typing import Any
from xml.etree import ElementTree

import pytest

from blocks.database.tables import Proposal
from blocks.errors import BadRegion, UnknownClass
from blocks.servers.annotation_server import AnnotationServer
from blocks.shapes import SEVERAL, Whole, shape_columns
from tasks.review.questions.kinds.choose import CANNOT_TELL
from tasks.review.questions.kinds.choose_several import (
    CHOOSE_SEVERAL,
    CLASSES,
    ClassesPayload,
    ticked_region,
)
from tasks.review.questions.kinds.classify import ShownClass
from tasks.review.questions.kinds.protocol import ItemToAsk, Likely, ToShow
from tasks.review.questions.queues.classes import choose_classes_queue
from tasks.review.questions.task import label_config, to_task

NAMES = ("wet", "night", "crowd")
QUEUE = choose_classes_queue(NAMES)
ASKED = ClassesPayload(options=list(NAMES)).showing([ShownClass(id="p1", class_name="wet", score=0.9)])
SERVER = AnnotationServer("http://ls", "token", "http://gateway", link_secret="s" * 32, doorbell_secret="d" * 32)


def said(result: list[Any], payload: ClassesPayload = ASKED) -> list[tuple[str | None, bool]]:
    parsed = CHOOSE_SEVERAL.parse(payload, result, QUEUE)
    return [(one["class_name"], one["untouched"]) for one in parsed.said]


def test_any_number_is_ticked_by_keys_of_pictures_and_of_texts() -> None:
    for medium, about in (("pictures", "image"), ("texts", "text")):
        config = ElementTree.fromstring(label_config(QUEUE.showing(medium)))  # type: ignore[arg-type]
        (choices,) = config.findall(".//Choices[@name='classes']")
        assert (choices.get("choice"), choices.get("toName"), choices.get("required")) == ("multiple", about, None)
        keys = [(one.get("value"), one.get("hotkey")) for one in choices]
        assert keys == [("wet", "1"), ("night", "2"), ("crowd", "3"), (CANNOT_TELL, "0")]


def test_what_is_sure_or_more_likely_than_not_is_ticked_and_nothing_else() -> None:
    def shown(name: str, score: float, *, sure: bool = False) -> ToShow:
        row = Proposal(id=name, class_name=name, score=score, **shape_columns(Whole(type=SEVERAL)))
        return ToShow(row, sure)

    item = ItemToAsk(9, 9, [shown("wet", 0.5), shown("night", 0.49), shown("crowd", 0.4, sure=True)], text="a text")
    payload = CHOOSE_SEVERAL.begin(item, QUEUE)
    assert (payload.prefill, payload.text) == (["wet", "crowd"], "a text")
    task = to_task(SERVER, QUEUE.showing("texts"), "q", "a" * 64, payload.model_dump(mode="json"))
    (region,) = task["predictions"][0]["result"]
    assert (region["value"], region["to_name"]) == ({"choices": ["wet", "crowd"]}, "text")
    with pytest.raises(UnknownClass, match="'fog' is not in queue 'choose-classes'"):
        CHOOSE_SEVERAL.begin(ItemToAsk(9, 9, [shown("fog", 0.9)]), QUEUE)


def test_each_ticked_class_is_a_label_and_no_tick_says_that_none_holds() -> None:
    assert said([ticked_region(("wet", "night"), CLASSES)]) == [("wet", True), ("night", False)]
    assert said([]) == []
    answer = CHOOSE_SEVERAL.parse(ASKED, [ticked_region(("wet", "night"), CLASSES)], QUEUE).said
    kept, new = CHOOSE_SEVERAL.labels(ASKED.model_dump(), answer) or ()
    assert (kept.id, kept.class_name, kept.untouched, kept.shape) == ("p1", "wet", True, {"type": SEVERAL})
    assert (new.id, new.class_name, new.untouched) == ("", "night", False)
    assert CHOOSE_SEVERAL.labels(ASKED.model_dump(), []) == ()
    assert CHOOSE_SEVERAL.teaches({}, answer) == "night\u2063wet" and CHOOSE_SEVERAL.teaches({}, []) == ""


def test_whoever_cannot_tell_says_nothing_of_any_class() -> None:
    answer = CHOOSE_SEVERAL.parse(ASKED, [ticked_region((CANNOT_TELL,), CLASSES)], QUEUE).said
    assert CHOOSE_SEVERAL.labels(ASKED.model_dump(), answer) is None
    assert CHOOSE_SEVERAL.teaches({}, answer) is None
    with pytest.raises(BadRegion, match="ticks 'wet' and 'cannot tell': expected classes, or that one alone"):
        said([ticked_region(("wet", CANNOT_TELL), CLASSES)])


@pytest.mark.parametrize("name", ["fog", "Wet", ""])
def test_a_class_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UnknownClass):
        said([ticked_region(("wet", name), CLASSES)])


def test_what_is_no_text_is_refused_and_what_is_not_ours_is_named() -> None:
    with pytest.raises(BadRegion, match="ticks 7, which is no class"):
        said([{**ticked_region((), CLASSES), "value": {"choices": ["wet", 7]}}])
    parts = CHOOSE_SEVERAL.parse(ASKED, [{"from_name": "strange", "value": {}}, "nonsense"], QUEUE).parts
    assert [part.position for part in parts] == [0, 1]


def test_what_is_likely_now_is_ticked_and_known_again_when_it_is_answered() -> None:
    likely = [Likely("night", 0.9), Likely("crowd", 0.5), Likely("wet", 0.2), Likely("fog", 0.9)]
    opened = CHOOSE_SEVERAL.with_suggestions(ASKED, likely)
    (region,) = CHOOSE_SEVERAL.shown(opened)
    assert region["value"]["choices"] == ["night", "crowd"]
    assert said([region]) == [("night", True), ("crowd", True)]
    assert said([{**region, "value": {"choices": ["wet", "night"]}}]) == [("wet", False), ("night", True)]
    assert said([{**region, "id": "live-classes-zz"}]) == [("night", False), ("crowd", False)]
    assert CHOOSE_SEVERAL.shown(CHOOSE_SEVERAL.with_suggestions(ASKED, [Likely("wet", 0.2)])) == []
    assert said([{**region, "id": "xYz12"}]) == [("night", False), ("crowd", False)], "ticked anew by whoever answered"
    blind = ASKED.model_copy(update={"blind": True, "proposed": []})
    assert CHOOSE_SEVERAL.shown(CHOOSE_SEVERAL.with_suggestions(blind, likely)) == []
