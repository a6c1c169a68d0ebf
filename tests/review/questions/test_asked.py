"""Who was asked with a batch counts for that batch, whatever a later batch of the collection names.

A collection's batches share queues and projects, and each brings options of its own. A person who answers a question
that was open before the options changed has done what was asked: nothing of it may be voided or asked again.
"""

from uuid import uuid4

import pytest
from sqlalchemy import Engine
from sqlmodel import col, delete, select

from blocks.database.engine import reading, writing
from blocks.database.people_tables import Decision, Gold
from blocks.database.tables import AnswerState, Batch, Bookmark, Question, QuestionState, utc_now
from blocks.servers.annotation_server import AnnotationServer
from infra.annotators.desk import find_desks
from tasks.review.decide.aggregate import weigh_again, weigh_answers, weigh_edited
from tasks.review.gold.marks import mark_gold
from tasks.review.posting.outbox import note_posted, post_questions
from tasks.review.posting.projects import ensure_project
from tasks.review.questions.bookmarks import queue_of_project, write_bookmarks
from tasks.review.questions.queue import Queue, mark_missed_queue
from tasks.review.questions.staffing import AnnotatorPool, GoldRule, OverlapRule
from tasks.review.receiving.record import settle_states
from tests.review.builders import (
    QUEUE,
    Speaker,
    answer_alike,
    answers,
    make_batch,
    post_slots,
    questions,
    region,
    write_missed,
)

A, B, C = (f"{name}@example.org" for name in ("ada", "ben", "chi"))
OF_A, OF_B = QUEUE.with_pool(AnnotatorPool(annotators=(A,))), QUEUE.with_pool(AnnotatorPool(annotators=(B,)))
BOX = [region("drawn")]


def ask_batch(engine: Engine, batch_id: str, queue: Queue, items: int = 2, first: int = 0) -> list[Question]:
    make_batch(engine, items, batch_id=batch_id, first=first)
    write_missed(engine, batch_id, queue)
    post_slots(engine, queue)
    return of_batch(engine, batch_id)


def of_batch(engine: Engine, batch_id: str) -> list[Question]:
    return [one for one in questions(engine) if one.batch_id == batch_id]


def test_whoever_was_asked_with_a_batch_counts_though_a_later_one_names_others(engine: Engine) -> None:
    speaker = Speaker(engine)
    first = ask_batch(engine, "b1", OF_A)
    ask_batch(engine, "b2", OF_B, first=10)
    for question in first:
        speaker.say(A, question, BOX)
    weigh_edited(engine, "b1", {("mark-missed", 0)})  # as the sweep does, by what it knows of the batch
    assert [one.state for one in answers(engine)] == [AnswerState.COUNTED, AnswerState.COUNTED]
    assert {(one.queue, one.state) for one in of_batch(engine, "b1")} == {("mark-missed", QuestionState.ANSWERED)}


def test_who_is_named_by_a_later_batch_alone_does_not_count_in_an_earlier_one(engine: Engine) -> None:
    speaker = Speaker(engine)
    first = ask_batch(engine, "b1", OF_A, items=1)
    ask_batch(engine, "b2", OF_B, first=10)
    speaker.say(B, first[0], BOX)
    weigh_edited(engine, "b1", {("mark-missed", 0)})
    (answer,) = answers(engine)
    assert (answer.state, "ben@example.org is not among the people" in (answer.reason or "")) == ("uncounted", True)


def test_a_batch_that_another_run_goes_on_with_keeps_whom_it_was_asked_of(engine: Engine) -> None:
    speaker = Speaker(engine)
    first, second = ask_batch(engine, "b1", OF_A)
    write_missed(engine, "b1", OF_B)  # a run with other options takes the batch up
    speaker.say(A, first, BOX)
    speaker.say(B, second, BOX)
    weigh_answers(engine, OF_B, "b1")
    assert [one.state for one in answers(engine)] == [AnswerState.COUNTED, AnswerState.COUNTED]


