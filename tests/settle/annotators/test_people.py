"""What is told of people: how they agree, how they did at gold, what they could not answer. Nothing else."""

import pytest
from sqlalchemy import Engine

from tasks.review.decide.aggregate import weigh_answers
from tasks.review.decide.until import close_rest
from tasks.review.questions.bookmarks import learn_people
from tasks.review.questions.queue import Queue
from tasks.review.questions.skip_reasons import REASONS
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tasks.settle.annotators.people import PeopleReport, people_of, people_summary
from tasks.settle.effort import effort_of
from tasks.settle.labels import settle
from tests.review.builders import (
    QUEUE,
    Speaker,
    item_id,
    make_batch,
    post_slots,
    questions,
    region,
    slots_of,
    write_missed,
)

HERE, THERE = (100.0, 100.0, 220.0, 180.0), (800.0, 600.0, 900.0, 680.0)
A, B, C = (f"{name}@example.org" for name in ("ada", "ben", "chi"))
TWO = QUEUE.with_pool(AnnotatorPool(overlap=OverlapRule(least=2, most=2)))


@pytest.fixture
def people(engine: Engine) -> Speaker:
    """Three questions of two people each: one agreed on, one disputed, one skipped by two."""
    make_batch(engine, items=3)
    write_missed(engine, queue=TWO)
    post_slots(engine, TWO)
    learn_people(engine, {901: A, 902: B, 903: C})
    speaker = Speaker(engine)
    for number, edges in ((0, HERE), (1, THERE)):
        slots = slots_of(engine, item_id(number), TWO)
        speaker.say(A, slots["~1"], [region(f"a{number}", edges=HERE)])
        speaker.say(B, slots["~2"], [region(f"b{number}", edges=edges)])
    slots = slots_of(engine, item_id(2), TWO)
    for person in (A, B):
        for slot in ("~1", "~2"):
            speaker.skip(person, slots[slot])
    return speaker


def report(engine: Engine, queue: Queue = TWO) -> PeopleReport:
    weigh_answers(engine, queue, "b1", is_last=True)
    close_rest(engine, "mark-missed", "b1", 0, "pass_on")
    return people_of(engine, "b1")


def test_agreement_is_told_by_queue_and_person(engine: Engine, people: Speaker) -> None:
    (queue,) = report(engine).queues
    assert (queue.queue, queue.shared) == ("mark-missed", 3)
    assert queue.decided == {"settled": 1, "best_known": 1, "rework": 1}
    assert [(one.person, one.agrees) for one in queue.people] == [(A, pytest.approx(1 / 3)), (B, pytest.approx(1 / 3))]
    assert queue.alpha is not None


def test_what_two_skipped_is_listed_for_rework_and_becomes_no_label(engine: Engine, people: Speaker) -> None:
    (one,) = report(engine).rework
    assert (one.queue, one.item_id, one.reason) == ("mark-missed", item_id(2), f"skipped by {A}, {B}")
    settled = settle(engine, "b1", "d1", "r1")
    assert (settled.items_settled, settled.items_unsettled, settled.items_waiting) == (2, 1, 0)


def test_a_question_of_one_person_that_two_skip_names_who(engine: Engine) -> None:
    make_batch(engine, items=1)
    write_missed(engine)
    post_slots(engine, QUEUE)
    learn_people(engine, {901: A, 902: B, 903: C})
    speaker = Speaker(engine)
    for person in (A, B):
        speaker.skip(person, questions(engine)[0])
    assert [one.reason for one in people_of(engine, "b1").rework] == [f"skipped by {A}, {B}"]


def test_why_people_skipped_stands_beside_who_did(engine: Engine) -> None:
    make_batch(engine, items=1)
    write_missed(engine)
    post_slots(engine, QUEUE)
    learn_people(engine, {901: A, 902: B, 903: C})
    speaker, (question,) = Speaker(engine), questions(engine)
    chosen = {"id": "w", "type": "choices", "from_name": "why", "to_name": "image", "value": {"choices": [REASONS[0]]}}
    speaker.say(A, question, [chosen], was_cancelled=True)
    speaker.skip(B, question)
    told = people_of(engine, "b1")
    assert [one.reason for one in told.rework] == [f"skipped by {A} ({REASONS[0]}), {B}"]
    assert REASONS[0] in people_summary(told)


def test_answers_that_do_not_count_are_told_with_their_reason(engine: Engine) -> None:
    named = QUEUE.with_pool(AnnotatorPool(annotators=(A,)))
    make_batch(engine, items=1)
    write_missed(engine, queue=named)
    post_slots(engine, named)
    Speaker(engine).say(B, questions(engine)[0], [region()])
    (queue,) = report(engine, named).queues
    assert queue.uncounted == {f"{B} is not among the people of queue 'mark-missed' ({A})": 1}


def test_slots_are_one_queue_in_the_human_seconds_and_the_consensus_costs_none(engine: Engine, people: Speaker) -> None:
    report(engine)
    effort = effort_of(engine, "b1", "d1", "r1")
    assert {(time.queue, time.person) for time in effort.times} == {("mark-missed", A), ("mark-missed", B)}
    assert effort.human_seconds == 8 * 4.5
    assert (effort.questions_asked, effort.questions_answered) == (3, 2)


def test_it_reads_as_tables(engine: Engine, people: Speaker) -> None:
    text = people_summary(report(engine))
    assert "Krippendorff's alpha" in text
    assert f"| {A} | 33% |" in text or f"| {A} | 33 % |" in text
    assert "1 for rework" in text


def test_where_each_question_was_one_persons_it_says_so(engine: Engine) -> None:
    make_batch(engine, items=1)
    assert "nothing to compare" in people_summary(people_of(engine, "b1"))
