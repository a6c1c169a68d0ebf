"""Where the pictures have changed a batch has no bands: nobody judges in vain, and people look at all of it."""

from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.audit_tables import Band
from blocks.database import reading, writing
from blocks.errors import BadOption
from blocks.tables import Batch, Item, Scan, Verdict, utc_now
from tasks.audit.bands import Standing
from tasks.audit.draws import draw_evidence
from tasks.audit.drifting import end_if_changed
from tasks.audit.options import ProofOptions
from tasks.audit.proving import prove_bands, read_bands
from tasks.audit.watching import watch_bands
from tasks.settle.labels import settle
from tasks.triage.boxes import Scope
from tasks.triage.decide import decide
from tests.audit.lot import CLASSES, PROOF, SCOPE, TRIAGE, Lot, answer_all, judgements, make_lot
from tests.triage.rows import BATCH, DETECTOR, RECIPE, add_batch, add_scan

TOLD_ONLY = PROOF.model_copy(update={"end_on_drift": False})


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


def bands(engine: Engine) -> list[Band]:
    with reading(engine) as session:
        return list(session.exec(select(Band).order_by(Band.class_name)))


def test_a_batch_that_is_not_there_is_refused(engine: Engine) -> None:
    with pytest.raises(BadOption, match="not in the catalogue"):
        end_if_changed(engine, Scope("none", DETECTOR, RECIPE), CLASSES, PROOF)


def test_the_first_batch_and_alike_pictures_change_nothing(lot: Lot) -> None:
    assert end_if_changed(lot.engine, SCOPE, CLASSES, PROOF) is None
    earlier_batch(lot.engine, shift=0.0)
    drift = end_if_changed(lot.engine, SCOPE, CLASSES, PROOF)
    assert drift is not None and not drift.has_drifted
    assert bands(lot.engine) == []


def test_changed_pictures_get_no_band_and_nobody_judges_in_vain(lot: Lot) -> None:
    earlier_batch(lot.engine, shift=3.0)
    drift = end_if_changed(lot.engine, SCOPE, CLASSES, PROOF)
    assert drift is not None and drift.ends_bands
    drawn = draw_evidence(lot.engine, SCOPE, CLASSES, TRIAGE, PROOF)
    assert [each.drawn for each in drawn] == [0, 0] and "have changed" in drawn[0].why
    assert judgements(lot.engine) == []
    proof = prove_bands(lot.engine, SCOPE, CLASSES, TRIAGE, PROOF)
    assert {band.standing for band in proof.bands.values()} == {Standing.WITHDRAWN}
    assert "pictures have changed" in proof.bands["car"].reason
    assert proof.in_force.accept_from == {}
    decide(lot.engine, BATCH, TRIAGE, DETECTOR, RECIPE, bands=proof.in_force)
    with reading(lot.engine) as session:
        assert "accept" not in {row.outcome for row in session.exec(select(Verdict))}


def test_a_second_look_changes_nothing_and_what_has_ended_stays_ended(lot: Lot) -> None:
    earlier_batch(lot.engine, shift=3.0)
    end_if_changed(lot.engine, SCOPE, CLASSES, PROOF)
    before = bands(lot.engine)
    end_if_changed(lot.engine, SCOPE, CLASSES, PROOF)
    assert bands(lot.engine) == before
    show(lot.engine, lot.items, BATCH, shift=3.0)  # now they are alike
    end_if_changed(lot.engine, SCOPE, CLASSES, PROOF)
    assert prove_bands(lot.engine, SCOPE, CLASSES, TRIAGE, PROOF).in_force.accept_from == {}


def test_a_change_that_is_seen_after_triage_ends_the_bands_in_force_and_no_others(lot: Lot) -> None:
    draw_evidence(lot.engine, SCOPE, CLASSES, TRIAGE, PROOF)
    answer_all(lot.engine, lot.all_right)
    used = prove_bands(lot.engine, SCOPE, CLASSES, TRIAGE, PROOF).in_force
    decide(lot.engine, BATCH, TRIAGE, DETECTOR, RECIPE, bands=used)
    settle(lot.engine, BATCH, DETECTOR, RECIPE)
    earlier_batch(lot.engine, shift=3.0)
    end_if_changed(lot.engine, SCOPE, CLASSES, PROOF)
    proof = watch_bands(lot.engine, SCOPE, CLASSES, TRIAGE, PROOF)
    assert proof.bands["car"].standing is Standing.WITHDRAWN and proof.in_force.accept_from == {}
    assert proof.bands["truck"].standing is Standing.NOT_ENOUGH_EVIDENCE


@pytest.mark.parametrize("proof", [PROOF, TOLD_ONLY], ids=["ends", "is told"])
def test_a_line_may_have_a_change_told_only(lot: Lot, proof: ProofOptions) -> None:
    draw_evidence(lot.engine, SCOPE, CLASSES, TRIAGE, proof)
    answer_all(lot.engine, lot.all_right)
    prove_bands(lot.engine, SCOPE, CLASSES, TRIAGE, proof)
    earlier_batch(lot.engine, shift=3.0)
    drift = end_if_changed(lot.engine, SCOPE, CLASSES, proof)
    assert drift is not None and drift.has_drifted
    assert (read_bands(lot.engine, SCOPE)["car"].accept_from is None) is proof.end_on_drift


def test_embeddings_that_cannot_be_compared_end_nothing(lot: Lot, caplog: pytest.LogCaptureFixture) -> None:
    earlier_batch(lot.engine, shift=3.0)
    with writing(lot.engine) as session:
        session.get_one(Scan, (lot.items[0], DETECTOR, RECIPE)).embedding = b"\0" * 6
    assert end_if_changed(lot.engine, SCOPE, CLASSES, PROOF) is None
    assert "are not compared" in caplog.text
