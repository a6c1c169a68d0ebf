"""A skipped picture is never forgotten: it is listed with its reason, and asked again without losing what was done."""

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, writing
from blocks.database.tables import BatchItem, Outcome, Question, QuestionState, Route
from blocks.errors import BadOption
from blocks.storage.stores import Store
from tasks.audit.label_errors.record import claim_round
from tasks.audit.reopen import Reopened, reopen, reopened_page, settle_reopened, skipped_named
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.decide.until import close_rest
from tasks.review.questions.queues.films import WATCH_TRACKS
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tasks.settle.annotators.people import people_of, people_summary
from tasks.settle.annotators.skipped import UNANSWERED, count_skipped, in_pictures, skipped_of
from tasks.settle.in_force import labels_in_force
from tasks.settle.labels import settle
from tests.review.builders import (
    QUEUE,
    Speaker,
    answers,
    item_id,
    make_batch,
    post_slots,
    questions,
    region,
    write_missed,
)
from tests.settle.world import ask, make_film, say

A, B, C = (f"{name}@example.org" for name in ("ada", "ben", "chi"))
BOX = ("car", 0.5, Outcome.ASK, (96.0, 64.0, 192.0, 128.0))
SHOWN = [region("new")]


def name_of(number: int) -> str:
    return f"{item_id(number)[:6]}.jpg"


def question_about(engine: Engine, number: int, round_: int = 0) -> Question:
    return next(one for one in questions(engine) if one.item_id == item_id(number) and one.round == round_)


@pytest.fixture
def line(engine: Engine) -> Speaker:
    """Four pictures: one is answered, two are skipped by two people each, one was let lie until time was up."""
    make_batch(engine, 4, (BOX,))
    write_missed(engine)
    post_slots(engine, QUEUE)
    speaker = Speaker(engine)
    speaker.say(A, question_about(engine, 0), SHOWN)
    for number in (1, 2):
        for person in (A, B):
            speaker.skip(person, question_about(engine, number))
    close_rest(engine, QUEUE.name, "b1", 0, "drop")
    settle(engine, "b1", "d1", "r1")
    return speaker


def ask_again(engine: Engine, *names: str, run: str = "run-1") -> Reopened:
    reopened = reopen(engine, "lot", names, run)
    post_slots(engine, QUEUE)
    return reopened


def test_what_has_no_answer_is_listed_by_picture_with_its_reason(engine: Engine, line: Speaker) -> None:
    told = in_pictures(skipped_of(engine, "lot"))
    assert told == {name_of(1): f"skipped by {A}, {B}", name_of(2): f"skipped by {A}, {B}", name_of(3): UNANSWERED}
    assert count_skipped(engine) == {"lot": 3}
    page = people_summary(people_of(engine, "b1"))
    assert "3 for rework" in page and "labelline reopen" in page and name_of(3) in page


