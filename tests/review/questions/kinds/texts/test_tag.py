"""Spans in a text: how people see the question, and which answers say something, in any script."""

from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import BadRegion, BadShape, UnknownClass
from blocks.servers.annotation_server import AnnotationServer
from blocks.shapes import Span
from tasks.kinds.spans.kind import SpansKind
from tasks.review.questions.kinds.protocol import ItemToAsk, ToShow
from tasks.review.questions.kinds.texts.tag import TAG, Tag, TagPayload
from tasks.review.questions.kinds.texts.text_regions import ShownSpan
from tasks.review.questions.queue import mark_spans_queue
from tasks.review.questions.task import label_config, to_task

CLASSES = ("PER", "per", "LOC")
QUEUE = mark_spans_queue(CLASSES)
TEXT = "🦜 Ada Lovelace met عمر in London <b>now</b>\nüber alles"
SHOWN = ShownSpan(id="p1", class_name="PER", score=0.7, start=2, end=14)
ASKED = TagPayload(text=TEXT, prefill=["p1"], spans=[SHOWN])
SERVER = AnnotationServer("http://ls", "token", "http://gateway", link_secret="s" * 32, doorbell_secret="d" * 32)


def region(start: int, end: int, class_name: str = "PER", id_: str = "r1", text: str = TEXT) -> dict[str, Any]:
    """A region as Label Studio sends it."""
    value = {"start": start, "end": end, "text": text[start:end], "labels": [class_name]}
    return {"id": id_, "type": "labels", "from_name": "span", "to_name": "text", "value": value}


def said(result: list[Any], payload: TagPayload = ASKED, kind: Tag = TAG) -> list[tuple[int, int, str]]:
    return [(one["start"], one["end"], one["class_name"]) for one in kind.parse(payload, result, QUEUE).said]


def test_people_mark_by_one_key_and_letters_are_shown_as_letters() -> None:
    config = ElementTree.fromstring(label_config(QUEUE))
    labels = config.findall(".//Labels[@name='span']/Label")
    assert [(label.get("value"), label.get("hotkey")) for label in labels] == [("PER", "1"), ("per", "2"), ("LOC", "3")]
    (text,) = config.findall(".//Text")
    assert (text.get("value"), text.get("valueType")) == ("$text", "text")


def test_what_a_model_proposes_is_marked_where_label_studio_counts_it() -> None:
    task = to_task(SERVER, QUEUE, "q", "a" * 64, ASKED.model_dump(mode="json"))
    assert (task["data"]["text"], task["data"]["item"]) == (TEXT, "a" * 64)
    (shown,) = task["predictions"][0]["result"]
    assert shown["value"] == {"start": 2, "end": 14, "text": "Ada Lovelace", "labels": ["PER"]}
    assert (shown["id"], shown["type"], shown["from_name"], shown["score"]) == ("p1", "labels", "span", 0.7)


def test_what_is_left_is_untouched_and_what_is_mended_is_not() -> None:
    parsed = TAG.parse(ASKED, [region(2, 14, id_="p1"), region(29, 35, "LOC")], QUEUE)
    kept, new = TAG.labels(ASKED.model_dump(), parsed.said)
    assert (kept.id, kept.class_name, kept.box_px, kept.untouched) == ("p1", "PER", None, True)
    assert kept.shape == {"type": "span", "start": 2, "end": 14}
    assert (new.id, new.untouched) == ("r1", False)
    assert TAG.parse(ASKED, [region(2, 14, "per", id_="p1")], QUEUE).said[0]["untouched"] is False
    assert TAG.parse(ASKED, [region(2, 5, id_="p1")], QUEUE).said[0]["untouched"] is False


