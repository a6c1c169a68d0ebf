"""Where the pictures have changed a batch has no thresholds: nobody judges in vain, and people look at all of it."""

from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.audit_tables import CertifiedThreshold
from blocks.database.engine import reading, writing
from blocks.database.tables import Batch, Item, Scan, Verdict, utc_now
from blocks.errors import BadOption
from tasks.audit.bounds.certify import ThresholdStatus
from tasks.audit.risk_control.options import RiskControlOptions
from tasks.audit.risk_control.prove import certify_thresholds, read_thresholds
from tasks.audit.risk_control.recheck import end_if_changed, recheck_thresholds
from tasks.audit.risk_control.sample_boxes import draw_evidence
from tasks.detect.refs import Scope
from tasks.settle.labels import settle
from tasks.triage.decide import decide
from tests.audit.lot import CLASSES, RISK_CONTROL, SCOPE, TRIAGE, Lot, answer_all, judgements, make_lot
from tests.triage.rows import BATCH, DETECTOR, RECIPE, add_batch, add_scan

TOLD_ONLY = RISK_CONTROL.model_copy(update={"end_on_drift": False})


def show(engine: Engine, item_ids: list[str], batch_id: str, shift: float = 0.0) -> None:
    """Give the items of a batch pictures: an embedding each, in sequences of five."""
    rows = np.random.default_rng(len(batch_id)).normal(size=(len(item_ids), 8))
    rows[:, 0] += shift
    with writing(engine) as session:
        for number, item_id in enumerate(item_ids):
            session.get_one(Scan, (item_id, DETECTOR, RECIPE)).embedding = rows[number].astype(np.float16).tobytes()
            session.get_one(Item, item_id).sequence = f"{batch_id}-{number // 5}"


def earlier_batch(engine: Engine, shift: float) -> None:
    """A batch of the same detector whose pictures are alike, or not."""
    ids = add_batch(engine, 60, "batch-0")
    for item_id in ids:
        add_scan(engine, item_id)
    show(engine, ids, "batch-0", shift)
    with writing(engine) as session:
        session.get_one(Batch, "batch-0").created_at = utc_now() - timedelta(days=1)


@pytest.fixture
def lot(engine: Engine) -> Lot:
    made = make_lot(engine)
    show(engine, made.items, BATCH)
    return made


def thresholds(engine: Engine) -> list[CertifiedThreshold]:
    with reading(engine) as session:
        return list(session.exec(select(CertifiedThreshold).order_by(CertifiedThreshold.class_name)))


def test_a_batch_that_is_not_there_is_refused(engine: Engine) -> None:
    with pytest.raises(BadOption, match="not in the catalogue"):
        end_if_changed(engine, Scope("none", DETECTOR, RECIPE), CLASSES, RISK_CONTROL)


def test_the_first_batch_and_alike_pictures_change_nothing(lot: Lot) -> None:
    assert end_if_changed(lot.engine, SCOPE, CLASSES, RISK_CONTROL) is None
    earlier_batch(lot.engine, shift=0.0)
    drift = end_if_changed(lot.engine, SCOPE, CLASSES, RISK_CONTROL)
    assert drift is not None and not drift.has_drifted
    assert thresholds(lot.engine) == []


def test_changed_pictures_get_no_threshold_and_nobody_judges_in_vain(lot: Lot) -> None:
    earlier_batch(lot.engine, shift=3.0)
    drift = end_if_changed(lot.engine, SCOPE, CLASSES, RISK_CONTROL)
    assert drift is not None and drift.ends_thresholds
    drawn = draw_evidence(lot.engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL)
    assert [each.drawn for each in drawn] == [0, 0] and "have changed" in drawn[0].why
    assert judgements(lot.engine) == []
    certified = certify_thresholds(lot.engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL)
    assert {threshold.standing for threshold in certified.thresholds.values()} == {ThresholdStatus.WITHDRAWN}
    assert "pictures have changed" in certified.thresholds["car"].reason
    assert certified.in_force.accept_from == {}
    decide(lot.engine, BATCH, TRIAGE, DETECTOR, RECIPE, thresholds=certified.in_force)
    with reading(lot.engine) as session:
        assert "accept" not in {row.outcome for row in session.exec(select(Verdict))}


def test_a_second_look_changes_nothing_and_what_has_ended_stays_ended(lot: Lot) -> None:
    earlier_batch(lot.engine, shift=3.0)
    end_if_changed(lot.engine, SCOPE, CLASSES, RISK_CONTROL)
    before = thresholds(lot.engine)
    end_if_changed(lot.engine, SCOPE, CLASSES, RISK_CONTROL)
    assert thresholds(lot.engine) == before
    show(lot.engine, lot.items, BATCH, shift=3.0)  # now they are alike
    end_if_changed(lot.engine, SCOPE, CLASSES, RISK_CONTROL)
    assert certify_thresholds(lot.engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL).in_force.accept_from == {}


def test_a_change_that_is_seen_after_triage_ends_the_thresholds_in_force_and_no_others(lot: Lot) -> None:
    draw_evidence(lot.engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL)
    answer_all(lot.engine, lot.all_right)
    used = certify_thresholds(lot.engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL).in_force
    decide(lot.engine, BATCH, TRIAGE, DETECTOR, RECIPE, thresholds=used)
    settle(lot.engine, BATCH, DETECTOR, RECIPE)
    earlier_batch(lot.engine, shift=3.0)
    end_if_changed(lot.engine, SCOPE, CLASSES, RISK_CONTROL)
    certified = recheck_thresholds(lot.engine, SCOPE, CLASSES, TRIAGE, RISK_CONTROL)
    assert certified.thresholds["car"].standing is ThresholdStatus.WITHDRAWN and certified.in_force.accept_from == {}
    assert certified.thresholds["truck"].standing is ThresholdStatus.NOT_ENOUGH_EVIDENCE


@pytest.mark.parametrize("risk_control", [RISK_CONTROL, TOLD_ONLY], ids=["ends", "is told"])
def test_a_line_may_have_a_change_told_only(lot: Lot, risk_control: RiskControlOptions) -> None:
    draw_evidence(lot.engine, SCOPE, CLASSES, TRIAGE, risk_control)
    answer_all(lot.engine, lot.all_right)
    certify_thresholds(lot.engine, SCOPE, CLASSES, TRIAGE, risk_control)
    earlier_batch(lot.engine, shift=3.0)
    drift = end_if_changed(lot.engine, SCOPE, CLASSES, risk_control)
    assert drift is not None and drift.has_drifted
    assert (read_thresholds(lot.engine, SCOPE)["car"].accept_from is None) is risk_control.end_on_drift


def test_embeddings_that_cannot_be_compared_end_nothing(lot: Lot, caplog: pytest.LogCaptureFixture) -> None:
    earlier_batch(lot.engine, shift=3.0)
    with writing(lot.engine) as session:
        session.get_one(Scan, (lot.items[0], DETECTOR, RECIPE)).embedding = b"\0" * 6
    assert end_if_changed(lot.engine, SCOPE, CLASSES, RISK_CONTROL) is None
    assert "are not compared" in caplog.text
