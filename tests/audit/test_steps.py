"""Risk control as Prefect runs it, step by step on one batch: safe to run again, and shown to people."""

from collections.abc import Callable

import pytest
from prefect import flow, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.audit_tables import CertifiedThreshold, Judgement, Said
from blocks.database.engine import reading
from blocks.database.tables import Question, utc_now
from blocks.storage.stores import Store
from tasks.audit import steps
from tasks.audit.certificate.certificate import Certificate
from tasks.audit.risk_control.options import RiskControlOptions, RiskControlRef
from tasks.dataset import steps as dataset_steps
from tasks.dataset.snapshots import take_snapshot
from tasks.review import steps as review_steps
from tasks.review.drafts.box_checks import confirm_again_queue, confirm_box_queue
from tasks.review.receiving.sweeping import SweepPart
from tasks.settle.labels import settle
from tasks.triage import steps as triage_steps
from tasks.triage.options import TriageOptions
from tests.audit.lot import CLASSES, RISK_CONTROL, TRIAGE, Lot, answer_queue, make_lot
from tests.audit.risk_control.test_recheck_changed import change
from tests.audit.risk_control.test_recheck_pictures import earlier_batch, show
from tests.scans import scan_of
from tests.triage.rows import BATCH, DETECTOR, RECIPE, add_split

pytestmark = pytest.mark.slow

RISK_CONTROL_OF = RiskControlRef(
    batch_id=BATCH, detector=DETECTOR, recipe=RECIPE, classes=CLASSES, triage=TRIAGE, risk_control=RISK_CONTROL
)


@pytest.fixture
def lot(engine: Engine, store: Store, prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> Lot:
    for module in (steps, review_steps, triage_steps, dataset_steps):
        monkeypatch.setattr(module, "open_catalog", lambda _plugs: engine)
    for module in (dataset_steps, steps):
        monkeypatch.setattr(module, "open_store", lambda _plugs: store)
    return make_lot(engine)


@flow(validate_parameters=False)
def one_run(work: Callable[[], None]) -> None:
    """Do some work as a run: artifacts belong to one."""
    work()


def shown(key: str) -> str:
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    return str(max(found, key=lambda artifact: artifact.created or utc_now()).data)


def rows(engine: Engine) -> tuple[list[Judgement], list[CertifiedThreshold], list[Question]]:
    with reading(engine) as session:
        return tuple(list(session.exec(select(table)).all()) for table in (Judgement, CertifiedThreshold, Question))  # type: ignore[return-value]


def run_risk_control(lot: Lot) -> None:
    """Walk the line from the draw to the settled batch, as `flows/label.py` does."""
    first, second = confirm_box_queue(CLASSES), confirm_again_queue(CLASSES)
    assert steps.sample_boxes(RISK_CONTROL_OF) == 300
    assert review_steps.write_confirm_questions(BATCH, first).count == 300
    answer_queue(lot.engine, first.name, lot.except_first(3))
    asked_again = review_steps.write_confirm_again_questions(BATCH, second).count
    assert asked_again <= 3
    answer_queue(lot.engine, second.name, lot.all_right)
    thresholds = steps.certify_classes(RISK_CONTROL_OF).in_force
    assert "car" in thresholds.accept_from
    report = triage_steps.triage_batch(scan_of(BATCH, DETECTOR, RECIPE, CLASSES), TRIAGE, thresholds)
    assert report.boxes_by_outcome["accept"] > 300
    settle(lot.engine, BATCH, DETECTOR, RECIPE)
    assert steps.recheck_thresholds(RISK_CONTROL_OF).in_force == thresholds


def test_from_the_draw_to_the_certificate_and_all_of_it_is_shown(lot: Lot, store: Store) -> None:
    issued: list[Certificate] = []

    def work() -> None:
        run_risk_control(lot)
        add_split(lot.engine, "seq-0", "train")
        issued.append(dataset_steps.issue_certificate(take_snapshot(lot.engine, store, "lot").id))

    one_run(work)
    (certificate,) = issued
    (cars,) = certificate.classes
    assert cars.error is not None and cars.error.at_most == 0.02
    assert cars.labellers.confirmed_by_people > 0 and cars.labellers.accepted_without_look > 0
    assert certificate.wrong_at_most is not None and certificate.wrong_at_most <= 0.02
    assert "randomly sampled" in shown("drawn-batch-1")
    assert "certified" in shown("bands-batch-1")
    assert "at most **2.0%**" in shown("certificate-lot")


def test_running_every_step_again_changes_nothing(lot: Lot) -> None:
    one_run(lambda: run_risk_control(lot))
    before = rows(lot.engine)

    def again() -> None:
        steps.sample_boxes(RISK_CONTROL_OF)
        review_steps.write_confirm_questions(BATCH, confirm_box_queue(CLASSES))
        review_steps.write_confirm_again_questions(BATCH, confirm_again_queue(CLASSES))
        steps.certify_classes(RISK_CONTROL_OF)
        steps.recheck_thresholds(RISK_CONTROL_OF)

    one_run(again)
    assert rows(lot.engine) == before


def test_a_promise_that_cannot_be_kept_asks_nobody(lot: Lot) -> None:
    timid = RiskControlOptions(boxes_per_batch=0)
    of = RISK_CONTROL_OF.model_copy(update={"triage": TriageOptions(), "risk_control": timid})

    def work() -> None:
        assert steps.sample_boxes(of) == 0
        assert review_steps.write_confirm_questions(BATCH, confirm_box_queue(CLASSES)).count == 0
        assert steps.certify_classes(of).in_force.accept_from == {}

    one_run(work)


def test_where_the_pictures_have_changed_nobody_judges_and_the_page_says_why(lot: Lot) -> None:
    show(lot.engine, lot.items, BATCH)
    earlier_batch(lot.engine, shift=3.0)

    def work() -> None:
        assert steps.sample_boxes(RISK_CONTROL_OF) == 0
        assert steps.certify_classes(RISK_CONTROL_OF).in_force.accept_from == {}
        assert steps.recheck_thresholds(RISK_CONTROL_OF).drift is not None

    one_run(work)
    assert "pictures have changed" in shown("bands-batch-1")


def test_an_answer_changed_after_settling_is_settled_and_shown_by_the_sweeps_step_once(lot: Lot) -> None:
    one_run(lambda: run_risk_control(lot))
    change(lot.engine, 1, Said.NOTHING)
    found: list[SweepPart] = []
    one_run(lambda: found.extend(steps.settle_edited() for _ in range(2)))
    assert [one.did.split(" ")[0] for one in found] == ["1", "0"]
    assert f"| {BATCH} | 1 | 1 | 0 |" in shown("edited-answers")
