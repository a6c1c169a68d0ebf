"""Every snapshot carries its certificate, and one that says what holds no more is written anew."""

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.audit_tables import IssuedCertificate, Said
from blocks.database.engine import reading
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from tasks.audit.certificate.certificate import Certificate, from_json
from tasks.dataset.certificates import issue_certificate
from tasks.dataset.snapshots import take_snapshot
from tasks.monitor import steps
from tasks.train.options import TrainOptions
from tests.audit.lot import Lot
from tests.audit.risk_control.test_recheck_changed import change, lot
from tests.triage.rows import BATCH, add_split

__all__ = ["lot"]


@pytest.fixture(autouse=True)
def _plugs(engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "open_catalog", lambda _plugs: engine)
    monkeypatch.setattr(steps, "open_store", lambda _plugs: store)


def issued(engine: Engine, store: Store) -> list[Certificate]:
    with reading(engine) as session:
        return [from_json(store.get(row.key).decode()) for row in session.exec(select(IssuedCertificate))]


def test_a_collection_without_thresholds_and_snapshots_is_passed_over(engine: Engine, store: Store) -> None:
    assert steps.recheck_collection.fn("nowhere") == {}
    assert issued(engine, store) == []


def test_a_certificate_is_written_anew_where_a_threshold_has_ended_since(lot: Lot, store: Store) -> None:
    add_split(lot.engine, "seq-0", "train")
    issue_certificate(lot.engine, store, take_snapshot(lot.engine, store, "lot").id)
    (before,) = issued(lot.engine, store)
    assert before.wrong_at_most is not None
    assert steps.recheck_collection.fn("lot") == {}
    assert issued(lot.engine, store) == [before]
    change(lot.engine, 40, Said.NOTHING)
    assert steps.recheck_collection.fn("lot") == {BATCH: ("car",)}
    (after,) = issued(lot.engine, store)
    assert after.snapshot == before.snapshot and after.wrong_at_most is None
    assert any("withdrawn" in remark for remark in after.remarks)


def test_a_snapshot_with_too_little_to_train_on_carries_its_certificate_too(
    lot: Lot, store: Store, experiments: Experiments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "open_experiments", lambda _plugs: experiments)
    add_split(lot.engine, "seq-0", "train")
    assert "no label to test on" in steps.lacking_for_training.fn("lot", TrainOptions())
    (certificate,) = issued(lot.engine, store)
    assert certificate.labels > 0
