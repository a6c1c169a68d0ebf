"""What a person said counts as far as it can: one bad region, or a relation, never voids the good boxes beside it."""

from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.people_tables import AnswerPart
from blocks.database.tables import AnswerState, QuestionState
from tasks.settle.annotators.people import people_of, people_summary
from tests.review.builders import (
    Speaker,
    answers,
    hear,
    make_batch,
    pretend_posted,
    questions,
    region,
    webhook,
    write_missed,
)

A = "ada@example.org"
RELATION = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"}
TWO = [region("a"), region("b", edges=(300, 300, 400, 400))]
FLAT = region("flat", edges=(5, 5, 5, 50))


@pytest.fixture
def asked(engine: Engine) -> Engine:
    make_batch(engine, 1)
    write_missed(engine)
    pretend_posted(engine)
    return engine


def parts(engine: Engine) -> list[AnswerPart]:
    with reading(engine) as session:
        return list(session.exec(select(AnswerPart).order_by(AnswerPart.position)))


def test_a_relation_between_two_good_boxes_is_kept_and_voids_neither(asked: Engine) -> None:
    Speaker(asked).say(A, questions(asked)[0], [*TWO, RELATION])
    (answer,) = answers(asked)
    assert (answer.state, [box["id"] for box in answer.raw]) == (AnswerState.COUNTED, ["a", "b"])
    assert [(part.position, part.is_region, part.raw) for part in parts(asked)] == [(2, False, RELATION)]


def test_a_bad_region_is_set_aside_alone_and_shown_with_its_reason(asked: Engine) -> None:
    Speaker(asked).say(A, questions(asked)[0], [TWO[0], FLAT, TWO[1]])
    (answer,) = answers(asked)
    assert (answer.state, len(answer.raw)) == (AnswerState.COUNTED, 2)
    (part,) = parts(asked)
    assert (part.position, part.is_region, part.raw) == (1, True, FLAT)
    page = people_summary(people_of(asked, "b1"))
    assert "1 region is set aside in answers that count" in page
    assert "'flat' has no area" in page and A in page


def test_where_no_region_is_left_the_whole_answer_is_set_aside_and_does_not_say_nothing_is_there(asked: Engine) -> None:
    Speaker(asked).say(A, questions(asked)[0], [FLAT, RELATION, region("far", edges=(9000, 0, 9100, 50))])
    (answer,) = answers(asked)
    assert answer.state == AnswerState.SET_ASIDE
    assert "none of its 2 regions can be used: box 'flat' has no area" in (answer.reason or "")
    assert (len(answer.raw), parts(asked)) == (3, [])


def test_a_comment_beside_nothing_still_says_that_nothing_is_there(asked: Engine) -> None:
    comment = {"type": "textarea", "from_name": "note", "to_name": "image", "value": {"text": ["empty yard"]}}
    Speaker(asked).say(A, questions(asked)[0], [comment])
    (answer,) = answers(asked)
    assert (answer.state, answer.raw) == (AnswerState.COUNTED, [])
    assert questions(asked)[0].state == QuestionState.ANSWERED


def test_heard_twice_its_parts_are_kept_once(asked: Engine) -> None:
    body = webhook(questions(asked)[0], result=[*TWO, FLAT, RELATION])
    hear(asked, body)
    hear(asked, body)
    assert [part.position for part in parts(asked)] == [2, 3]


@pytest.mark.parametrize("result", ["text", None, {"a": 1}, 3], ids=str)
def test_what_is_no_list_refuses_the_whole_answer(asked: Engine, result: Any) -> None:
    hear(asked, webhook(questions(asked)[0], result=result))
    assert [(one.state, "no list" in (one.reason or "")) for one in answers(asked)] == [("set_aside", True)]
