"""Whose answers count: what somebody may not say is kept with its reason, and somebody else is asked."""

import pytest
from sqlalchemy import Engine

from blocks.database.tables import AnswerState, QuestionState
from tasks.review.decide.aggregate import Weighed, weigh_answers
from tasks.review.decide.until import Until, is_met, progress
from tasks.review.questions.bookmarks import learn_people
from tasks.review.questions.queue import Queue
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tasks.review.receiving.annotations import HeardAnnotation, HeardTask
from tasks.review.receiving.record import record_annotations
from tests.review.builders import (
    QUEUE,
    Speaker,
    answers,
    deletion,
    hear,
    item_id,
    make_batch,
    post_slots,
    questions,
    region,
    slots_of,
    webhook,
    write_missed,
)

A, B, C = (f"{name}@example.org" for name in ("ada", "ben", "chi"))
NAMED = QUEUE.with_pool(AnnotatorPool(annotators=(A, C)))
TWO = QUEUE.with_pool(AnnotatorPool(overlap=OverlapRule(least=2, most=3)))


def ask_people(engine: Engine, queue: Queue, items: int = 1) -> None:
    make_batch(engine, items=items)
    write_missed(engine, queue=queue)
    post_slots(engine, queue)


def weigh(engine: Engine, queue: Queue) -> Weighed:
    weighed = weigh_answers(engine, queue, "b1")
    post_slots(engine, queue)
    return weighed


def states(engine: Engine) -> list[str]:
    return [row.state for row in answers(engine) if row.annotation_id]


def test_the_answer_of_someone_who_may_not_is_kept_and_somebody_who_may_is_asked(engine: Engine) -> None:
    ask_people(engine, NAMED)
    question, people = questions(engine)[0], Speaker(engine)
    people.say(B, question, [region()])
    weighed = weigh(engine, NAMED)
    assert (weighed.uncounted, weighed.opened) == (1, 1)
    (kept,) = answers(engine)
    assert kept.raw and kept.state == AnswerState.UNCOUNTED
    assert kept.reason == f"{B} is not among the people of queue 'mark-missed' ({A}, {C})"
    assert not is_met(progress(engine, "mark-missed", "b1"), Until())

    people.say(A, slots_of(engine, item_id(0), NAMED)["~1"], [region("a")])
    assert weigh(engine, NAMED).courses == {"settled": 1}
    assert (states(engine), progress(engine, "mark-missed", "b1").answered) == (["uncounted", "counted"], 1)


def test_a_sweep_that_sees_the_task_again_does_not_miss_the_consensus_there(engine: Engine) -> None:
    ask_people(engine, NAMED)
    question, people = questions(engine)[0], Speaker(engine)
    number = people.say(B, question, [region()])
    weigh(engine, NAMED)
    people.say(A, slots_of(engine, item_id(0), NAMED)["~1"], [region("a")])
    weigh(engine, NAMED)
    note = HeardAnnotation(id=number, updated_at=answers(engine)[0].answered_at, result=[region()])
    task = HeardTask(
        id=question.task_id or 0,
        project_id=question.project_id or 0,
        data={"question_id": question.id},
        annotations=(note,),
        whole=True,
    )
    assert record_annotations(engine, [task], "sweep").missing == ()


def test_where_those_answer_who_may_no_slot_is_opened(engine: Engine) -> None:
    ask_people(engine, NAMED, items=2)
    people = Speaker(engine)
    for question in questions(engine):
        people.say(A, question, [])
    weighed = weigh(engine, NAMED)
    assert (weighed.opened, weighed.uncounted, weighed.courses, len(questions(engine))) == (0, 0, {}, 2)


def test_an_answer_counts_once_its_person_is_named(engine: Engine) -> None:
    ask_people(engine, NAMED)
    Speaker(engine).say(B, questions(engine)[0], [region()])
    weigh(engine, NAMED)
    wider = QUEUE.with_pool(AnnotatorPool(annotators=(A, B, C)))
    assert weigh(engine, wider).courses == {"settled": 1}
    assert states(engine) == ["counted"]
    assert progress(engine, "mark-missed", "b1").answered == 1


def test_somebody_unknown_counts_once_we_know_who_it_is(engine: Engine) -> None:
    ask_people(engine, NAMED)
    hear(engine, webhook(questions(engine)[0], completed_by=77))
    weigh(engine, NAMED)
    assert (states(engine), answers(engine)[0].person) == (["uncounted"], "user 77")
    learn_people(engine, {77: C})
    weigh(engine, NAMED)
    assert states(engine) == ["counted"]


def test_who_answers_a_second_slot_of_a_question_is_not_heard_twice(engine: Engine) -> None:
    ask_people(engine, TWO)
    slots, people = slots_of(engine, item_id(0), TWO), Speaker(engine)
    people.say(A, slots["~1"], [region("a")])
    people.say(A, slots["~2"], [region("a")])
    assert weigh(engine, TWO).opened == 1
    assert states(engine) == ["counted", "uncounted"]
    assert "in another slot" in str(answers(engine)[1].reason)
    people.say(B, slots_of(engine, item_id(0), TWO)["~3"], [region("b")])
    assert weigh(engine, TWO).courses == {"settled": 1}


