"""Drift is called where things changed, rarely where they did not, and never on no evidence."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Engine

from blocks.database.engine import writing
from blocks.database.tables import Batch, Item
from blocks.errors import OtherModelVersion
from tasks.audit.risk_control.drift import check_drift, chosen_name, input_drift
from tasks.detect.refs import Scope
from tasks.monitor.drift import agreement_drift, drift_of_inputs
from tasks.monitor.judged import JudgedItem
from tasks.monitor.options import MonitorOptions
from tasks.review.questions.bookmarks import write_bookmarks
from tests.triage.rows import DETECTOR, RECIPE, add_batch, add_scan

OPTIONS = MonitorOptions(resamples=199)


def cloud(seed: int, centre: int = 0, items: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.3, (items, 6)) + np.eye(6)[centre]


def item(number: int, right: int, wrong: int, objects: int, sequence: str = "s") -> JudgedItem:
    flags = np.array([True] * right + [False] * wrong, dtype=np.bool_)
    return JudgedItem(
        f"i{number}",
        sequence,
        "d",
        True,
        datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=number),
        ("car",) * len(flags),
        np.full(len(flags), 0.9),
        flags,
        Counter({"car": objects}),
    )


def show(engine: Engine, vectors: np.ndarray, batch_id: str, per_sequence: int = 1) -> None:
    """Add a batch whose pictures have these embeddings, of which so many are of one sequence."""
    ids = add_batch(engine, len(vectors), batch_id)
    for number, item_id in enumerate(ids):
        add_scan(engine, item_id, embedding=vectors[number])
    with writing(engine) as session:
        session.get_one(Batch, batch_id).detector = DETECTOR
        for number, item_id in enumerate(ids):
            session.get_one(Item, item_id).sequence = f"{batch_id}-{number // per_sequence}"


def test_other_images_are_a_drift_and_the_audit_says_the_same(engine: Engine) -> None:
    show(engine, cloud(1), "batch-1", per_sequence=40)
    show(engine, cloud(2, centre=1), "batch-2", per_sequence=40)
    drift = drift_of_inputs(engine, "lot", MonitorOptions())
    assert (drift.alarm, drift.unit) == (True, "items")
    assert "p is too small" in drift.words
    audited = input_drift(engine, Scope("batch-2", DETECTOR, RECIPE))
    assert audited is not None
    assert (audited.distance, audited.p_value) == (drift.distance, drift.p_value)


def test_one_odd_sequence_among_many_is_no_drift_where_items_alone_would_say_so(engine: Engine) -> None:
    rng = np.random.default_rng(3)
    places = rng.normal(0, 1, (12, 6))  # twelve flights, each over another field
    vectors = np.concatenate([place + rng.normal(0, 0.01, (10, 6)) for place in places])
    show(engine, vectors[:60], "batch-1", per_sequence=10)
    show(engine, vectors[60:], "batch-2", per_sequence=10)
    by_flight = drift_of_inputs(engine, "lot", OPTIONS)
    assert (by_flight.unit, by_flight.alarm) == ("sequences", False)
    assert check_drift("pictures", vectors[:60], vectors[60:]).has_drifted


@pytest.mark.parametrize(("before", "now"), [(0, 0), (0, 40), (40, 9)])
def test_too_few_images_are_said_in_words(engine: Engine, before: int, now: int) -> None:
    show(engine, cloud(1)[:before], "batch-1")
    show(engine, cloud(2)[:now], "batch-2")
    drift = drift_of_inputs(engine, "lot", OPTIONS)
    assert (drift.distance, drift.p_value, drift.alarm) == (None, None, False)
    assert drift.words == f"not enough evidence: {before} items then and {now} now, 10 of each are needed"


def test_a_batch_that_a_strategy_chose_is_compared_with_nothing_and_says_so(engine: Engine) -> None:
    show(engine, cloud(1), "batch-1")
    show(engine, cloud(2, centre=1), "batch-2")
    with writing(engine) as session:
        write_bookmarks(session, {chosen_name("batch-2"): "entropy"})
    drift = drift_of_inputs(engine, "lot", OPTIONS)
    assert (drift.before, drift.now, drift.p_value, drift.alarm) == (40, 40, None, False)
    assert drift.words.startswith("not compared: batch batch-2 was chosen by a strategy")


def test_embeddings_of_another_model_are_refused(engine: Engine) -> None:
    show(engine, cloud(1), "batch-1")
    show(engine, cloud(2)[:, :4], "batch-2")
    with pytest.raises(OtherModelVersion, match="one length"):
        drift_of_inputs(engine, "lot", OPTIONS)


def test_images_that_are_all_the_same_are_no_drift(engine: Engine) -> None:
    show(engine, np.ones((40, 6)), "batch-1")
    show(engine, np.ones((40, 6)), "batch-2")
    assert drift_of_inputs(engine, "lot", OPTIONS).p_value == 1.0


def test_an_alarm_that_needs_more_dealings_than_are_asked_for_gets_them(engine: Engine) -> None:
    show(engine, cloud(1), "batch-1")
    show(engine, cloud(2, centre=1), "batch-2")
    assert drift_of_inputs(engine, "lot", MonitorOptions(resamples=99, alarm_p=0.002)).alarm


def test_agreement_that_falls_is_a_drift() -> None:
    judged = [item(n, 1, 0, 1) for n in range(20)] + [item(n, 0, 1, 1) for n in range(20, 40)]
    drift = agreement_drift(judged, OPTIONS.model_copy(update={"alarm_p": 0.02}))
    assert drift.alarm
    assert drift.words.startswith("agreement 1.000, then 0.000: changed")


def test_items_with_nothing_on_them_say_nothing_about_agreement() -> None:
    drift = agreement_drift([item(n, 0, 0, 0) for n in range(40)], OPTIONS)
    assert drift.distance is None
    assert "0 items then and 0 now" in drift.words


def test_agreement_that_stays_is_no_drift() -> None:
    judged = [item(n, n % 2, 0, 1) for n in range(40)]
    assert not agreement_drift(judged, OPTIONS).alarm
