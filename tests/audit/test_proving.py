"""A batch's bands: certified from random judgements alone, used by triage, withdrawn when they no longer hold."""

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.audit_tables import Band, Said
from blocks.database import reading, writing
from blocks.errors import BadOption
from blocks.tables import Answer, AnswerState, BatchItem, Label, Proposal, Question, Verdict
from tasks.audit.bands import Standing
from tasks.audit.draws import draw_evidence
from tasks.audit.options import ProofOptions
from tasks.audit.proving import Proof, prove_bands, read_bands, withdraw
from tasks.audit.report import bands_summary, draws_summary, proof_report
from tasks.settle.labels import settle
from tasks.triage.acceptable import acceptable_boxes
from tasks.triage.decide import decide
from tasks.triage.options import TriageOptions
from tests.audit.lot import CLASSES, PROOF, SCOPE, TRIAGE, Lot, answer, answer_all, judgements, make_lot
from tests.triage.rows import BATCH, DETECTOR, RECIPE, add_batch


@pytest.fixture
def lot(engine: Engine) -> Lot:
    made = make_lot(engine)
    draw_evidence(engine, SCOPE, CLASSES, TRIAGE, PROOF)
    return made


def prove(engine: Engine, proof: ProofOptions = PROOF, triage: TriageOptions = TRIAGE) -> Proof:
    return prove_bands(engine, SCOPE, CLASSES, triage, proof)


def triage_with(engine: Engine, proof: Proof) -> None:
    decide(engine, BATCH, TRIAGE, DETECTOR, RECIPE, classes=CLASSES, bands=proof.in_force)


def outcomes(engine: Engine) -> dict[str, str]:
    with reading(engine) as session:
        return {row.proposal_id: row.outcome for row in session.exec(select(Verdict))}


# --- certified ---


