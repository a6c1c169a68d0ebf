"""Answers become judgements: the second look counts, silence is no yes, and no clock decides an order."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.audit_tables import Said
from blocks.database.engine import reading, writing
from blocks.database.tables import Answer, AnswerState, Question, QuestionState
from tasks.audit.risk_control.judgements import collect_judgements, read_judged
from tasks.audit.risk_control.sample_boxes import draw_evidence
from tasks.review.decide.until import close_rest
from tasks.review.drafts.box_checks import CONFIRM_AGAIN, CONFIRM_BOX, confirm_box_queue, draft_confirms
from tasks.review.drafts.items_and_kinds import write_once
from tests.audit.lot import (
    CLASSES,
    RISK_CONTROL,
    SCOPE,
    TRIAGE,
    Lot,
    answer,
    answer_all,
    answer_queue,
    judgements,
    make_lot,
)
from tests.triage.rows import BATCH


@pytest.fixture
def lot(engine: Engine) -> Lot:
    made = make_lot(engine)
    draw_evidence(engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL)
    return made


def asked_of(engine: Engine, queue: str) -> list[Question]:
    with reading(engine) as session:
        return list(session.exec(select(Question).where(Question.queue == queue).order_by(Question.id)))


def said(engine: Engine) -> list[str | None]:
    return [row.said for row in judgements(engine)]


def test_without_draws_there_is_nothing_to_collect(engine: Engine) -> None:
    make_lot(engine, items=2)
    assert collect_judgements(engine, SCOPE) == 0
    assert read_judged(engine, SCOPE) == {}


def test_open_questions_leave_judgements_open(lot: Lot) -> None:
    answer_all(lot.engine, lambda _: None)
    assert collect_judgements(lot.engine, SCOPE) == 0
    cars = read_judged(lot.engine, SCOPE)["car"]
    assert (cars.open, cars.evidence.units) == (300, 0)


def test_answers_are_kept_with_who_said_it_and_collecting_twice_changes_nothing(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    assert collect_judgements(lot.engine, SCOPE) == 300
    assert collect_judgements(lot.engine, SCOPE) == 0
    rows = judgements(lot.engine)
    assert {(row.said, row.person) for row in rows} == {("right", "ann@example.org")}
    assert all(row.answer_id and row.judged_at for row in rows)
    evidence = read_judged(lot.engine, SCOPE)["car"].evidence
    assert (evidence.units, int(evidence.wrong.sum())) == (300, 0)


def test_only_what_was_not_called_right_is_looked_at_again_and_the_second_word_counts(lot: Lot) -> None:
    drawn = [row.proposal_id for row in judgements(lot.engine)]
    first = {drawn[0]: Said.NOTHING, drawn[1]: Said.WRONG, drawn[2]: Said.CANNOT_TELL}
    second = {drawn[0]: Said.RIGHT, drawn[1]: Said.NOTHING, drawn[2]: None}
    answer_all(lot.engine, lambda id_: first.get(id_, Said.RIGHT), again=second.get)
    collect_judgements(lot.engine, SCOPE)
    assert {question.subject for question in asked_of(lot.engine, CONFIRM_AGAIN)} == set(drawn[:3])
    assert said(lot.engine)[:4] == ["right", "nothing", "cannot_tell", "right"]
    assert read_judged(lot.engine, SCOPE)["car"].evidence.wrong[:4].tolist() == [False, True, True, False]


def test_skipped_unusable_and_closed_questions_count_as_wrong(lot: Lot) -> None:
    engine = lot.engine
    queue = confirm_box_queue(CLASSES)
    write_once(engine, queue, BATCH, 0, draft_confirms(engine, BATCH))
    asked = asked_of(engine, CONFIRM_BOX)
    answer(engine, asked[0], Said.RIGHT, AnswerState.SKIPPED)
    answer(engine, asked[1], Said.RIGHT, AnswerState.SET_ASIDE)
    collect_judgements(engine, SCOPE)
    assert sorted(filter(None, said(engine))) == ["unanswered", "unanswered"]
    close_rest(engine, CONFIRM_BOX, BATCH, 0, "pass_on")
    collect_judgements(engine, SCOPE)
    assert set(said(engine)) == {"unanswered"}
    assert read_judged(engine, SCOPE)["car"].evidence.wrong.all()


def test_an_answer_whose_form_nobody_knows_counts_as_wrong(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    with writing(lot.engine) as session:
        for row in session.exec(select(Answer)):
            row.raw = [{"said": "maybe"}]
    collect_judgements(lot.engine, SCOPE)
    assert set(said(lot.engine)) == {"unanswered"}


def test_an_edited_or_deleted_answer_changes_the_judgement(lot: Lot) -> None:
    engine = lot.engine
    answer_all(engine, lot.all_right)
    collect_judgements(engine, SCOPE)
    question = asked_of(engine, CONFIRM_BOX)[0]
    with writing(engine) as session:
        old = session.exec(select(Answer).where(Answer.question_id == question.id)).one()
        old.state = AnswerState.SUPERSEDED.value
    answer(engine, question, Said.NOTHING)
    assert collect_judgements(engine, SCOPE) == 1
    assert said(engine).count("nothing") == 1
    with writing(engine) as session:
        for row in session.exec(select(Answer).where(Answer.question_id == question.id)):
            row.state = AnswerState.DELETED.value
        session.get_one(Question, question.id).state = QuestionState.POSTED.value
    collect_judgements(engine, SCOPE)
    assert said(engine).count(None) == 1


def test_clocks_that_run_backwards_change_no_order(lot: Lot) -> None:
    engine = lot.engine
    answer_all(engine, lot.except_first(200))
    collect_judgements(engine, SCOPE)
    before = read_judged(engine, SCOPE)["car"].evidence
    with writing(engine) as session:
        for place, row in enumerate(session.exec(select(Answer).order_by(Answer.annotation_id))):
            row.answered_at = datetime(2026, 11, 20, 12, 59 - place % 60, tzinfo=UTC)
    collect_judgements(engine, SCOPE)
    after = read_judged(engine, SCOPE)["car"].evidence
    assert after.names == before.names
    assert after.wrong.tolist() == before.wrong.tolist()


def test_late_answers_wait_behind_the_first_open_question(lot: Lot) -> None:
    rank = {row.proposal_id: row.rank for row in judgements(lot.engine)}
    write_once(lot.engine, confirm_box_queue(CLASSES), BATCH, 0, draft_confirms(lot.engine, BATCH))
    answer_queue(lot.engine, CONFIRM_BOX, lambda id_: None if rank[id_] == 120 else Said.RIGHT)
    collect_judgements(lot.engine, SCOPE)
    cars = read_judged(lot.engine, SCOPE)["car"]
    assert (cars.evidence.units, cars.open) == (120, 1)