def test_whom_the_first_run_asked_freely_is_everybody_for_good(engine: Engine) -> None:
    speaker = Speaker(engine)
    first, second = ask_batch(engine, "b1", QUEUE)
    write_missed(engine, "b1", OF_B)
    speaker.say(C, first, BOX)
    speaker.say(B, second, BOX)
    weigh_answers(engine, OF_B, "b1")
    assert {one.state for one in answers(engine)} == {AnswerState.COUNTED}


def test_several_people_asked_with_a_batch_stay_several(engine: Engine) -> None:
    both = QUEUE.with_pool(AnnotatorPool(overlap=OverlapRule(least=2, most=2)))
    speaker = Speaker(engine)
    ask_batch(engine, "b1", both, items=1)
    ask_batch(engine, "b2", QUEUE, first=10)
    (slot,) = [one for one in of_batch(engine, "b1") if one.queue == "mark-missed~1"]
    speaker.say(A, slot, BOX)
    weigh_again(engine, "b1")
    (asked,) = [one for one in of_batch(engine, "b1") if one.asked_id is None]
    assert asked.state == QuestionState.ANSWERED  # the last weighing takes what is known
    with reading(engine) as session:
        assert session.exec(select(Decision.step)).one() == "best_known"  # and says that one person was not enough


def test_the_only_person_asked_skips_for_good_though_a_later_batch_names_more(engine: Engine) -> None:
    speaker = Speaker(engine)
    (question,) = ask_batch(engine, "b1", OF_A, items=1)
    ask_batch(engine, "b2", QUEUE.with_pool(AnnotatorPool(annotators=(B, C))), first=10)
    speaker.skip(A, question)
    (asked,) = of_batch(engine, "b1")
    assert asked.state == QuestionState.REWORK


def test_a_round_more_is_asked_of_the_same_people_unless_it_names_others(engine: Engine) -> None:
    speaker = Speaker(engine)
    (question,) = ask_batch(engine, "b1", OF_A, items=1)
    with writing(engine) as session:
        row = session.get_one(Question, question.id)
        row.round = 1
    ask_batch(engine, "b2", OF_B, first=10)
    speaker.say(A, question, BOX)
    weigh_edited(engine, "b1", {("mark-missed", 1)})
    assert [one.state for one in answers(engine)] == [AnswerState.COUNTED]


def test_gold_of_a_batch_with_other_classes_is_not_hidden(engine: Engine) -> None:
    answer_alike(engine, 10, A, (100.0, 100.0, 220.0, 180.0))
    for question in questions(engine):
        mark_gold(engine, question.id, "an engineer")
    with writing(engine) as session:
        session.get_one(Batch, "b0").settled_at = utc_now()
    rule = GoldRule(share=0.4, min_accuracy=0.5, trial=5, window=10)
    more = mark_missed_queue(["car", "truck", "bus"]).with_pool(AnnotatorPool(gold=rule))
    ask_batch(engine, "b1", more, items=12, first=100)
    assert not [one for one in of_batch(engine, "b1") if one.gold_id]
    ask_batch(engine, "b2", QUEUE.with_pool(AnnotatorPool(gold=rule)), items=12, first=200)
    with reading(engine) as session:
        hidden = set(session.exec(select(Question.gold_id).where(Question.batch_id == "b2")))
        assert len(hidden - {None}) == 8
        assert hidden - {None} <= set(session.exec(select(Gold.id)))


def test_what_was_asked_before_batches_kept_their_queue_keeps_its_projects(engine: Engine) -> None:
    (question,) = ask_batch(engine, "b1", OF_A, items=1)
    forget_what_was_asked(engine)
    Speaker(engine).say(A, question, BOX)
    weigh_edited(engine, "b1", {("mark-missed", 0)})
    assert [one.state for one in answers(engine)] == [AnswerState.COUNTED]


def forget_what_was_asked(engine: Engine) -> None:
    """Bring a catalogue to the state of an earlier release, which kept queues by project alone."""
    with writing(engine) as session:
        session.exec(delete(Bookmark).where(col(Bookmark.name).like("review asked %")))


