"""A batch's thresholds: certified from random judgements alone, used by triage, withdrawn when they no longer hold."""

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.audit_tables import CertifiedThreshold, Said
from blocks.database.engine import reading, writing
from blocks.database.tables import Answer, AnswerState, BatchItem, Label, Proposal, Question, Verdict
from blocks.errors import BadOption
from tasks.audit.bounds.certify import ThresholdStatus
from tasks.audit.risk_control.options import RiskControlOptions
from tasks.audit.risk_control.prove import Certification, certify_thresholds, read_thresholds, withdraw
from tasks.audit.risk_control.report import draws_summary, risk_control_report, thresholds_summary
from tasks.audit.risk_control.sample_boxes import draw_evidence
from tasks.settle.labels import settle
from tasks.triage.acceptable import acceptable_boxes
from tasks.triage.decide import decide
from tasks.triage.options import TriageOptions
from tests.audit.lot import CLASSES, RISK_CONTROL, SCOPE, TRIAGE, Lot, answer, answer_all, judgements, make_lot
from tests.triage.rows import BATCH, DETECTOR, RECIPE, add_batch


@pytest.fixture
def lot(engine: Engine) -> Lot:
    made = make_lot(engine)
    draw_evidence(engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL)
    return made


def prove(
    engine: Engine, risk_control: RiskControlOptions = RISK_CONTROL, triage: TriageOptions = TRIAGE
) -> Certification:
    return certify_thresholds(engine, SCOPE, CLASSES, triage, risk_control)


def triage_with(engine: Engine, certified: Certification) -> None:
    decide(engine, BATCH, TRIAGE, DETECTOR, RECIPE, classes=CLASSES, thresholds=certified.in_force)


def outcomes(engine: Engine) -> dict[str, str]:
    with reading(engine) as session:
        return {row.proposal_id: row.outcome for row in session.exec(select(Verdict))}


# --- certified ---


