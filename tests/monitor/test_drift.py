"""Drift is called where things changed, rarely where they did not, and never on no evidence."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from blocks.errors import OtherModelVersion
from tasks.monitor.drift import agreement_drift, input_drift
from tasks.monitor.judged import JudgedItem
from tasks.monitor.options import MonitorOptions

OPTIONS = MonitorOptions(resamples=199)
ALONE = ("a",) * 40, ("a",) * 40


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


def test_other_images_are_a_drift() -> None:
    drift = input_drift(cloud(1), cloud(2, centre=1), ALONE, MonitorOptions(resamples=199, alarm_p=0.02))
    assert drift.alarm
    assert "p is too small" in drift.words


def test_the_same_kind_of_images_is_a_drift_no_oftener_than_promised() -> None:
    options = MonitorOptions(resamples=99, alarm_p=0.05)
    alarms = [input_drift(cloud(seed), cloud(seed + 1000), ALONE, options).alarm for seed in range(40)]
    assert sum(alarms) <= 6  # binomial with 0.05: more in 1 of 300 sets


def test_one_odd_sequence_among_many_is_no_drift_where_items_alone_would_say_so() -> None:
    rng = np.random.default_rng(3)
    places = rng.normal(0, 1, (12, 6))  # twelve flights, each over another field
    vectors = np.concatenate([place + rng.normal(0, 0.01, (10, 6)) for place in places])
    names = [f"flight {number // 10}" for number in range(120)]
    by_flight = input_drift(vectors[:60], vectors[60:], (names[:60], names[60:]), OPTIONS)
    by_item = input_drift(vectors[:60], vectors[60:], (["x"] * 60, ["x"] * 60), OPTIONS)
    assert (by_flight.unit, by_flight.alarm) == ("sequences", False)
    assert (by_item.unit, by_item.alarm) == ("items", True)


@pytest.mark.parametrize(("before", "now"), [(0, 0), (0, 40), (40, 0), (40, 9)])
def test_too_few_images_are_said_in_words(before: int, now: int) -> None:
    drift = input_drift(cloud(1)[:before], cloud(2)[:now], (["a"] * before, ["b"] * now), OPTIONS)
    assert (drift.distance, drift.p_value, drift.alarm) == (None, None, False)
    assert drift.words == f"not enough evidence: {before} items then and {now} now, 10 of each are needed"


def test_embeddings_of_another_model_are_refused() -> None:
    with pytest.raises(OtherModelVersion, match="of 6 and of 4 numbers"):
        input_drift(cloud(1), cloud(2)[:, :4], ALONE, OPTIONS)


def test_images_that_are_all_the_same_are_no_drift() -> None:
    same = np.zeros((40, 6))
    assert input_drift(same, same, ALONE, OPTIONS).p_value == 1.0


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
