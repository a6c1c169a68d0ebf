"""E-mails name the same person however they are written: at every door, and in rows of earlier days."""

import time
from datetime import timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine
from sqlmodel import select, update

from blocks.database.engine import reading, writing
from blocks.database.people_tables import Standing
from blocks.database.tables import Answer, AnswerState, utc_now
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.gold.annotator_status import reinstate, standing_of_people
from tasks.review.questions.bookmarks import learn_people
from tasks.review.questions.queue import mark_missed_queue
from tasks.review.questions.staffing import AnnotatorPool, GoldRule, OverlapRule
from tasks.review.receiving.annotations import HeardAnnotation
from tasks.settle.effort import effort_of
from tests.review.builders import (
    NOON,
    QUEUE,
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

TYPED, KEPT = "Ada.Lovelace@Example.ORG", "ada.lovelace@example.org"


@pytest.mark.parametrize(("named", "answering"), [(TYPED, KEPT), (KEPT, TYPED), (f" {TYPED} ", KEPT)])
def test_who_is_named_counts_however_the_address_is_written(engine: Engine, named: str, answering: str) -> None:
    queue = QUEUE.with_pool(AnnotatorPool(annotators=(named,)))
    make_batch(engine, 1)
    write_missed(engine, queue=queue)
    pretend_posted(engine, queue=queue)
    Speaker(engine).say(answering, questions(engine)[0], [region()])
    weigh_answers(engine, queue, "b1")
    (answer,) = answers(engine)
    assert (answer.state, answer.person) == (AnswerState.COUNTED, KEPT)


def test_answers_that_were_written_with_capitals_still_match(engine: Engine) -> None:
    queue = QUEUE.with_pool(AnnotatorPool(annotators=(KEPT,)))
    make_batch(engine, 1)
    write_missed(engine, queue=queue)
    pretend_posted(engine, queue=queue)
    Speaker(engine).say(KEPT, questions(engine)[0], [region()])
    with writing(engine) as session:
        session.exec(update(Answer).values(person=TYPED))
    weigh_answers(engine, queue, "b1")
    assert answers(engine)[0].state == AnswerState.COUNTED
    assert [time.person for time in effort_of(engine, "b1", "d1", "r1").times] == [KEPT]


def test_the_same_address_twice_is_one_person_and_refused_as_two() -> None:
    with pytest.raises(ValidationError, match="must be different e-mails"):
        AnnotatorPool(annotators=(TYPED, KEPT))
    with pytest.raises(ValidationError, match="must be different e-mails"):
        AnnotatorPool(annotators=(TYPED, KEPT), overlap=OverlapRule(least=2))
    assert mark_missed_queue(["car"], (TYPED,)).annotators == (KEPT,)
    assert AnnotatorPool(annotators=(TYPED,)).annotators == (KEPT,)


def test_label_studio_and_a_list_name_one_person(engine: Engine) -> None:
    learn_people(engine, {3: TYPED})
    listed = HeardAnnotation(id=1, updated_at=NOON, created_username=f"Ada {TYPED}, 3")
    assert listed.email == KEPT
    make_batch(engine, 1)
    write_missed(engine)
    pretend_posted(engine)
    hear(engine, webhook(questions(engine)[0]))
    assert answers(engine)[0].person == KEPT


def test_one_person_skips_once_however_the_address_is_written(engine: Engine) -> None:
    make_batch(engine, 1)
    write_missed(engine)
    pretend_posted(engine)
    speaker = Speaker(engine)
    (question,) = questions(engine)
    learn_people(engine, {1001: "ben@example.org", 1002: "chi@example.org"})
    speaker.skip(KEPT, question)
    with writing(engine) as session:
        session.exec(update(Answer).values(person=TYPED))
    speaker.skip(KEPT, question)
    assert questions(engine)[0].state == "posted"


def test_a_suspension_is_lifted_however_the_address_is_typed_and_was_kept(engine: Engine) -> None:
    facts = {"passed": 1, "of": 9, "lower": 0.1, "reason": "too few passed", "state": "suspended"}
    with writing(engine) as session:
        session.add(Standing(queue="mark-missed", person=TYPED, suspended_since=utc_now(), **facts))
    assert reinstate(engine, "mark-missed", KEPT.upper())
    standing_of_people(engine, QUEUE.with_pool(AnnotatorPool(gold=GoldRule())))
    with reading(engine) as session:
        (row,) = session.exec(select(Standing)).all()
    assert (row.person, row.state) == (KEPT, "on_trial")
    assert row.reinstated_at is not None and utc_now() - row.reinstated_at < timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("Ada Ada@Example.org, 3", "ada@example.org"),
        (f"{'@' * 50_000} ada@example.org, 3", "ada@example.org"),
        (f"{'x@' * 50_000}", None),
        ("Ada eve@example.org, 9 ada@example.org, 3", "ada@example.org"),
        ("ada@example.org, three", None),
        ("ada@example.org , 3", None),
        ("Ada @, 3", None),
        (", 3", None),
        ("", None),
    ],
)
def test_the_e_mail_is_read_from_a_list_at_once_whatever_people_call_themselves(text: str, email: str | None) -> None:
    began = time.thread_time()
    assert HeardAnnotation(id=1, updated_at=NOON, created_username=text).email == email
    assert time.thread_time() - began < 1