def test_judgements_without_an_error_certify_and_a_class_never_seen_is_not(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    proof = prove(lot.engine)
    cars, trucks = proof.bands["car"], proof.bands["truck"]
    assert cars.standing is Standing.CERTIFIED
    assert (cars.judged, cars.wrong, cars.units) == (300, 0, 300)
    assert trucks.standing is Standing.NOT_ENOUGH_EVIDENCE
    assert "no proposal of it" in trucks.reason
    assert set(proof.in_force.accept_from) == {"car"}
    assert prove(lot.engine) == proof


def test_the_band_and_its_evidence_are_kept(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    prove(lot.engine)
    with reading(lot.engine) as session:
        row = session.get_one(Band, (BATCH, DETECTOR, RECIPE, "car"))
    accepted = acceptable_boxes(lot.engine, SCOPE, TRIAGE, PROOF.floor)
    assert row.accept_from is not None
    assert row.population == int((accepted.of_class("car").scores >= row.accept_from).sum())
    assert (row.collection, row.epsilon, row.delta, row.scope) == ("lot", 0.02, 0.05, "batch")
    assert row.certified_at is not None and row.withdrawn_at is None


def test_triage_accepts_exactly_what_is_proven_and_asks_about_the_rest(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    proof = prove(lot.engine)
    triage_with(lot.engine, proof)
    accept_from = proof.in_force.accept_from["car"]
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
    frame = set(acceptable_boxes(lot.engine, SCOPE, TRIAGE, PROOF.floor).ids)
    with reading(lot.engine) as session:
        audited = set(session.exec(select(BatchItem.item_id).where(BatchItem.route == "audit")))
        accepted = session.exec(select(Proposal).join(Verdict).where(Verdict.outcome == "accept")).all()
    assert {row.id for row in accepted if row.item_id not in audited} <= frame


# --- not enough ---


def test_without_answers_nothing_is_accepted_and_the_number_to_go_is_named(lot: Lot) -> None:
    answer_all(lot.engine, lambda _: None)
    proof = prove(lot.engine)
    assert proof.in_force.accept_from == {}
    cars = proof.bands["car"]
    assert (cars.standing, cars.judged) == (Standing.NOT_ENOUGH_EVIDENCE, 0)
    assert cars.more_audits is not None and 100 < cars.more_audits <= 300
    assert proof_report(BATCH, proof).more_confirmations == {"car": cars.more_audits}
    triage_with(lot.engine, proof)
    assert set(outcomes(lot.engine).values()) == {"ask"}


def test_all_judgements_wrong_prove_that_the_detector_is_too_bad(lot: Lot) -> None:
    answer_all(lot.engine, lambda _: Said.NOTHING)
    proof = prove(lot.engine)
    assert proof.bands["car"].standing is Standing.TOO_MANY_ERRORS
    assert proof.in_force.accept_from == {}
    triage_with(lot.engine, proof)
    assert "accept" not in outcomes(lot.engine).values()


def test_an_empty_batch_proves_nothing(engine: Engine) -> None:
    add_batch(engine, 2)
    proof = prove(engine)
    assert {band.standing for band in proof.bands.values()} == {Standing.NOT_ENOUGH_EVIDENCE}
    with pytest.raises(BadOption, match="not in the catalogue"):
        prove_bands(engine, type(SCOPE)("none", DETECTOR, RECIPE), CLASSES, TRIAGE, PROOF)


def test_a_line_of_one_class_is_certified_like_any(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    proof = prove_bands(lot.engine, SCOPE, ("car",), TRIAGE, PROOF)
    assert set(proof.bands) == set(proof.in_force.accept_from) == {"car"}


def test_options_that_change_after_the_draw_prove_nothing(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    proof = prove(lot.engine, triage=TRIAGE.model_copy(update={"drop": 0.6, "accept": 0.7}))
    assert proof.in_force.accept_from == {}
    assert "changed since the draw" in proof.bands["car"].reason


def test_another_floor_after_the_draw_changes_nothing(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    assert prove(lot.engine, ProofOptions(floor=0.9, boxes_per_class=300)).in_force == prove(lot.engine).in_force


def test_judgements_of_another_detector_version_count_for_nothing(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    other = prove_bands(lot.engine, type(SCOPE)(BATCH, "detector-2", RECIPE), CLASSES, TRIAGE, PROOF)
    assert other.in_force.accept_from == {}
    assert {band.judged for band in other.bands.values()} == {0}


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


def test_answers_changed_before_triage_change_the_band(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    prove(lot.engine)
    edit_first(lot.engine, Said.NOTHING, 40)
    proof = prove(lot.engine)
    assert proof.bands["car"].accept_from is None
    assert proof.bands["car"].standing is not Standing.WITHDRAWN


def test_answers_changed_after_triage_withdraw_the_band_for_good(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    triage_with(lot.engine, prove(lot.engine))
    edit_first(lot.engine, Said.NOTHING, 40)
    proof = prove(lot.engine)
    assert proof.bands["car"].standing is Standing.WITHDRAWN
    assert "changed since triage used it" in proof.bands["car"].reason
    assert proof.in_force.accept_from == {}
    edit_first(lot.engine, Said.RIGHT, 40)
    assert prove(lot.engine).bands["car"].standing is Standing.WITHDRAWN
    with reading(lot.engine) as session:
        assert session.get_one(Band, (BATCH, DETECTOR, RECIPE, "car")).withdrawn_at is not None


def test_a_class_that_triage_went_without_gets_no_band_afterwards(lot: Lot) -> None:
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
    assert read_bands(lot.engine, SCOPE)["car"].reason.endswith("withdrawn: a reason")


# --- shown ---


def test_the_page_says_what_is_accepted_and_what_is_missing(lot: Lot) -> None:
    answer_all(lot.engine, lot.all_right)
    page = bands_summary(proof_report(BATCH, prove(lot.engine)))
    assert "certified" in page and "0 of 300" in page
    assert "not enough evidence: people look" in page
    assert "at most 2.0% are wrong" in page
    drawn = draw_evidence(lot.engine, SCOPE, CLASSES, TRIAGE, PROOF)
    assert "drawn by lot" in draws_summary(BATCH, drawn)
