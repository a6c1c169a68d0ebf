"""An answer that is changed after its batch has settled becomes further revisions, once, and nothing else does."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import col, delete, select

from blocks.database.audit_tables import Said
from blocks.database.engine import reading, writing
from blocks.database.tables import Answer, AnswerState, Bookmark, Label, Outcome, Question, Route
from blocks.storage.stores import Store
from tasks.audit.label_errors.record import REVIEW_ROUND
from tasks.audit.risk_control import recheck
from tasks.audit.risk_control.recheck import watch_again
from tasks.audit.settle_edits import EditReport, SettledAgain, edits_page, settle_edited
from tasks.review.decide.aggregate import weigh_answers
from tasks.review.posting.outbox import Draft, write_questions
from tasks.review.questions.bookmarks import learn_people
from tasks.review.questions.queue import Queue, confirm_page_queue
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tasks.settle.in_force import labels_in_force
from tasks.settle.labels import settle
from tests.audit.lot import Lot, write_answers
from tests.audit.risk_control.test_recheck_changed import lot
from tests.review.builders import (
    CLASSES,
    QUEUE,
    Edges,
    Speaker,
    deletion,
    hear,
    item_id,
    make_batch,
    post_slots,
    proposal_id,
    questions,
    region,
    slots_of,
    write_missed,
)
from tests.review.questions.kinds.test_page import write_pages, wrong
from tests.triage.rows import BATCH

__all__ = ["lot"]

HERE, THERE = (100.0, 100.0, 220.0, 180.0), (800.0, 600.0, 900.0, 680.0)
A, B = "ada@example.org", "ben@example.org"
SURE_BOX = ("car", 0.9, Outcome.ACCEPT, HERE)


def asked(engine: Engine, queue: Queue = QUEUE, items: int = 1) -> Speaker:
    """Write a batch with a sure box on each item, and post a question about each."""
    make_batch(engine, items=items, boxes=[SURE_BOX])
    write_missed(engine, queue=queue)
    post_slots(engine, queue)
    learn_people(engine, {901: A, 902: B})
    return Speaker(engine)


@pytest.fixture
def ada(engine: Engine) -> Speaker:
    """One item that Ada answered about with one box, annotation 1, in a batch that has settled."""
    speaker = asked(engine)
    speaker.say(A, questions(engine)[0], [region("r", edges=HERE)], annotation_id=1)
    settle_line(engine)
    return speaker


def settle_line(engine: Engine) -> int:
    return settle(engine, "b1", "d1", "r1").revisions_written


def true_boxes(engine: Engine, number: int = 0) -> dict[str, Edges]:
    labels = labels_in_force(engine, [item_id(number)])[item_id(number)]
    found = {one.region: (one.x_min, one.y_min, one.x_max, one.y_max) for one in labels}
    return {
        region_id: (round(a, 3), round(b, 3), round(c, 3), round(d, 3)) for region_id, (a, b, c, d) in found.items()
    }


def history(engine: Engine) -> list[tuple[str, int, bool]]:
    with reading(engine) as session:
        rows = session.exec(select(Label).order_by(col(Label.region), col(Label.revision))).all()
    return [(row.region, row.revision, row.retracted) for row in rows]


def test_where_nothing_was_ever_said_nothing_is_settled_again(engine: Engine, store: Store) -> None:
    assert settle_edited(engine, store) == EditReport()
    assert "None." in edits_page(EditReport())


def test_while_nobody_changes_an_answer_no_revision_is_added(engine: Engine, ada: Speaker, store: Store) -> None:
    assert settle_edited(engine, store).revisions == 0
    assert history(engine) == [("r", 0, False)]


def test_an_edited_answer_becomes_a_further_revision_once_and_only_once(
    engine: Engine, ada: Speaker, store: Store
) -> None:
    ada.say(A, questions(engine)[0], [region("r", edges=THERE)], annotation_id=1)
    changed = SettledAgain(batch_id="b1", items=1, revisions=1, waiting=0)
    assert settle_edited(engine, store) == EditReport(batches=(changed,))
    assert (true_boxes(engine), history(engine)) == ({"r": THERE}, [("r", 0, False), ("r", 1, False)])
    assert settle_edited(engine, store).revisions == 0
    assert settle_line(engine) == 0, "nothing is left for a line to do"
    assert history(engine) == [("r", 0, False), ("r", 1, False)]


def test_an_answer_submitted_again_as_it_was_makes_no_revision(engine: Engine, ada: Speaker, store: Store) -> None:
    ada.say(A, questions(engine)[0], [region("r", edges=HERE)], annotation_id=1)
    report = settle_edited(engine, store)
    assert (report.batches[0].items, report.revisions, history(engine)) == (0, 0, [("r", 0, False)])


def test_an_answer_taken_back_takes_its_labels_back_once_until_somebody_answers_again(
    engine: Engine, ada: Speaker, store: Store
) -> None:
    hear(engine, deletion(1))
    assert settle_edited(engine, store) == EditReport(
        batches=(SettledAgain(batch_id="b1", items=1, revisions=1, waiting=1),)
    )
    assert (true_boxes(engine), settle_edited(engine, store).revisions) == ({}, 0)
    ada.say(B, questions(engine)[0], [region("r", edges=THERE)], annotation_id=2)
    assert settle_edited(engine, store).revisions == 1
    assert history(engine) == [("r", 0, False), ("r", 1, True), ("r", 2, False)]


def test_an_answer_edited_into_what_cannot_be_used_takes_its_labels_back(
    engine: Engine, ada: Speaker, store: Store
) -> None:
    ada.say(A, questions(engine)[0], [region("r", class_name="lory")], annotation_id=1)
    assert (settle_edited(engine, store).batches[0].waiting, true_boxes(engine)) == (1, {})


def test_a_question_skipped_after_all_leaves_what_the_machine_is_sure_of(
    engine: Engine, ada: Speaker, store: Store
) -> None:
    ada.say(A, questions(engine)[0], [], annotation_id=1, was_cancelled=True)
    settle_edited(engine, store)
    assert true_boxes(engine) == {proposal_id(item_id(0), 0): HERE}


def test_only_the_items_of_changed_answers_are_settled_again(engine: Engine, store: Store) -> None:
    speaker = asked(engine, items=3)
    for number, question in enumerate(questions(engine)):
        speaker.say(A, question, [region(f"r{number}", edges=HERE)], annotation_id=number + 1)
    settle_line(engine)
    age(engine)
    speaker.say(A, questions(engine)[1], [], annotation_id=2)
    assert settle_edited(engine, store) == EditReport(
        batches=(SettledAgain(batch_id="b1", items=1, revisions=1, waiting=0),)
    )


def age(engine: Engine) -> None:
    """Let an hour pass since everything that has been said."""
    with writing(engine) as session:
        for answer in session.exec(select(Answer)):
            answer.received_at -= timedelta(hours=1)
            session.add(answer)


def test_a_batch_that_has_not_settled_is_left_to_its_line(engine: Engine, store: Store) -> None:
    speaker = asked(engine)
    speaker.say(A, questions(engine)[0], [region("r")], annotation_id=1)
    speaker.say(A, questions(engine)[0], [], annotation_id=1)
    assert (settle_edited(engine, store), history(engine)) == (EditReport(), [])


def test_a_second_look_is_settled_by_its_own_run_and_its_edits_by_the_sweep(
    engine: Engine, ada: Speaker, store: Store
) -> None:
    drafts = [Draft("b1", item_id(0), questions(engine)[0].payload, round=REVIEW_ROUND)]
    write_questions(engine, QUEUE, drafts)
    post_slots(engine, QUEUE)
    look = next(one for one in questions(engine) if one.round == REVIEW_ROUND)
    ada.say(B, look, [region("r", edges=THERE)], annotation_id=2)
    assert (settle_edited(engine, store).revisions, true_boxes(engine)) == (0, {"r": HERE})
    assert settle_line(engine) == 1
    ada.say(B, look, [], annotation_id=2)
    assert (settle_edited(engine, store).revisions, true_boxes(engine)) == (1, {})


def test_what_is_edited_below_a_second_look_does_not_outvote_it(engine: Engine, ada: Speaker, store: Store) -> None:
    drafts = [Draft("b1", item_id(0), questions(engine)[0].payload, round=REVIEW_ROUND)]
    first = questions(engine)[0]
    write_questions(engine, QUEUE, drafts)
    post_slots(engine, QUEUE)
    look = next(one for one in questions(engine) if one.round == REVIEW_ROUND)
    ada.say(B, look, [region("r", edges=THERE)], annotation_id=2)
    settle_line(engine)
    ada.say(A, first, [], annotation_id=1)
    assert (settle_edited(engine, store).revisions, true_boxes(engine)) == (0, {"r": THERE})


def test_gold_is_none_of_the_labels(engine: Engine, ada: Speaker, store: Store) -> None:
    write_questions(engine, QUEUE, [Draft("b1", item_id(0), questions(engine)[0].payload, "gold", gold_id="g")])
    post_slots(engine, QUEUE)
    gold = next(one for one in questions(engine) if one.gold_id)
    settle_line(engine)
    age(engine)
    ada.say(A, gold, [region("x", edges=THERE)], annotation_id=9)
    assert (settle_edited(engine, store), true_boxes(engine)) == (EditReport(), {"r": HERE})


def test_what_two_people_agreed_on_follows_when_both_change_it(engine: Engine, store: Store) -> None:
    two = QUEUE.with_pool(AnnotatorPool(overlap=OverlapRule(least=2, most=2)))
    speaker = asked(engine, two)
    slots = slots_of(engine, item_id(0), two)
    for number, (person, slot) in enumerate(((A, "~1"), (B, "~2"))):
        speaker.say(person, slots[slot], [region(f"r{number}", edges=HERE)], annotation_id=number + 1)
    weigh_answers(engine, two, "b1", is_last=True)
    settle_line(engine)
    assert list(true_boxes(engine).values()) == [HERE]
    for number, (person, slot) in enumerate(((A, "~1"), (B, "~2"))):
        speaker.say(person, slots[slot], [region(f"r{number}", edges=THERE)], annotation_id=number + 1)
    assert settle_edited(engine, store).revisions > 0
    assert list(true_boxes(engine).values()) == [THERE]
    before = history(engine)
    assert (settle_edited(engine, store).revisions, history(engine)) == (0, before)
    assert len([one for one in questions(engine) if one.asked_id]) == 2, "nobody is asked any more"


def test_an_edit_by_somebody_whose_answers_do_not_count_changes_nothing(engine: Engine, store: Store) -> None:
    named = QUEUE.with_pool(AnnotatorPool(annotators=(A,)))
    speaker = asked(engine, named)
    (question,) = questions(engine)
    speaker.say(A, question, [region("r", edges=HERE)], annotation_id=1)
    weigh_answers(engine, named, "b1", is_last=True)
    settle_line(engine)
    speaker.say(B, question, [region("r", edges=THERE)], annotation_id=2)
    assert (settle_edited(engine, store).revisions, true_boxes(engine)) == (0, {"r": HERE})


def test_a_crop_removed_from_a_page_later_is_no_label_any_more_wherever_its_page_stands(
    engine: Engine, store: Store
) -> None:
    make_batch(engine, items=2, boxes=[("car", 0.99, Outcome.ACCEPT, HERE)], routes={0: Route.SURE, 1: Route.SURE})
    write_pages(engine)
    pages = confirm_page_queue(CLASSES)
    post_slots(engine, pages)
    speaker, (page,) = Speaker(engine), questions(engine)
    speaker.say(A, page, [], annotation_id=1)
    settle_line(engine)
    gone = next(number for number in (0, 1) if item_id(number) != page.item_id)
    speaker.say(A, page, [wrong(proposal_id(item_id(gone), 0))], annotation_id=1)
    report = settle_edited(engine, store)
    assert (report.batches[0].items, report.revisions) == (1, 1)
    assert (true_boxes(engine, gone), len(true_boxes(engine, 1 - gone))) == ({}, 1)


def test_boxes_judged_alone_follow_their_edited_answers_and_their_threshold_still_ends(lot: Lot, store: Store) -> None:
    settle_edited(lot.engine, store)
    questions = judged_alone(lot.engine, 40)
    hear(lot.engine, deletion(*annotations_of(lot.engine, questions)))
    write_answers(lot.engine, [(one, Said.NOTHING) for one in questions], AnswerState.COUNTED)
    assert settle_edited(lot.engine, store).revisions == 40
    with reading(lot.engine) as session:
        gone = session.exec(select(Label.region).where(col(Label.retracted))).all()
    assert set(gone) == {one.subject for one in questions}
    assert watch_again(lot.engine, "lot") == {BATCH: ("car",)}


def test_a_threshold_is_looked_at_again_also_where_the_sweep_was_first_to_hear_of_a_deletion(
    lot: Lot, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    hear(lot.engine, deletion(*annotations_of(lot.engine, judged_alone(lot.engine, 1))))
    settle_edited(lot.engine, store)
    looked = []
    monkeypatch.setattr(recheck, "recheck_thresholds", lambda *of: looked.append(of))
    watch_again(lot.engine, "lot")
    watch_again(lot.engine, "lot")
    assert len(looked) == 1


def judged_alone(engine: Engine, count: int) -> list[Question]:
    with reading(engine) as session:
        return list(session.exec(select(Question).where(Question.queue == "confirm-box").limit(count)).all())


def annotations_of(engine: Engine, asked: list[Question]) -> list[int]:
    with reading(engine) as session:
        mine = col(Answer.question_id).in_([one.id for one in asked])
        return list(session.exec(select(Answer.annotation_id).where(mine)).all())


def test_a_batch_settled_by_an_earlier_version_without_a_note_counts_from_when_it_settled(
    engine: Engine, ada: Speaker, store: Store
) -> None:
    with writing(engine) as session:
        session.exec(delete(Bookmark).where(col(Bookmark.name).startswith("settle batch")))
    ada.say(A, questions(engine)[0], [], annotation_id=1)
    assert settle_edited(engine, store).revisions == 1


def test_the_page_names_the_batches_that_changed_and_what_cannot_be_read() -> None:
    same = SettledAgain(batch_id="same", items=4, revisions=0, waiting=0)
    other = SettledAgain(batch_id="other", items=2, revisions=3, waiting=1, unreadable=("f" * 64,) * 21)
    text = edits_page(EditReport(batches=(same, other)))
    assert "| other | 2 | 3 | 1 |" in text
    assert "same |" not in text
    assert "ffffffffffff and 1 more" in text