def test_judgements_without_an_error_certify_and_a_class_never_seen_is_not(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    certified = prove(lot.engine)
    cars, trucks = certified.thresholds["car"], certified.thresholds["truck"]
    assert cars.standing is ThresholdStatus.CERTIFIED
    assert (cars.judged, cars.wrong, cars.units) == (300, 0, 300)
    assert trucks.standing is ThresholdStatus.NOT_ENOUGH_EVIDENCE
    assert "no proposal of it" in trucks.reason
    assert set(certified.in_force.accept_from) == {"car"}
    assert prove(lot.engine) == certified


def test_the_threshold_and_its_evidence_are_kept(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    prove(lot.engine)
    with reading(lot.engine) as session:
        row = session.get_one(CertifiedThreshold, (BATCH, DETECTOR, RECIPE, "car"))
    accepted = acceptable_boxes(lot.engine, SCOPE, TRIAGE, RISK_CONTROL.min_score)
    assert row.accept_from is not None
    assert row.population == int((accepted.of_class("car").scores >= row.accept_from).sum())
    assert (row.collection, row.epsilon, row.delta, row.scope) == ("lot", 0.02, 0.05, "batch")
    assert row.certified_at is not None and row.withdrawn_at is None


def test_triage_accepts_exactly_what_is_certified_and_asks_about_the_rest(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    certified = prove(lot.engine)
    triage_with(lot.engine, certified)
    accept_from = certified.in_force.accept_from["car"]
    said = outcomes(lot.engine)
    with reading(lot.engine) as session:
        scores = {row.id: row.score for row in session.exec(select(Proposal))}
    drawn = {row.proposal_id for row in judgements(lot.engine)}
    others = set(lot.proposals) - drawn
    assert {said[id_] for id_ in drawn} == {"accept"}  # a person says so
    assert all((said[id_] == "accept") == (scores[id_] >= accept_from) for id_ in others)


def test_what_is_accepted_unseen_was_all_in_the_frame(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    triage_with(lot.engine, prove(lot.engine))
    frame = set(acceptable_boxes(lot.engine, SCOPE, TRIAGE, RISK_CONTROL.min_score).ids)
    with reading(lot.engine) as session:
        audited = set(session.exec(select(BatchItem.item_id).where(BatchItem.route == "audit")))
        accepted = session.exec(select(Proposal).join(Verdict).where(Verdict.outcome == "accept")).all()
    assert {row.id for row in accepted if row.item_id not in audited} <= frame


# --- not enough ---


def test_without_answers_nothing_is_accepted_and_the_number_to_go_is_named(lot: Lot) -> None:
    answer_all(lot.engine, lambda _: None)
    certified = prove(lot.engine)
    assert certified.in_force.accept_from == {}
    cars = certified.thresholds["car"]
    assert (cars.standing, cars.judged) == (ThresholdStatus.NOT_ENOUGH_EVIDENCE, 0)
    assert cars.more_audits is not None and 100 < cars.more_audits <= 300
    triage_with(lot.engine, certified)
    assert set(outcomes(lot.engine).values()) == {"ask"}


def test_all_judgements_wrong_prove_that_the_detector_is_too_bad(lot: Lot) -> None:
    answer_all(lot.engine, lambda _: Said.NOTHING)
    certified = prove(lot.engine)
    assert certified.thresholds["car"].standing is ThresholdStatus.TOO_MANY_ERRORS
    assert certified.in_force.accept_from == {}
    triage_with(lot.engine, certified)
    assert "accept" not in outcomes(lot.engine).values()


def test_an_empty_batch_proves_nothing(engine: Engine) -> None:
    add_batch(engine, 2)
    certified = prove(engine)
    assert {threshold.standing for threshold in certified.thresholds.values()} == {ThresholdStatus.NOT_ENOUGH_EVIDENCE}
    with pytest.raises(BadOption, match="not in the catalogue"):
        certify_thresholds(engine, type(SCOPE)("none", DETECTOR, RECIPE), CLASSES, TRIAGE, RISK_CONTROL)


def test_a_line_of_one_class_is_certified_like_any(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    certified = certify_thresholds(lot.engine, SCOPE, ("car",), TRIAGE, RISK_CONTROL)
    assert set(certified.thresholds) == set(certified.in_force.accept_from) == {"car"}


def test_options_that_change_after_the_draw_prove_nothing(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    certified = prove(lot.engine, triage=TRIAGE.model_copy(update={"drop": 0.6, "accept": 0.7}))
    assert certified.in_force.accept_from == {}
    assert "changed since the draw" in certified.thresholds["car"].reason


def test_another_floor_after_the_draw_changes_nothing(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    assert (
        prove(lot.engine, RiskControlOptions(min_score=0.9, boxes_per_class=300)).in_force == prove(lot.engine).in_force
    )


def test_judgements_of_another_detector_version_count_for_nothing(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    other = certify_thresholds(lot.engine, type(SCOPE)(BATCH, "detector-2", RECIPE), CLASSES, TRIAGE, RISK_CONTROL)
    assert other.in_force.accept_from == {}
    assert {threshold.judged for threshold in other.thresholds.values()} == {0}


# --- what people said of single boxes ---


def test_what_a_person_says_of_a_box_outweighs_its_score(lot: Lot) -> None:
    drawn = [row.proposal_id for row in judgements(lot.engine)]
    words = {drawn[0]: Said.NOTHING, drawn[1]: Said.WRONG, drawn[2]: Said.CANNOT_TELL}
    answer_all(lot.engine, lambda id_: words.get(id_, Said.RIGHT))
    triage_with(lot.engine, prove(lot.engine))
    said = outcomes(lot.engine)
    assert [said[id_] for id_ in drawn[:4]] == ["drop", "ask", "ask", "accept"]


def test_a_confirmed_box_is_the_persons_label_and_not_one_accepted_unseen(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    triage_with(lot.engine, prove(lot.engine))
    report = settle(lot.engine, BATCH, DETECTOR, RECIPE)
    drawn = {row.proposal_id: row.answer_id for row in judgements(lot.engine)}
    with reading(lot.engine) as session:
        labels = session.exec(select(Label)).all()
    confirmed = {label.region: label for label in labels if label.origin == "person"}
    assert confirmed and set(confirmed) <= set(drawn)
    assert all(label.answer_id == drawn[label.region] for label in confirmed.values())
    assert report.confirmed == len(confirmed)
    assert report.accepted_without_people == len(labels) - len(confirmed)


def test_a_box_that_a_person_disowns_later_is_no_label_any_more(lot: Lot) -> None:
    engine = lot.engine
    answer_all(engine, lot.all_right)
    triage_with(engine, prove(engine))
    before = settle(engine, BATCH, DETECTOR, RECIPE).labels
    edit_first(engine, Said.NOTHING, 1)
    prove(engine)
    assert settle(engine, BATCH, DETECTOR, RECIPE).labels == before - 1


# --- withdrawn ---


def edit_first(engine: Engine, said: Said, count: int) -> None:
    """Let a person change the answers about `count` confirmed boxes of settled items."""
    with reading(engine) as session:
        labels = session.exec(select(Label.region).where(Label.origin == "person").order_by(Label.region)).all()
        wanted = list(labels[:count]) or [row.proposal_id for row in judgements(engine)[:count]]
        questions = session.exec(select(Question).where(Question.subject.in_(wanted))).all()  # type: ignore[attr-defined]
    for question in questions:
        with writing(engine) as session:
            for old in session.exec(select(Answer).where(Answer.question_id == question.id)):
                old.state = AnswerState.SUPERSEDED.value
        answer(engine, question, said)


def test_answers_changed_before_triage_change_the_threshold(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    prove(lot.engine)
    edit_first(lot.engine, Said.NOTHING, 40)
    certified = prove(lot.engine)
    assert certified.thresholds["car"].accept_from is None
    assert certified.thresholds["car"].standing is not ThresholdStatus.WITHDRAWN


def test_answers_changed_after_triage_withdraw_the_threshold_for_good(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    triage_with(lot.engine, prove(lot.engine))
    edit_first(lot.engine, Said.NOTHING, 40)
    certified = prove(lot.engine)
    assert certified.thresholds["car"].standing is ThresholdStatus.WITHDRAWN
    assert "changed since triage used it" in certified.thresholds["car"].reason
    assert certified.in_force.accept_from == {}
    edit_first(lot.engine, Said.RIGHT, 40)
    assert prove(lot.engine).thresholds["car"].standing is ThresholdStatus.WITHDRAWN
    with reading(lot.engine) as session:
        assert session.get_one(CertifiedThreshold, (BATCH, DETECTOR, RECIPE, "car")).withdrawn_at is not None


def test_a_class_that_triage_went_without_gets_no_threshold_afterwards(lot: Lot) -> None:
    answer_all(lot.engine, lambda _: None)
    triage_with(lot.engine, prove(lot.engine))
    answer_all(lot.engine, lot.all_right)
    assert prove(lot.engine).in_force.accept_from == {}


def test_withdrawing_what_is_not_in_force_does_nothing(lot: Lot) -> None:
    assert not withdraw(lot.engine, SCOPE, "car", "no reason")
    answer_all(lot.engine, lot.all_right)
    prove(lot.engine)
    assert withdraw(lot.engine, SCOPE, "car", "a reason")
    assert not withdraw(lot.engine, SCOPE, "car", "another")
    assert read_thresholds(lot.engine, SCOPE)["car"].reason.endswith("withdrawn: a reason")


# --- shown ---


def test_the_page_says_what_is_accepted_and_what_is_missing(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    page = thresholds_summary(risk_control_report(BATCH, prove(lot.engine)))
    assert "certified" in page and "0 of 300" in page
    assert "not enough evidence: people look" in page
    assert "at most 2.0% are wrong" in page
    drawn = draw_evidence(lot.engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL)
    assert "randomly sampled" in draws_summary(BATCH, drawn)