def test_more_than_a_database_takes_at_once_are_asked_again_in_parts(
    engine: Engine, line: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.audit.reopen.CHUNK_SIZE", 2)
    assert sum(one.questions.count for one in ask_again(engine).asked) == 3
    with reading(engine) as session:
        assert not any(session.exec(select(BatchItem.set_aside)))


def test_all_are_asked_again_in_a_further_round_and_nothing_done_is_lost(engine: Engine, line: Speaker) -> None:
    before = {one.id: one.model_dump() for one in questions(engine)}
    said = answers(engine)
    (again,) = ask_again(engine).asked
    assert (again.queue.name, again.questions.count) == ("mark-missed", 3)
    fresh = [one for one in questions(engine) if one.round == again.questions.round]
    assert {one.item_id for one in fresh} == {item_id(number) for number in (1, 2, 3)}
    assert {one.state for one in fresh} == {QuestionState.POSTED}
    assert {one.id: one.model_dump() for one in questions(engine) if one.id in before} == before
    assert answers(engine) == said
    assert skipped_of(engine, "lot") == ()  # nobody is told of what is being asked


def test_some_are_asked_again_by_file_name(engine: Engine, line: Speaker) -> None:
    (again,) = ask_again(engine, name_of(2)).asked
    assert again.questions.count == 1
    assert set(in_pictures(skipped_of(engine, "lot"))) == {name_of(1), name_of(3)}


def test_an_unknown_name_is_refused_with_what_was_meant(engine: Engine, line: Speaker) -> None:
    with pytest.raises(BadOption, match=f"Did you mean '{name_of(1)}'"):
        skipped_named(engine, "lot", [name_of(1)[:-1]])
    with pytest.raises(BadOption, match="is no picture of 'lot' without an answer"):
        reopen(engine, "lot", [name_of(0)], "run-1")


def test_the_same_run_asks_once_and_another_asks_what_is_left(engine: Engine, line: Speaker) -> None:
    first = ask_again(engine)
    count = len(questions(engine))
    assert ask_again(engine) == first
    assert len(questions(engine)) == count
    assert ask_again(engine, run="run-2").asked == ()


def test_what_people_say_then_becomes_labels_and_a_dropped_picture_is_back(
    engine: Engine, line: Speaker, store: Store
) -> None:
    reopened = ask_again(engine)
    (again,) = reopened.asked
    for number in (1, 3):
        line.say(C, question_about(engine, number, again.questions.round), SHOWN)
    for person in (A, B):
        line.skip(person, question_about(engine, 2, again.questions.round))
    report = settle_reopened(engine, store, reopened)
    assert (report.asked, report.revisions) == (3, 2)
    ids = [item_id(number) for number in range(4)]
    assert {id_ for id_, some in labels_in_force(engine, ids).items() if some} == {ids[0], ids[1], ids[3]}
    assert list(in_pictures(report.skipped)) == [name_of(2)]
    assert name_of(2) in reopened_page(report)
    with reading(engine) as session:
        assert {row.set_aside for row in session.exec(select(BatchItem))} == {None}


def test_what_is_said_then_of_a_film_gets_a_track_as_well(engine: Engine, line: Speaker, store: Store) -> None:
    ids = [item_id(number) for number in range(4)]
    make_film(engine, ids)
    reopened = ask_again(engine)
    (again,) = reopened.asked
    for number in (1, 2, 3):
        line.say(C, question_about(engine, number, again.questions.round), SHOWN)
    settle_reopened(engine, store, reopened)
    found = [one for some in labels_in_force(engine, ids).values() for one in some]
    assert len(found) == 4
    assert {one.track for one in found} == {found[0].track} != {None}


def test_a_picture_that_a_run_still_asks_about_is_left_to_it(engine: Engine, line: Speaker) -> None:
    make_batch(engine, 2, (BOX,), batch_id="b2", first=10)
    write_missed(engine, "b2")
    post_slots(engine, QUEUE)
    for person in (A, B):
        line.skip(person, question_about(engine, 10))
    reopened = ask_again(engine)
    assert reopened.waiting == (name_of(10),)
    assert {one.questions.batch_id for one in reopened.asked} == {"b1"}


def test_a_picture_in_a_film_that_stands_open_is_not_asked_about_meanwhile(engine: Engine, line: Speaker) -> None:
    round_ = claim_round(engine, "lot", "a film")
    film = ask(engine, item_id(1), queue=WATCH_TRACKS, round_=round_, batch_id="b1")
    reopened = ask_again(engine)
    assert (reopened.watched, [one.questions.count for one in reopened.asked]) == ((name_of(1),), [2])
    say(engine, film, [])
    reopened = ask_again(engine, name_of(1), run="run-2")
    assert (reopened.watched, [one.questions.count for one in reopened.asked]) == ((), [1])


def test_what_was_asked_of_several_is_asked_again_of_several(engine: Engine) -> None:
    two = QUEUE.with_pool(AnnotatorPool(annotators=(A, B, C), overlap=OverlapRule(least=2, most=2)))
    make_batch(engine, 1, (BOX,))
    write_missed(engine, queue=two)
    post_slots(engine, two)
    speaker = Speaker(engine)
    slots = [one for one in questions(engine) if one.asked_id]
    for person in (A, B):
        for slot in slots:
            speaker.skip(person, slot)
    weigh_answers(engine, two, "b1", is_last=True)
    settle(engine, "b1", "d1", "r1")
    (again,) = ask_again(engine).asked
    assert again.queue.annotators == (A, B, C)
    assert sorted(one.queue for one in questions(engine) if one.round == again.questions.round) == [
        "mark-missed",
        "mark-missed~1",
        "mark-missed~2",
    ]


def test_an_audit_that_was_skipped_stays_blind(engine: Engine) -> None:
    make_batch(engine, 1, (BOX,), routes={0: Route.AUDIT})
    write_missed(engine)
    post_slots(engine, QUEUE)
    speaker = Speaker(engine)
    for person in (A, B):
        speaker.skip(person, questions(engine)[0])
    settle(engine, "b1", "d1", "r1")
    (again,) = ask_again(engine).asked
    asked = question_about(engine, 0, again.questions.round)
    assert (asked.payload["blind"], asked.payload["boxes"]) == (True, [])


def test_an_answer_that_is_taken_back_is_no_skip(engine: Engine, line: Speaker) -> None:
    with writing(engine) as session:
        session.get_one(Question, question_about(engine, 0).id).state = QuestionState.POSTED.value
    assert name_of(0) not in in_pictures(skipped_of(engine, "lot"))
