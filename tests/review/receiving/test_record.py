"""What Label Studio says of an answer is heard once however often it says so, and kept even where it is of no use."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import Engine

from blocks.database.engine import writing
from blocks.database.tables import AnswerState, QuestionState
from tasks.review.questions.bookmarks import deleted_annotation, learn_people, write_bookmarks
from tests.examples import examples
from tests.review.builders import (
    WIDTH,
    answers,
    deletion,
    hear,
    make_batch,
    pretend_posted,
    questions,
    region,
    webhook,
    write_missed,
)


@pytest.fixture
def asked(engine: Engine) -> Engine:
    """A catalogue with two posted questions."""
    make_batch(engine, items=2)
    write_missed(engine)
    pretend_posted(engine)
    return engine


def test_an_answer_is_written_with_its_person_seconds_and_boxes(asked: Engine) -> None:
    learn_people(asked, {3: "ann@example.com"})
    report = hear(asked, webhook(questions(asked)[0]))
    (answer,) = answers(asked)
    assert report.new == 1
    assert (answer.person, answer.seconds, answer.state) == ("ann@example.com", 4.5, AnswerState.COUNTED)
    assert answer.raw == [
        {"id": "r1", "class_name": "car", "x_min": 96, "y_min": 64, "x_max": 192, "y_max": 128, "untouched": False}
    ]
    assert [question.state for question in questions(asked)] == [QuestionState.ANSWERED, QuestionState.POSTED]


def test_the_same_webhook_twice_changes_nothing(asked: Engine) -> None:
    body = webhook(questions(asked)[0])
    hear(asked, body)
    report = hear(asked, body)
    assert (report.new, report.repeated) == (0, 1)
    assert len(answers(asked)) == 1


def test_a_person_whose_number_is_new_gets_their_name_later(asked: Engine) -> None:
    hear(asked, webhook(questions(asked)[0]))
    assert [answer.person for answer in answers(asked)] == ["user 3"]
    learn_people(asked, {3: "ann@example.com"})
    assert [answer.person for answer in answers(asked)] == ["ann@example.com"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_last_edit_counts_whatever_the_order(asked: Engine, order: tuple[int, int]) -> None:
    question = questions(asked)[0]
    edits = [webhook(question), webhook(question, minute=9, action="ANNOTATION_UPDATED", result=[])]
    for number in order:
        hear(asked, edits[number])
    assert [(answer.state, len(answer.raw)) for answer in answers(asked)] == [("superseded", 1), ("counted", 0)]


def test_a_deleted_answer_is_kept_and_does_not_count(asked: Engine) -> None:
    question = questions(asked)[0]
    hear(asked, webhook(question))
    hear(asked, deletion(1))
    assert [answer.state for answer in answers(asked)] == [AnswerState.DELETED]
    assert questions(asked)[0].state == QuestionState.POSTED
    assert hear(asked, webhook(question)).new == 0  # a list that was read before
    assert [answer.state for answer in answers(asked)] == [AnswerState.DELETED]


def test_what_is_not_there_yet_cannot_be_deleted(asked: Engine) -> None:
    assert hear(asked, deletion(*range(1, 100))).deleted == 0
    hear(asked, webhook(questions(asked)[0]))
    assert [answer.state for answer in answers(asked)] == [AnswerState.COUNTED]


def test_a_deletion_that_was_noted_before_there_was_an_answer_is_forgotten(asked: Engine) -> None:
    """Catalogues of earlier versions may hold what somebody forged."""
    with writing(asked) as session:
        write_bookmarks(session, {deleted_annotation(number): "yes" for number in range(1, 9)})
    hear(asked, webhook(questions(asked)[0]))
    assert [answer.state for answer in answers(asked)] == [AnswerState.COUNTED]
    hear(asked, deletion(1))
    hear(asked, webhook(questions(asked)[0], minute=1, action="ANNOTATION_UPDATED"))
    assert {answer.state for answer in answers(asked)} == {AnswerState.DELETED, AnswerState.SUPERSEDED}


def test_a_skip_is_noted_and_answers_nothing(asked: Engine) -> None:
    report = hear(asked, webhook(questions(asked)[0], was_cancelled=True, result=[]))
    assert report.skipped == 1
    assert [answer.state for answer in answers(asked)] == [AnswerState.SKIPPED]
    assert questions(asked)[0].state == QuestionState.POSTED


@pytest.mark.parametrize(
    "result",
    [
        [region("r2", "lorry")],
        [region(edges=(0, 0, WIDTH + 50, 50))],
        [region(value={**region()["value"], "rotation": 12.5})],
        [region(edges=(5, 5, 5, 50))],
        [region(from_name="other")],
        [{"relation": "odd", "x": float("nan")}],
        "text",
        None,
        [1, 2],
    ],
    ids=[
        *("unknown label", "outside", "rotated", "zero area", "another control"),
        *("no region", "text", "nothing", "numbers"),
    ],
)
def test_what_cannot_be_used_is_kept_raw_with_its_reason(asked: Engine, result: Any) -> None:
    report = hear(asked, webhook(questions(asked)[0], result=result))
    (answer,) = answers(asked)
    assert (report.set_aside, answer.state) == (1, AnswerState.SET_ASIDE)
    assert answer.reason
    kept = answer.raw if isinstance(result, list) and result != [1, 2] else answer.raw[0]["result"]
    assert json.dumps(kept).replace('"nan"', "NaN").replace('"NaN"', "NaN") == json.dumps(result)
    assert questions(asked)[0].state == QuestionState.POSTED


def test_tasks_of_others_are_counted_and_left_alone(asked: Engine) -> None:
    question = questions(asked)[0]
    unknown = webhook(question)
    unknown["task"]["data"]["question_id"] = "0" * 32
    nameless = webhook(question)
    nameless["task"]["data"] = {"image": "x"}
    copied = webhook(question, project=8)
    for body in (unknown, nameless, copied):
        assert hear(asked, body).foreign == 1
    assert answers(asked) == []


def test_an_answer_that_comes_before_posting_was_noted_counts(asked: Engine) -> None:
    question = questions(asked)[0]
    body = webhook(question)
    with_crash = "UPDATE question SET state = 'written', task_id = NULL"
    with asked.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql(with_crash)
    hear(asked, body)
    assert (questions(asked)[0].state, questions(asked)[0].task_id) == (QuestionState.ANSWERED, question.task_id)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(60), deadline=None)
@given(
    field=st.sampled_from(["result", "lead_time", "was_cancelled", "completed_by", "updated_at", "created_username"]),
    value=json_values,
)
def test_a_real_webhook_with_any_value_in_it_is_heard_or_refused(asked: Engine, field: str, value: Any) -> None:
    body = webhook(questions(asked)[0], **{field: value})
    try:
        hear(asked, body)
    except ValidationError:
        return
    assert all(answer.raw is not None for answer in answers(asked))
