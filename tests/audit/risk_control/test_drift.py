"""Pictures that changed against earlier batches are seen as such; with nothing to compare, nothing is said."""

from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import Engine

from blocks.database.engine import writing
from blocks.database.tables import Batch, Bookmark, Item, utc_now
from blocks.errors import BadInput, BadOption, OtherModelVersion
from tasks.audit.risk_control.drift import DriftOptions, check_drift, chosen_name, input_drift
from tasks.audit.risk_control.prove import Certification
from tasks.audit.risk_control.report import risk_control_report, thresholds_summary
from tasks.detect.refs import Scope
from tasks.triage.options import CertifiedThresholds
from tests.triage.rows import DETECTOR, RECIPE, add_batch, add_scan

NOW = utc_now()
EMPTY = Certification({}, CertifiedThresholds(accept_from={}, max_error_rate=0.02, confidence=0.95))


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
    assert other is not None and other.ends_thresholds
    assert "have changed against earlier batches" in thresholds_summary(risk_control_report("c", EMPTY, other))
    assert "look like those of earlier batches" in thresholds_summary(risk_control_report("b", EMPTY, alike))


def test_a_change_between_few_sequences_is_told_and_ends_nothing(engine: Engine) -> None:
    batch(engine, "a", 0, vectors(0), per_sequence=20)
    drift = input_drift(engine, batch(engine, "b", 1, vectors(1, shift=3.0), per_sequence=20))
    assert drift is not None and drift.has_drifted and not drift.ends_thresholds
    assert "no threshold ends by it" in thresholds_summary(risk_control_report("b", EMPTY, drift))


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


def test_alike_items_raise_a_drift_alarm_as_seldom_as_stated() -> None:
    rng = np.random.default_rng(0)
    sides = ((rng.normal(size=(40, 3)), rng.normal(size=(30, 3))) for _ in range(200))
    alarms = sum(
        check_drift("scores", *pair, options=DriftOptions(false_alarm=0.05, permutations=99)).has_drifted
        for pair in sides
    )
    assert alarms <= 22  # binomial(200, 0.05) exceeds 22 once in a thousand times


def test_other_items_raise_the_alarm() -> None:
    rng = np.random.default_rng(0)
    drift = check_drift("embeddings", rng.normal(size=(100, 16)), rng.normal(size=(80, 16)) + 0.5)
    assert drift.has_drifted and drift.ends_thresholds


def test_a_wider_spread_with_the_same_mean_is_seen_too() -> None:
    rng = np.random.default_rng(0)
    assert check_drift("scores", rng.normal(size=(300, 2)), 2 * rng.normal(size=(300, 2))).has_drifted


@pytest.mark.parametrize("items", [0, 1])
def test_of_too_few_items_nothing_is_said(items: int) -> None:
    drift = check_drift("scores", np.zeros((50, 2)), np.ones((items, 2)))
    assert (drift.has_drifted, drift.p_value) == (False, 1.0)


def test_rows_without_numbers_are_left_out() -> None:
    rows = np.ones((10, 2))
    rows[3] = np.nan
    assert check_drift("scores", rows, np.ones((10, 2))).items_before == 9


def test_drift_of_unlike_rows_or_with_too_few_permutations_is_refused() -> None:
    with pytest.raises(BadInput, match="same d"):
        check_drift("embeddings", np.zeros((5, 2)), np.zeros((5, 3)))
    with pytest.raises(BadOption, match="expected 100"):
        check_drift("embeddings", np.zeros((5, 2)), np.zeros((5, 2)), options=DriftOptions(permutations=50))


def frames(rng: np.random.Generator, sequences: int, name: str, shift: float = 0.0) -> tuple[np.ndarray, list[str]]:
    """Eight frames of each sequence, which hardly differ from each other."""
    places = rng.normal(size=(sequences, 3)) + shift
    rows = np.repeat(places, 8, axis=0) + 0.05 * rng.normal(size=(8 * sequences, 3))
    return rows, [f"{name}{number}" for number in range(sequences) for _ in range(8)]


def test_frames_of_new_sequences_alone_end_no_threshold() -> None:
    rng, alarms, by_item = np.random.default_rng(0), 0, 0
    for _ in range(200):
        (before, named), (now, named_now) = frames(rng, 8, "a"), frames(rng, 8, "b")
        options = DriftOptions(false_alarm=0.05, permutations=99)
        alarms += check_drift("pictures", before, now, (named, named_now), options).has_drifted
        by_item += check_drift("pictures", before, now, options=options).has_drifted
    assert alarms <= 22  # binomial(200, 0.05) exceeds 22 once in a thousand times
    assert by_item > 100  # what exchanging items would have said


def test_sequences_of_another_place_are_seen() -> None:
    rng, found = np.random.default_rng(0), []
    for _ in range(40):
        (before, named), (now, named_now) = frames(rng, 10, "a"), frames(rng, 10, "b", shift=2.0)
        found.append(check_drift("pictures", before, now, (named, named_now), DriftOptions(permutations=199)))
    assert {drift.unit for drift in found} == {"sequences"}
    assert sum(drift.ends_thresholds for drift in found) >= 38


@pytest.mark.parametrize(("sequences", "name"), [(4, "b"), (10, "a")], ids=["too few", "the same ones"])
def test_where_sequences_cannot_be_exchanged_the_alarm_is_told_and_ends_nothing(sequences: int, name: str) -> None:
    rng = np.random.default_rng(0)
    (before, named), (now, named_now) = frames(rng, 10, "a"), frames(rng, sequences, name, shift=3.0)
    drift = check_drift("pictures", before, now, (named, named_now))
    assert (drift.unit, drift.has_drifted, drift.ends_thresholds) == ("items", True, False)
