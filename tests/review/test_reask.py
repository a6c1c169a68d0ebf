"""What nobody answered is asked again, once in Label Studio at any time, and never under somebody's hands."""

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import writing
from blocks.database.tables import AnswerState, Batch, Question, QuestionState
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.decide.until import Until, close_rest, is_late, is_met, progress, progress_of_rounds
from tasks.review.posting.outbox import post_questions
from tasks.review.questions.queue import MARK_MISSED
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tasks.review.reask import ask_rest_again, closed_tasks, take_back_closed
from tasks.review.receiving.poll import read_all_changes
from tests.review.builders import (
    QUEUE,
    Speaker,
    answers,
    item_id,
    make_batch,
    post_slots,
    questions,
    region,
    slots_of,
    write_missed,
)

A, B = "ada@example.org", "ben@example.org"
TWO = QUEUE.with_pool(AnnotatorPool(overlap=OverlapRule(least=2, most=2)))
NOWHERE = AnnotationServer("http://127.0.0.1:9", "f" * 40, "http://127.0.0.1:9", "x", "y")
AGAIN = Until(share=0.5, rest="ask_again", times=2)


def asked_again(engine: Engine, server: AnnotationServer, round_: int = 0, until: Until = AGAIN) -> int:
    return ask_rest_again(engine, server, MARK_MISSED, "b1", round_, until)


def of_round(engine: Engine, round_: int) -> list[Question]:
    return [row for row in questions(engine) if row.round == round_]


def shown(server: AnnotationServer, engine: Engine) -> set[str]:
    """The questions that Label Studio shows."""
    project = next(row.project_id for row in questions(engine) if row.project_id)
    tasks = server.call("GET", "api/tasks/", params={"project": project, "page_size": 100})["tasks"]
    ids = [task["data"]["question_id"] for task in tasks]
    assert len(ids) == len(set(ids))
    return set(ids)


def later(engine: Engine, hours: float) -> None:
    """Let time pass: everything was posted so much earlier."""
    with writing(engine) as session:
        for row in session.exec(select(Question).where(col(Question.posted_at).is_not(None))):
            assert row.posted_at is not None
            row.posted_at -= timedelta(hours=hours)
            session.add(row)


def submit(server: AnnotationServer, question: Question, **more: object) -> None:
    body = {"result": [], "lead_time": 2.0, **more}
    server.call("POST", f"api/tasks/{question.task_id}/annotations/", body=body)


def take_back(engine: Engine, server: AnnotationServer, round_: int) -> int:
    return take_back_closed(server, closed_tasks(engine, MARK_MISSED, "b1", [round_]))


@pytest.fixture
def asked(engine: Engine, label_studio: AnnotationServer, request: pytest.FixtureRequest) -> Engine:
    """A catalogue with four questions that stand in a project of their own."""
    make_batch(engine, items=4, collection=f"again {request.node.name[-40:]}")
    write_missed(engine)
    post_questions(engine, label_studio, QUEUE, "b1")
    return engine


@pytest.mark.label_studio
def test_the_rest_becomes_the_next_round_and_stands_in_label_studio_once(
    asked: Engine, label_studio: AnnotationServer
) -> None:
    answered, *rest = questions(asked)
    submit(label_studio, answered)
    read_all_changes(asked, label_studio)
    assert [asked_again(asked, label_studio) for _ in range(2)] == [3, 3]
    again = of_round(asked, 1)
    assert {row.item_id for row in again} == {row.item_id for row in rest}
    assert {row.state for row in of_round(asked, 0)} == {QuestionState.ANSWERED, QuestionState.CLOSED}
    post_questions(asked, label_studio, QUEUE, "b1", 1)
    assert shown(label_studio, asked) == {answered.id, *(row.id for row in again)}

    submit(label_studio, of_round(asked, 1)[0])
    read_all_changes(asked, label_studio)
    assert asked_again(asked, label_studio, round_=1) == 2
    assert asked_again(asked, label_studio, round_=2) == 0, "at most twice"
    assert close_rest(asked, MARK_MISSED, "b1", 2, "ask_again") == 2
    rounds = [progress(asked, MARK_MISSED, "b1", number) for number in range(3)]
    total = progress_of_rounds(rounds)
    assert (total.asked, total.answered, total.closed) == (4, 2, 2)
    assert all(is_met(one, AGAIN) for one in rounds), "a run that starts from the top passes through every round"


