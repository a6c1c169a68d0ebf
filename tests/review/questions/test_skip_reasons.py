"""Why somebody skips: offered under every kind of question, kept with the skip, and never taken for an answer."""

from typing import Any
from xml.etree import ElementTree

import pytest
from sqlalchemy import Engine

from blocks.database.tables import AnswerState, QuestionState
from tasks.review.drafts.box_checks import confirm_box_queue
from tasks.review.questions.queue import Queue, confirm_page_queue, mark_missed_queue, name_kind_queue
from tasks.review.questions.skip_reasons import REASONS, SKIPPED, reason_of, words_of
from tasks.review.questions.task import label_config
from tests.review.builders import answers, hear, make_batch, pretend_posted, questions, region, webhook, write_missed

QUEUES = [
    mark_missed_queue(("car",)),
    name_kind_queue({"car": ("van",)}),
    confirm_page_queue(("car",)),
    confirm_box_queue(("car",)),
]


def why(*chosen: Any, **changes: Any) -> dict[str, Any]:
    """Return what Label Studio 1.23 posts with a skip, as seen in its browser."""
    shape = {"id": "yIVLp9iu0x", "from_name": "why", "to_name": "image", "type": "choices", "origin": "manual"}
    return shape | {"value": {"choices": list(chosen)}} | changes


@pytest.fixture
def asked(engine: Engine) -> Engine:
    make_batch(engine, items=1)
    write_missed(engine)
    pretend_posted(engine)
    return engine


@pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.name)
def test_every_kind_of_question_offers_reasons_that_nobody_must_give(queue: Queue) -> None:
    view = ElementTree.fromstring(label_config(queue))
    control = view.find(".//Choices[@name='why']")
    assert control is not None
    assert [choice.get("value") for choice in control] == list(REASONS)
    assert control.get("required") is None
    objects = {one.get("name") for tag in ("Image", "Text") for one in view.iter(tag)}
    assert control.get("toName") in objects


def test_a_skip_keeps_the_reason_and_what_was_sent(asked: Engine) -> None:
    sent = [region(), why(REASONS[0])]
    hear(asked, webhook(questions(asked)[0], was_cancelled=True, result=sent))
    (answer,) = answers(asked)
    assert (answer.state, answer.reason) == (AnswerState.SKIPPED, f"{SKIPPED}: {REASONS[0]}")
    assert answer.raw == sent


def test_who_gives_a_reason_and_answers_all_the_same_has_answered(asked: Engine) -> None:
    hear(asked, webhook(questions(asked)[0], result=[why(REASONS[1]), region()]))
    (answer,) = answers(asked)
    assert (answer.state, answer.reason) == (AnswerState.COUNTED, None)
    assert [box["id"] for box in answer.raw] == ["r1"]
    assert questions(asked)[0].state == QuestionState.ANSWERED


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ([], ""),
        ([why()], ""),
        ([region()], ""),
        ([why(REASONS[4])], REASONS[4]),
        ([why(REASONS[0], REASONS[1])], f"{REASONS[0]}, {REASONS[1]}"),
        ([why(REASONS[0]), why(REASONS[0])], REASONS[0]),
        ([why("<b>a word of one's own</b>")], ""),
        ([why({"a": 1}, None, ["x"])], ""),
        ([why(value=None)], ""),
        ([why(value={"choices": "car"})], ""),
        (None, ""),
        ({"from_name": "why"}, ""),
        ([None, 3, "why"], ""),
    ],
)
def test_only_a_known_reason_is_one_and_nothing_is_an_error(result: Any, words: str) -> None:
    reason = reason_of(result)
    assert reason.startswith(SKIPPED)
    assert words_of(reason) == words


def test_words_of_no_reason_are_none() -> None:
    assert words_of(None) == ""
