"""A webhook is a hint that comes once, twice, late or forged: it is heard once, or refused, and never crashes us."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from blocks.errors import BadInput
from blocks.tables import AnswerState, QuestionState
from tasks.review.bookmarks import learn_people
from tasks.review.doorbell import annotations_in_webhook, hear
from tests.review.builders import (
    WIDTH,
    answers,
    deletion,
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
    assert report.recorded.new == 1
    assert (answer.person, answer.seconds, answer.state) == ("ann@example.com", 4.5, AnswerState.COUNTED)
    assert answer.raw == [
        {"id": "r1", "class_name": "car", "x_min": 96, "y_min": 64, "x_max": 192, "y_max": 128, "untouched": False}
    ]
    assert [question.state for question in questions(asked)] == [QuestionState.ANSWERED, QuestionState.POSTED]


def test_the_same_webhook_twice_changes_nothing(asked: Engine) -> None:
    body = webhook(questions(asked)[0])
    hear(asked, body)
    report = hear(asked, body)
    assert (report.recorded.new, report.recorded.repeated, report.changed_anything) == (0, 1, False)
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


@pytest.mark.parametrize("deleted_first", [True, False])
def test_a_deleted_answer_is_kept_and_does_not_count(asked: Engine, deleted_first: bool) -> None:
    question = questions(asked)[0]
    bodies = [deletion(1), webhook(question)]
    for body in bodies if deleted_first else reversed(bodies):
        hear(asked, body)
    assert [answer.state for answer in answers(asked)] == [AnswerState.DELETED]
    assert questions(asked)[0].state == QuestionState.POSTED


def test_a_skip_is_noted_and_answers_nothing(asked: Engine) -> None:
    report = hear(asked, webhook(questions(asked)[0], was_cancelled=True, result=[]))
    assert report.recorded.skipped == 1
    assert [answer.state for answer in answers(asked)] == [AnswerState.SKIPPED]
    assert questions(asked)[0].state == QuestionState.POSTED


@pytest.mark.parametrize(
    "result",
    [
        [region(), region("r2", "lorry")],
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
    assert (report.recorded.set_aside, answer.state) == (1, AnswerState.SET_ASIDE)
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
        assert hear(asked, body).recorded.foreign == 1
    assert answers(asked) == []


def test_an_answer_that_comes_before_posting_was_noted_counts(asked: Engine) -> None:
    question = questions(asked)[0]
    body = webhook(question)
    with_crash = "UPDATE question SET state = 'written', task_id = NULL"
    with asked.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql(with_crash)
    hear(asked, body)
    assert (questions(asked)[0].state, questions(asked)[0].task_id) == (QuestionState.ANSWERED, question.task_id)


def test_many_annotations_in_one_webhook_are_all_heard(asked: Engine) -> None:
    first, second = (webhook(question, n) for n, question in enumerate(questions(asked), start=1))
    body = {
        "action": "ANNOTATIONS_CREATED",
        "annotation": [first["annotation"], second["annotation"]],
        "task": [first["task"], second["task"]],
    }
    assert hear(asked, body).recorded.new == 2


def test_other_actions_change_nothing(asked: Engine) -> None:
    assert not hear(asked, {"action": "TASKS_CREATED", "tasks": []}).changed_anything


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("annotation.id", "1"),
        ("annotation.id", -1),
        ("annotation.id", 2**70),
        ("annotation.updated_at", "yesterday"),
        ("annotation.updated_at", "0001-01-01T00:00:00+14:00"),
        ("annotation.updated_at", "2026-11-01T12:00:00"),
        ("annotation.lead_time", "soon"),
        ("annotation.task", 999),
        ("task", None),
        ("task.data", []),
        ("action", 5),
        ("action", "x" * 1000),
    ],
)
def test_a_malformed_webhook_is_refused_with_its_reason(asked: Engine, field: str, value: Any) -> None:
    body = webhook(questions(asked)[0])
    *path, name = field.split(".")
    target: Any = body
    for part in path:
        target = target[part]
    target[name] = value
    with pytest.raises(BadInput, match="no Label Studio webhook"):
        hear(asked, body)
    assert answers(asked) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_a_webhook_or_is_refused(body: Any) -> None:
    try:
        annotations_in_webhook(body)
    except BadInput as error:
        assert "no Label Studio webhook" in str(error)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    field=st.sampled_from(["result", "lead_time", "was_cancelled", "completed_by", "updated_at", "created_username"]),
    value=json_values,
)
def test_a_real_webhook_with_any_value_in_it_is_heard_or_refused(asked: Engine, field: str, value: Any) -> None:
    body = webhook(questions(asked)[0], **{field: value})
    try:
        hear(asked, body)
    except BadInput:
        return
    assert all(answer.raw is not None for answer in answers(asked))
