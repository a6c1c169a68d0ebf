"""A threshold that was used ends when people change what they said of its boxes, though its run is long over."""

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.audit_tables import Said
from blocks.database.engine import reading, writing
from blocks.database.tables import Answer, AnswerState, Batch, Question, utc_now
from tasks.audit.bounds.certify import ThresholdStatus
from tasks.audit.risk_control import recheck
from tasks.audit.risk_control.options import RiskControlRef
from tasks.audit.risk_control.prove import certify_thresholds, read_thresholds
from tasks.audit.risk_control.recheck import note_risk_control, watch_again
from tasks.audit.risk_control.sample_boxes import draw_evidence
from tasks.settle.labels import settle
from tasks.triage.decide import decide
from tests.audit.lot import CLASSES, RISK_CONTROL, SCOPE, TRIAGE, Lot, answer, answer_all, make_lot
from tests.triage.rows import BATCH, DETECTOR, RECIPE

OF = RiskControlRef(
    batch_id=BATCH, detector=DETECTOR, recipe=RECIPE, classes=CLASSES, triage=TRIAGE, risk_control=RISK_CONTROL
)


@pytest.fixture
def lot(engine: Engine) -> Lot:
    """A settled batch whose threshold of cars was used."""
    made = make_lot(engine)
    note_risk_control(engine, OF)
    draw_evidence(engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL)
    answer_all(engine, made.all_right)
    thresholds = certify_thresholds(engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL).in_force
    decide(engine, BATCH, TRIAGE, DETECTOR, RECIPE, thresholds=thresholds)
    settle(engine, BATCH, DETECTOR, RECIPE)
    with writing(engine) as session:
        session.get_one(Batch, BATCH).settled_at = utc_now()
    watch_again(engine, "lot")
    return made


def change(engine: Engine, count: int, said: Said) -> None:
    """Let a person change what they said of some boxes."""
    with reading(engine) as session:
        questions = session.exec(select(Question).where(Question.queue == "confirm-box").limit(count)).all()
    for question in questions:
        with writing(engine) as session:
            for old in session.exec(select(Answer).where(Answer.question_id == question.id)):
                old.state = AnswerState.SUPERSEDED.value
        answer(engine, question, said)


def test_a_collection_without_thresholds_has_nothing_to_watch(engine: Engine) -> None:
    assert watch_again(engine, "nowhere") == {}


def test_while_nobody_says_anything_new_nothing_is_looked_at(lot: Lot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recheck, "recheck_thresholds", lambda *_: pytest.fail("there was nothing new"))
    assert watch_again(lot.engine, "lot") == {}


def test_answers_changed_later_end_the_threshold_once(lot: Lot) -> None:
    change(lot.engine, 40, Said.NOTHING)
    assert watch_again(lot.engine, "lot") == {BATCH: ("car",)}
    assert read_thresholds(lot.engine, SCOPE)["car"].standing is ThresholdStatus.WITHDRAWN
    assert watch_again(lot.engine, "lot") == {}


def test_one_changed_answer_that_the_promise_can_bear_ends_nothing(lot: Lot) -> None:
    change(lot.engine, 1, Said.WRONG)
    assert watch_again(lot.engine, "lot") == {}
    assert read_thresholds(lot.engine, SCOPE)["car"].judged == 300


def test_a_batch_that_has_not_settled_is_left_to_its_run(lot: Lot) -> None:
    with writing(lot.engine) as session:
        session.get_one(Batch, BATCH).settled_at = None
    change(lot.engine, 40, Said.NOTHING)
    assert watch_again(lot.engine, "lot") == {}


def test_the_options_of_the_first_draw_stay(lot: Lot) -> None:
    note_risk_control(
        lot.engine, OF.model_copy(update={"risk_control": RISK_CONTROL.model_copy(update={"max_error_rate": 0.3})})
    )
    change(lot.engine, 40, Said.NOTHING)
    assert watch_again(lot.engine, "lot") == {BATCH: ("car",)}