@pytest.mark.label_studio
def test_what_somebody_has_worked_on_stays_where_it_is(
    asked: Engine, label_studio: AnnotationServer, colleague: httpx.Client
) -> None:
    begun, skipped, unheard, free = questions(asked)
    draft = {"result": [], "lead_time": 1.0}  # Label Studio shows it to nobody but the colleague
    colleague.post(f"/api/tasks/{begun.task_id}/drafts", json=draft).raise_for_status()
    submit(label_studio, skipped, was_cancelled=True)
    submit(label_studio, unheard)  # answered, and neither doorbell nor sweep has told us yet
    assert asked_again(asked, label_studio) == 1
    assert [row.item_id for row in of_round(asked, 1)] == [free.item_id]
    read_all_changes(asked, label_studio)
    assert {(row.question_id, row.state) for row in answers(asked)} == {
        (skipped.id, AnswerState.SKIPPED),
        (unheard.id, AnswerState.COUNTED),
    }


@pytest.mark.label_studio
def test_a_crash_after_a_task_was_taken_back_loses_no_question(asked: Engine, label_studio: AnnotationServer) -> None:
    first = questions(asked)[0]
    label_studio.call("DELETE", f"api/tasks/{first.task_id}/")
    assert asked_again(asked, label_studio) == 4
    assert first.item_id in {row.item_id for row in of_round(asked, 1)}


@pytest.mark.label_studio
def test_what_somebody_has_open_is_not_taken_from_under_their_hands(
    asked: Engine, label_studio: AnnotationServer, colleague: httpx.Client
) -> None:
    project = questions(asked)[0].project_id
    opened = colleague.get(f"/api/projects/{project}/next/").raise_for_status().json()["id"]
    ours = label_studio.call("GET", f"api/projects/{project}/next/")["id"]
    assert opened != ours
    assert asked_again(asked, label_studio) == 2
    assert {row.task_id for row in of_round(asked, 0) if row.state == QuestionState.POSTED} == {opened, ours}

    close_rest(asked, MARK_MISSED, "b1", 0, "pass_on")
    assert take_back(asked, label_studio, 0) == 2, "what moved to the next round is gone already"
    body = {"result": [region("late")], "lead_time": 2.0}
    colleague.post(f"/api/tasks/{opened}/annotations/", json=body).raise_for_status()
    read_all_changes(asked, label_studio)
    assert [row.state for row in answers(asked)] == [AnswerState.COUNTED]


@pytest.mark.label_studio
def test_what_a_line_has_closed_stands_no_more_before_what_is_asked_next(
    asked: Engine, label_studio: AnnotationServer
) -> None:
    answered, begun, *_ = questions(asked)
    submit(label_studio, answered)
    label_studio.call("POST", f"api/tasks/{begun.task_id}/drafts", body={"result": [], "lead_time": 1.0})
    read_all_changes(asked, label_studio)
    assert close_rest(asked, MARK_MISSED, "b1", 0, "pass_on") == 3
    assert [take_back(asked, label_studio, 0) for _ in range(2)] == [2, 2]
    assert shown(label_studio, asked) == {answered.id, begun.id}
    with writing(asked) as session:
        collection = session.get_one(Batch, "b1").collection
    make_batch(asked, items=2, first=10, batch_id="b2", collection=collection)
    write_missed(asked, "b2")
    post_questions(asked, label_studio, QUEUE, "b2")
    of_b2 = {row.id for row in questions(asked) if row.batch_id == "b2"}
    assert shown(label_studio, asked) == {answered.id, begun.id, *of_b2}