@pytest.mark.label_studio
class TestProjects:
    """What people read in Label Studio is what their batch asks."""

    def test_open_questions_of_other_classes_or_people_keep_their_project_to_themselves(
        self, engine: Engine, label_studio: AnnotationServer
    ) -> None:
        collection = f"asked-{uuid4().hex[:8]}"
        cars = mark_missed_queue(["car"], (A,))
        made = {}
        for number, (batch_id, queue) in enumerate(
            {
                "b1": cars,
                "b2": mark_missed_queue(["truck"], (A,)),
                "b3": mark_missed_queue(["car"], (B,)),
                "b4": cars,
            }.items()
        ):
            make_batch(engine, 1, batch_id=batch_id, first=10 * number, collection=collection)
            write_missed(engine, batch_id, queue)
            made[batch_id] = post_questions(engine, label_studio, queue, batch_id).project_id or 0
        assert len({made["b1"], made["b2"], made["b3"]}) == 3
        assert made["b4"] == made["b1"]
        kept = label_studio.call("GET", f"api/projects/{made['b1']}/")
        assert (kept["title"], kept["parsed_label_config"]["box"]["labels"]) == (f"{collection}: mark-missed", ["car"])
        assert kept["description"].endswith(f"For: {A}.")
        others = [label_studio.call("GET", f"api/projects/{made[name]}/") for name in ("b2", "b3")]
        assert [one["title"] for one in others] == [f"{collection}: mark-missed ({n})" for n in (2, 3)]
        assert {desk.project_id for desk in find_desks(label_studio, collection)} == set(made.values())
        assert {desk.queue for desk in find_desks(label_studio, collection)} == {"mark-missed"}

    def test_a_project_without_open_questions_is_used_again(
        self, engine: Engine, label_studio: AnnotationServer
    ) -> None:
        collection = f"again-{uuid4().hex[:8]}"
        make_batch(engine, 1, collection=collection)
        write_missed(engine, queue=OF_A)
        project = post_questions(engine, label_studio, OF_A, "b1").project_id or 0
        (question,) = questions(engine)
        forget_what_was_asked(engine)
        Speaker(engine).say(A, question, BOX)
        assert ensure_project(engine, label_studio, OF_B, collection) == project
        with writing(engine) as session:  # an edit that comes after the project was given to others
            settle_states(session, [question.id])
        weigh_edited(engine, "b1", {("mark-missed", 0)})
        assert [one.state for one in answers(engine)] == [AnswerState.COUNTED]

    def test_a_posting_that_was_cut_off_goes_on_in_its_project_though_others_are_named_now(
        self, engine: Engine, label_studio: AnnotationServer
    ) -> None:
        collection = f"cut-{uuid4().hex[:8]}"
        make_batch(engine, 4, collection=collection)
        write_missed(engine, queue=OF_A)
        project = post_questions(engine, label_studio, OF_A, "b1").project_id or 0
        with writing(engine) as session:  # one was sent and not noted, one was not sent
            ids = list(session.exec(select(Question).order_by(Question.id)))
            ids[0].state, ids[0].task_id = QuestionState.WRITTEN.value, None
            ids[1].state, ids[1].task_id, ids[1].project_id = QuestionState.WRITTEN.value, None, None
            task = ids[1].id
        assert task
        write_missed(engine, queue=OF_B)
        report = post_questions(engine, label_studio, OF_B, "b1", grace_s=0)
        assert (report.project_id, report.sent, report.found) == (project, 1, 1)
        assert label_studio.call("GET", f"api/projects/{project}/")["description"].endswith(f"For: {A}, {B}.")


def test_the_project_of_a_queue_is_still_named_by_its_bookmark(engine: Engine) -> None:
    """Benches and older catalogues name a project's queue alone: reading answers works from that."""
    make_batch(engine, 1)
    write_missed(engine)
    forget_what_was_asked(engine)
    with writing(engine) as session:
        write_bookmarks(session, {queue_of_project(7): OF_A.model_dump_json()})
    note_posted(engine, 7, {one.id: 5 for one in questions(engine)})
    (question,) = questions(engine)
    Speaker(engine).skip(A, question)
    assert questions(engine)[0].state == QuestionState.REWORK
