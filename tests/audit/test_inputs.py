"""Pictures that changed against earlier batches are seen as such; with nothing to compare, nothing is said."""

from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import Engine

from blocks.database import writing
from blocks.errors import BadOption, OtherModelVersion
from blocks.tables import Batch, Bookmark, Item, utc_now
from tasks.audit.inputs import chosen_name, input_drift
from tasks.audit.proving import Proof
from tasks.audit.report import bands_summary, proof_report
from tasks.triage.boxes import Scope
from tasks.triage.options import CertifiedBands
from tests.triage.rows import DETECTOR, RECIPE, add_batch, add_scan

NOW = utc_now()
EMPTY = Proof({}, CertifiedBands(accept_from={}, epsilon=0.02, delta=0.05))


def batch(
    engine: Engine, name: str, day: int, vectors: np.ndarray | None, items: int = 40, per_sequence: int = 4
) -> Scope:
    """A batch of scanned items in sequences of their own."""
    ids = add_batch(engine, items, name)
    for number, item_id in enumerate(ids):
        add_scan(engine, item_id, embedding=None if vectors is None else vectors[number])
    with writing(engine) as session:
        session.get_one(Batch, name).created_at = NOW + timedelta(days=day)
        for number, item_id in enumerate(ids):
            session.get_one(Item, item_id).sequence = f"{name}-{number // per_sequence}"
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
    assert (alike.items_before, alike.items_now, alike.unit) == (40, 40, "sequences")
    other = input_drift(engine, batch(engine, "c", 2, vectors(2, shift=3.0)))
    assert other is not None and other.ends_bands
    assert "have changed against earlier batches" in bands_summary(proof_report("c", EMPTY, other))
    assert "look like those of earlier batches" in bands_summary(proof_report("b", EMPTY, alike))


def test_a_change_between_few_sequences_is_told_and_ends_nothing(engine: Engine) -> None:
    batch(engine, "a", 0, vectors(0), per_sequence=20)
    drift = input_drift(engine, batch(engine, "b", 1, vectors(1, shift=3.0), per_sequence=20))
    assert drift is not None and drift.has_drifted and not drift.ends_bands
    assert "no band ends by it" in bands_summary(proof_report("b", EMPTY, drift))


def test_batches_that_were_chosen_are_compared_with_nothing(engine: Engine) -> None:
    batch(engine, "a", 0, vectors(0, shift=3.0))
    with writing(engine) as session:
        session.add(Bookmark(name=chosen_name("a"), value="entropy"))
    assert input_drift(engine, batch(engine, "b", 1, vectors(1))) is None
    third = batch(engine, "c", 2, vectors(2))
    found = input_drift(engine, third)
    assert found is not None and not found.has_drifted and found.items_before == 40
    with writing(engine) as session:
        session.add(Bookmark(name=chosen_name("c"), value="entropy"))
    assert input_drift(engine, third) is None


def test_later_batches_and_other_detectors_are_nothing_before(engine: Engine) -> None:
    first = batch(engine, "a", 0, vectors(0))
    batch(engine, "b", 1, vectors(1, shift=3.0))
    assert input_drift(engine, first) is None
    assert input_drift(engine, Scope("b", "detector-2", RECIPE)) is None


def test_embeddings_of_another_model_are_refused_by_name(engine: Engine) -> None:
    batch(engine, "a", 0, vectors(0))
    with pytest.raises(OtherModelVersion, match="one length"):
        input_drift(engine, batch(engine, "b", 1, vectors(1, size=8)))