def test_nothing_marked_says_that_nothing_is_there() -> None:
    parsed = TAG.parse(ASKED, [], QUEUE)
    assert parsed.said == [] and TAG.labels(ASKED.model_dump(), parsed.said) == ()


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40), st.data())
def test_any_span_of_any_text_comes_back_to_the_character(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    marked = text[start:end]
    payload = TagPayload(text=text, spans=[ShownSpan(id="p", class_name="PER", score=1, start=start, end=end)])
    if not marked.strip():
        with pytest.raises(BadRegion, match="nothing but blanks"):
            said(TAG.shown(payload), payload)
        return
    (back,) = said(TAG.shown(payload), payload)
    assert text[back[0] : back[1]] == marked.strip()
    assert start <= back[0] < back[1] <= end


def test_what_an_earlier_label_studio_counted_in_utf16_is_read_by_its_own_text() -> None:
    late = region(29, 35, "LOC")
    late["value"] |= {"start": 30, "end": 36}
    assert said([late]) == [(29, 35, "LOC")]


def test_blanks_at_the_ends_of_a_span_are_no_part_of_it() -> None:
    assert said([region(1, 6)]) == [(2, 5, "PER")]


GOOD = region(29, 35, "LOC", id_="good")


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (region(0, 4) | {"value": {"start": 0, "end": 99, "labels": ["PER"]}}, "beyond a text of"),
        (region(0, 4) | {"value": {"start": -2, "end": 3, "labels": ["PER"]}}, "beyond a text of"),
        (region(0, 4) | {"value": {"start": 1, "end": 4, "text": "Eva", "labels": ["PER"]}}, "second half"),
        (region(0, 4) | {"value": {"start": 6, "end": 6, "labels": ["PER"]}}, "no character"),
        (region(0, 4) | {"value": {"start": "/p[1]", "end": 6, "labels": ["PER"]}}, "valid integer"),
        (region(0, 4) | {"value": {"start": 3, "end": 6, "labels": []}}, "0 labels"),
        (
            region(0, 4) | {"value": {"start": 3, "end": 6, "text": "Eva", "labels": ["PER"]}},
            "stands 'da '",
        ),
        (region(2, 5, "Per"), "'Per' is not in"),
        (region(1, 2), "nothing but blanks"),
        (region(0, 4) | {"type": "rectanglelabels"}, "no span of this question"),
        ("nonsense", "no span of this question"),
    ],
)
def test_a_span_that_cannot_be_is_set_aside_with_its_reason_and_the_good_one_beside_it_counts(
    bad: Any, told: str
) -> None:
    parsed = TAG.parse(ASKED, [bad, GOOD], QUEUE)
    assert [one["id"] for one in parsed.said] == ["good"]
    (part,) = parsed.parts
    assert told in part.reason and part.is_region
    with pytest.raises(BadRegion, match="none of its 1 regions"):
        TAG.parse(ASKED, [bad], QUEUE)


NESTED, CROSSING = region(2, 5, "per", id_="r2"), region(6, 18, "LOC", id_="r3")


@pytest.mark.parametrize(("overlap", "left"), [("any", 3), ("nested", 2), ("none", 1)])
def test_overlapping_and_nested_spans_are_allowed_or_refused_as_the_kind_says(overlap: Any, left: int) -> None:
    kind = Tag(SpansKind(overlap))
    parsed = kind.parse(ASKED, [region(2, 14, id_="p1"), NESTED, CROSSING], QUEUE)
    assert len(parsed.said) == left
    assert all("shares characters with PER from 2 to 14" in part.reason for part in parsed.parts)
    assert len(parsed.parts) == 3 - left


def test_the_same_span_twice_is_one_and_two_of_one_id_are_two() -> None:
    parsed = TAG.parse(ASKED, [region(2, 5), region(2, 5, id_="r2"), region(6, 14)], QUEUE)
    assert [(one["id"], one["start"]) for one in parsed.said] == [("r1", 2), ("r1~1", 6)]


def test_a_text_of_a_mebibyte_is_asked_and_answered() -> None:
    text = ("word 🦜 " * 150_000)[: 2**20 // 2]
    payload = TagPayload(text=text)
    assert said([region(len(text) - 14, len(text) - 8, text=text)], payload)


def proposal(start: int, end: int, class_name: str = "PER", score: float = 0.7) -> Any:
    shape = Span(start=start, end=end).model_dump(mode="json")
    row = SimpleNamespace(id=f"p{start}", class_name=class_name, score=score, shape=shape)
    return ToShow(row, is_sure=score > 0.9)  # type: ignore[arg-type]


def test_a_question_begins_with_what_is_proposed_doubtful_first_and_a_blind_one_with_nothing() -> None:
    item = ItemToAsk(0, 0, [proposal(29, 35, "LOC", 0.95), proposal(2, 14)], text=TEXT)
    begun = TAG.begin(item, QUEUE)
    assert [span.id for span in begun.spans] == begun.prefill == ["p2", "p29"]
    assert TAG.begin(ItemToAsk(0, 0, blind=True, text=TEXT), QUEUE) == TagPayload(text=TEXT, blind=True)


@pytest.mark.parametrize(
    ("item", "error", "told"),
    [
        (ItemToAsk(10, 10), BadShape, "the item is no text"),
        (ItemToAsk(0, 0, [proposal(2, 99)], text=TEXT), BadShape, "2 to 99 are not in a text of"),
        (ItemToAsk(0, 0, [proposal(2, 9, "ORG")], text=TEXT), UnknownClass, "ORG"),
    ],
)
def test_what_cannot_be_asked_is_refused(item: ItemToAsk, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        TAG.begin(item, QUEUE)
