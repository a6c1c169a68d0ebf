"""Answers that do not count are named, so that an operator can open them."""

from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import Answer, AnswerState
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tasks.settle.annotators.people import people_of, people_summary
from tasks.settle.annotators.unused_answers import LISTED, UnusedAnswers, read_unused, unused_summary
from tests.review.builders import (
    QUEUE,
    Speaker,
    deletion,
    hear,
    item_id,
    make_batch,
    post_slots,
    questions,
    region,
    slots_of,
    write_missed,
)

A, B = "ada@example.org", "ben@example.org"


def unused(engine: Engine) -> UnusedAnswers:
    with reading(engine) as session:
        return read_unused(session, "b1")


def broken_answers(engine: Engine, items: int) -> None:
    """Let Ada answer every question with a class that the queue does not have."""
    make_batch(engine, items=items)
    write_missed(engine)
    post_slots(engine, QUEUE)
    speaker = Speaker(engine)
    for question in questions(engine):
        speaker.say(A, question, [region(class_name="lory")])


def test_a_batch_of_which_every_answer_counts_lists_none(engine: Engine) -> None:
    make_batch(engine, items=1)
    write_missed(engine)
    post_slots(engine, QUEUE)
    Speaker(engine).say(A, questions(engine)[0], [region()])
    assert unused(engine) == UnusedAnswers()
    assert "is kept and" not in people_summary(people_of(engine, "b1"))


def test_an_answer_that_cannot_be_used_is_listed_with_what_it_takes_to_open_it(engine: Engine) -> None:
    broken_answers(engine, 1)
    (question,) = questions(engine)
    (one,) = unused(engine).listed
    assert (one.queue, one.item_id, one.person, one.task_id) == ("mark-missed", item_id(0), A, question.task_id)
    assert one.name == f"{item_id(0)[:6]}.jpg"
    assert "'lory'" in one.reason
    page = people_summary(people_of(engine, "b1"))
    assert "1 answer is kept and does not count" in page
    assert item_id(0)[:12] in page


def test_of_many_the_first_are_listed_and_the_others_counted(engine: Engine) -> None:
    broken_answers(engine, LISTED + 2)
    found = unused(engine)
    assert (found.count, len(found.listed)) == (LISTED + 2, LISTED)
    assert "2 more are in the catalogue" in unused_summary(found)


def test_an_answer_of_somebody_who_is_not_named_is_listed_too(engine: Engine) -> None:
    named = QUEUE.with_pool(AnnotatorPool(annotators=(A,)))
    make_batch(engine, items=1)
    write_missed(engine, queue=named)
    post_slots(engine, named)
    Speaker(engine).say(B, questions(engine)[0], [region()])
    weigh_answers(engine, named, "b1", is_last=True)
    assert [(one.person, "not among the people" in one.reason) for one in unused(engine).listed] == [(B, True)]


def test_an_unusable_answer_that_was_mended_is_listed_no_more(engine: Engine) -> None:
    make_batch(engine, items=1)
    write_missed(engine)
    post_slots(engine, QUEUE)
    (question,), speaker = questions(engine), Speaker(engine)
    speaker.say(A, question, [region(class_name="lory")], annotation_id=1)
    speaker.say(A, question, [region()], annotation_id=1)
    assert unused(engine) == UnusedAnswers()


def test_a_consensus_that_was_taken_back_is_nobodys_answer(engine: Engine) -> None:
    two = QUEUE.with_pool(AnnotatorPool(overlap=OverlapRule(least=2, most=2)))
    make_batch(engine, items=1)
    write_missed(engine, queue=two)
    post_slots(engine, two)
    speaker, slots = Speaker(engine), slots_of(engine, item_id(0), two)
    for number, (person, slot) in enumerate(((A, "~1"), (B, "~2"))):
        speaker.say(person, slots[slot], [region()], annotation_id=number + 1)
    weigh_answers(engine, two, "b1", is_last=True)
    hear(engine, deletion(1, 2))
    weigh_answers(engine, two, "b1", is_last=True)
    with reading(engine) as session:
        (taken_back,) = session.exec(select(Answer).where(Answer.heard_by == "consensus"))
    assert taken_back.state == AnswerState.UNCOUNTED
    assert unused(engine) == UnusedAnswers()
    assert [queue.uncounted for queue in people_of(engine, "b1").queues] == [{}]
