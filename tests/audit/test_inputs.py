"""Pictures that changed against earlier batches are seen as such; with nothing to compare, nothing is said."""

from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import Engine

from blocks.database import writing
from blocks.errors import BadOption, OtherModelVersion
from blocks.tables import Batch, utc_now
from tasks.audit.inputs import input_drift
from tasks.audit.proving import Proof
from tasks.audit.report import bands_summary, proof_report
from tasks.triage.boxes import Scope
from tasks.triage.options import CertifiedBands
from tests.triage.rows import DETECTOR, RECIPE, add_batch, add_scan

NOW = utc_now()
EMPTY = Proof({}, CertifiedBands(accept_from={}, epsilon=0.02, delta=0.05))


def batch(engine: Engine, name: str, day: int, vectors: np.ndarray | None, items: int = 40) -> Scope:
    for number, item_id in enumerate(add_batch(engine, items, name)):
        add_scan(engine, item_id, embedding=None if vectors is None else vectors[number])
    with writing(engine) as session:
        session.get_one(Batch, name).created_at = NOW + timedelta(days=day)
    return Scope(name, DETECTOR, RECIPE)


def vectors(seed: int, shift: float = 0.0, size: int = 16) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(40, size)) * 0.3 + 1
    rows[:, 0] += shift
    return rows


def test_the_first_batch_and_batches_without_embeddings_are_not_compared(engine: Engine) -> None:
    assert input_drift(engine, batch(engine, "a", 0, vectors(0))) is None
    assert input_drift(engine, batch(engine, "b", 1, None)) is None
    with pytest.raises(BadOption, match="not in the catalogue"):
        input_drift(engine, Scope("none", DETECTOR, RECIPE))


def test_alike_pictures_have_not_changed_and_others_have(engine: Engine) -> None:
    batch(engine, "a", 0, vectors(0))
    alike = input_drift(engine, batch(engine, "b", 1, vectors(1)))
    assert alike is not None and not alike.has_drifted
    assert (alike.items_before, alike.items_now) == (40, 40)
    other = input_drift(engine, batch(engine, "c", 2, vectors(2, shift=3.0)))
    assert other is not None and other.has_drifted
    assert "have changed against earlier batches" in bands_summary(proof_report("c", EMPTY, other))
    assert "look like those of earlier batches" in bands_summary(proof_report("b", EMPTY, alike))


def test_later_batches_and_other_detectors_are_nothing_before(engine: Engine) -> None:
    first = batch(engine, "a", 0, vectors(0))
    batch(engine, "b", 1, vectors(1, shift=3.0))
    assert input_drift(engine, first) is None
    assert input_drift(engine, Scope("b", "detector-2", RECIPE)) is None


def test_embeddings_of_another_model_are_refused_by_name(engine: Engine) -> None:
    batch(engine, "a", 0, vectors(0))
    with pytest.raises(OtherModelVersion, match="one length"):
        input_drift(engine, batch(engine, "b", 1, vectors(1, size=8)))