def test_slots_and_gold_are_taken_back_and_what_has_an_answer_is_not(engine: Engine) -> None:
    make_batch(engine, items=2)
    write_missed(engine, queue=TWO)
    post_slots(engine, TWO)
    slot = slots_of(engine, item_id(0), TWO)["~1"]
    Speaker(engine).say(A, slot, [region("a")])
    assert closed_tasks(engine, MARK_MISSED, "b1", [0]) == []
    weigh_answers(engine, TWO, "b1", is_last=True)
    close_rest(engine, MARK_MISSED, "b1", 0, "pass_on")
    tasks = {one.task_id for one in closed_tasks(engine, MARK_MISSED, "b1", [0])}
    assert tasks == {row.task_id for row in questions(engine) if row.asked_id and row.id != slot.id}
    assert closed_tasks(engine, MARK_MISSED, "b1", [1]) == closed_tasks(engine, MARK_MISSED, "b2", [0]) == []


def test_where_label_studio_is_away_closed_questions_stay_and_the_line_goes_on(engine: Engine) -> None:
    assert take_back_closed(NOWHERE, [(1, 2), (1, 3)]) == 0


@pytest.mark.parametrize("rest", ["pass_on", "drop"])
def test_other_rules_ask_nothing_again(engine: Engine, rest: str) -> None:
    make_batch(engine, items=2)
    write_missed(engine)
    assert asked_again(engine, NOWHERE, until=Until(share=0.5, rest=rest)) == 0  # type: ignore[arg-type]
    assert of_round(engine, 1) == []


def test_what_is_asked_of_several_keeps_its_slots_answers_and_question_and_waits_longer(engine: Engine) -> None:
    make_batch(engine, items=2)
    write_missed(engine, queue=TWO)
    post_slots(engine, TWO)
    people, (half, none) = Speaker(engine), (slots_of(engine, item_id(number), TWO) for number in range(2))
    people.say(A, half["~1"], [region("a")])
    tasks = {row.id: row.task_id for row in questions(engine)}
    until = Until(hours=24, rest="ask_again")

    later(engine, hours=25)
    assert not is_late(progress(engine, MARK_MISSED, "b1"), until)
    people.say(B, half["~2"], [region("b")])  # in the second period
    weigh_answers(engine, TWO, "b1")
    later(engine, hours=25)
    assert is_late(progress(engine, MARK_MISSED, "b1"), until)
    assert [asked_again(engine, NOWHERE, until=until) for _ in range(2)] == [0, 0]
    assert {row.id: row.task_id for row in questions(engine)} == tasks, "nothing was asked twice, or taken back"

    weigh_answers(engine, TWO, "b1", is_last=True)
    assert close_rest(engine, MARK_MISSED, "b1", 0, "ask_again") == 1
    total = progress_of_rounds([progress(engine, MARK_MISSED, "b1")])
    assert (total.asked, total.answered, total.closed) == (2, 1, 1)
    people.say(A, none["~1"], [region("late")])
    assert {row.state for row in answers(engine) if row.question_id == none["~1"].id} == {AnswerState.COUNTED}


@pytest.mark.label_studio
def test_a_round_with_some_questions_in_slots_stays_and_only_what_was_taken_back_is_asked_again(
    engine: Engine, label_studio: AnnotationServer, request: pytest.FixtureRequest
) -> None:
    named = QUEUE.with_pool(AnnotatorPool(annotators=(A,)))
    make_batch(engine, items=3, collection=f"again {request.node.name[-40:]}")
    write_missed(engine, queue=named)
    post_questions(engine, label_studio, named, "b1")
    stranger, gone, _ = questions(engine)
    submit(label_studio, stranger)  # somebody who may not answer: asked again in a slot
    read_all_changes(engine, label_studio)
    assert weigh_answers(engine, named, "b1").opened == 1
    label_studio.call("DELETE", f"api/tasks/{gone.task_id}/")  # as a call that died had left it
    assert [asked_again(engine, label_studio) for _ in range(2)] == [1, 1]
    assert [row.item_id for row in of_round(engine, 1)] == [gone.item_id]


def test_what_was_never_posted_moves_without_label_studio(engine: Engine) -> None:
    make_batch(engine, items=2)
    write_missed(engine)
    assert asked_again(engine, NOWHERE) == 2
    assert {row.state for row in of_round(engine, 1)} == {QuestionState.WRITTEN}