def test_what_cannot_be_used_is_asked_of_somebody_else(engine: Engine) -> None:
    ask_people(engine, TWO)
    slots, people = slots_of(engine, item_id(0), TWO), Speaker(engine)
    people.say(A, slots["~1"], [region("a", "lorry")])
    people.say(B, slots["~2"], [region("b")])
    assert weigh(engine, TWO).opened == 1
    assert states(engine) == ["set_aside", "counted"]


def test_by_default_too_what_cannot_be_used_is_asked_of_somebody_else(engine: Engine) -> None:
    ask_people(engine, QUEUE, items=2)
    (bad, good), people = questions(engine), Speaker(engine)
    people.say(A, bad, [region("a", "lorry")])
    people.say(A, good, [region("g")])
    assert is_met(progress(engine, "mark-missed", "b1"), Until()), "the run wakes, and weighs"
    assert [weigh(engine, QUEUE).opened for _ in range(2)] == [1, 0]
    assert not is_met(progress(engine, "mark-missed", "b1"), Until())

    post_slots(engine, QUEUE)
    people.say(B, slots_of(engine, bad.item_id, QUEUE)["~1"], [region("b")])
    assert weigh(engine, QUEUE).courses == {"settled": 1}
    now = progress(engine, "mark-missed", "b1")
    assert (now.answered, now.passed, is_met(now, Until())) == (2, 0, True)
    mine = [row for row in answers(engine) if row.question_id == bad.id]
    assert [(row.state, row.person) for row in mine] == [("set_aside", A), ("counted", B)]
    assert [row.person for row in answers(engine) if row.question_id == good.id] == [A], "it is left alone"


def test_by_default_nothing_is_weighed_where_all_can_be_used(engine: Engine) -> None:
    ask_people(engine, QUEUE)
    Speaker(engine).say(A, questions(engine)[0], [region("a")])
    assert weigh(engine, QUEUE).courses == {}
    assert len(questions(engine)) == 1


def test_where_nobody_is_left_who_may_answer_it_is_for_rework(engine: Engine) -> None:
    alone = QUEUE.with_pool(AnnotatorPool(annotators=(A,), overlap=OverlapRule(least=1, most=2)))
    ask_people(engine, alone)
    Speaker(engine).say(A, slots_of(engine, item_id(0), alone)["~1"], [region("a", "lorry")])
    assert weigh(engine, alone).courses == {"rework": 1}
    assert is_met(progress(engine, "mark-missed", "b1"), Until())


@pytest.fixture
def posted(engine: Engine) -> Engine:
    """A posted question of a queue that everybody may answer, in a Label Studio of three users."""
    ask_people(engine, QUEUE)
    learn_people(engine, {900: A, 901: B, 902: C})
    return engine


def test_one_skip_leaves_a_question_to_others_and_a_second_sends_it_to_rework(posted: Engine) -> None:
    people = Speaker(posted)
    people.skip(A, questions(posted)[0])
    people.skip(A, questions(posted)[0])
    assert questions(posted)[0].state == QuestionState.POSTED
    assert not is_met(progress(posted, "mark-missed", "b1"), Until())
    people.skip(B, questions(posted)[0])
    assert questions(posted)[0].state == QuestionState.REWORK
    assert is_met(progress(posted, "mark-missed", "b1"), Until())


def test_an_answer_after_two_skips_ends_the_rework(posted: Engine) -> None:
    people = Speaker(posted)
    for person in (A, B):
        people.skip(person, questions(posted)[0])
    people.say(C, questions(posted)[0], [region()])
    assert questions(posted)[0].state == QuestionState.ANSWERED


def test_a_skip_that_is_taken_back_counts_no_more(posted: Engine) -> None:
    people = Speaker(posted)
    people.skip(A, questions(posted)[0])
    second = people.skip(B, questions(posted)[0])
    hear(posted, deletion(second))
    assert questions(posted)[0].state == QuestionState.POSTED


def test_where_one_person_may_answer_their_skip_is_the_last_word(engine: Engine) -> None:
    ask_people(engine, QUEUE.with_pool(AnnotatorPool(annotators=(A,))))
    Speaker(engine).skip(A, questions(engine)[0])
    assert questions(engine)[0].state == QuestionState.REWORK


def test_a_question_of_two_that_two_skip_in_one_slot_is_for_rework(engine: Engine) -> None:
    ask_people(engine, TWO)
    learn_people(engine, {900: A, 901: B, 902: C})
    slots, people = slots_of(engine, item_id(0), TWO), Speaker(engine)
    people.skip(A, slots["~1"])
    people.say(C, slots["~2"], [region("c")])
    assert weigh(engine, TWO).courses == {"wait": 1}
    people.skip(B, slots["~1"])
    assert weigh(engine, TWO).courses == {"rework": 1}
    assert progress(engine, "mark-missed", "b1").passed == 1
