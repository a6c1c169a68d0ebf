import numpy as np
import pytest

from blocks.errors import BadInput, BadOption
from tasks.audit.bands import ClassBand, Promise, Standing, certify
from tasks.audit.evidence import Drawn, Evidence
from tasks.audit.grids import ThresholdGrid
from tasks.audit.scope import Stream
from tasks.audit.withdrawal import check_drift, check_later_audits, keep_or_withdraw

STREAM = Stream(largest_draw=1)


def seen(wrong: np.ndarray, score: float = 0.9) -> Evidence:
    return Evidence.of([f"i{n}" for n in range(len(wrong))], np.full(len(wrong), score), wrong, Drawn.ITEMS)


@pytest.fixture
def band() -> ClassBand:
    return certify("car", [seen(np.zeros(300, bool))], ThresholdGrid.of(np.full(9, 0.9)), Promise(), STREAM)


def test_no_later_audits_keep_the_band(band: ClassBand) -> None:
    found = check_later_audits(band, seen(np.zeros(0, bool)), STREAM)
    assert not found.is_contradicted
    assert keep_or_withdraw(band, found) is band


def test_right_audits_keep_the_band(band: ClassBand) -> None:
    assert not check_later_audits(band, seen(np.zeros(500, bool)), STREAM).is_contradicted


def test_a_band_that_went_bad_is_withdrawn_with_the_reason(band: ClassBand) -> None:
    wrong = np.zeros(200, bool)
    wrong[100::6] = True
    ended = keep_or_withdraw(band, check_later_audits(band, seen(wrong), STREAM))
    assert (ended.standing, ended.accept_from, ended.share_accepted) == (Standing.WITHDRAWN, None, 0.0)
    assert "17 of 200 boxes audited since are wrong" in ended.reason
    assert keep_or_withdraw(ended, None) is ended


def test_wrong_boxes_below_the_band_are_not_its_fault(band: ClassBand) -> None:
    assert check_later_audits(band, seen(np.ones(50, bool), score=0.5), STREAM).judged == 0


def test_there_is_nothing_to_contradict_without_a_band(band: ClassBand) -> None:
    none = certify("car", [], ThresholdGrid.of(np.full(9, 0.9)), Promise(), STREAM)
    with pytest.raises(BadOption, match="no band to contradict"):
        check_later_audits(none, seen(np.zeros(1, bool)), STREAM)
    with pytest.raises(BadOption, match="false alarm"):
        check_later_audits(band, seen(np.zeros(1, bool)), STREAM, false_alarm=0.0)


def test_a_later_draw_larger_than_promised_is_refused(band: ClassBand) -> None:
    crowded = Evidence.of(["a"] * 3, np.full(3, 0.9), np.zeros(3, bool), Drawn.ITEMS)
    with pytest.raises(BadInput, match="brought 3 boxes"):
        check_later_audits(band, crowded, STREAM)


def test_alike_items_raise_a_drift_alarm_as_seldom_as_stated() -> None:
    rng = np.random.default_rng(0)
    sides = ((rng.normal(size=(40, 3)), rng.normal(size=(30, 3))) for _ in range(200))
    alarms = sum(check_drift("scores", *pair, false_alarm=0.05, permutations=99).has_drifted for pair in sides)
    assert alarms <= 22  # binomial(200, 0.05) exceeds 22 once in a thousand times


def test_other_items_raise_the_alarm_and_end_the_band(band: ClassBand) -> None:
    rng = np.random.default_rng(0)
    drift = check_drift("embeddings", rng.normal(size=(100, 16)), rng.normal(size=(80, 16)) + 0.5)
    assert drift.has_drifted
    ended = keep_or_withdraw(band, None, (drift,))
    assert "embeddings have changed since" in ended.reason


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
        check_drift("embeddings", np.zeros((5, 2)), np.zeros((5, 2)), permutations=50)


def frames(rng: np.random.Generator, sequences: int, name: str, shift: float = 0.0) -> tuple[np.ndarray, list[str]]:
    """Eight frames of each sequence, which hardly differ from each other."""
    places = rng.normal(size=(sequences, 3)) + shift
    rows = np.repeat(places, 8, axis=0) + 0.05 * rng.normal(size=(8 * sequences, 3))
    return rows, [f"{name}{number}" for number in range(sequences) for _ in range(8)]


def test_frames_of_new_sequences_alone_end_no_band(band: ClassBand) -> None:
    rng, alarms, by_item = np.random.default_rng(0), 0, 0
    for _ in range(200):
        (before, named), (now, named_now) = frames(rng, 8, "a"), frames(rng, 8, "b")
        options = {"false_alarm": 0.05, "permutations": 99}
        alarms += check_drift("pictures", before, now, (named, named_now), **options).has_drifted  # type: ignore[arg-type]
        by_item += check_drift("pictures", before, now, **options).has_drifted  # type: ignore[arg-type]
    assert alarms <= 22  # binomial(200, 0.05) exceeds 22 once in a thousand times
    assert by_item > 100  # what exchanging items would have said


def test_sequences_of_another_place_are_seen(band: ClassBand) -> None:
    rng, found = np.random.default_rng(0), []
    for _ in range(40):
        (before, named), (now, named_now) = frames(rng, 10, "a"), frames(rng, 10, "b", shift=2.0)
        found.append(check_drift("pictures", before, now, (named, named_now), permutations=199))
    assert {drift.unit for drift in found} == {"sequences"}
    assert sum(drift.ends_bands for drift in found) >= 38


@pytest.mark.parametrize(("sequences", "name"), [(4, "b"), (10, "a")], ids=["too few", "the same ones"])
def test_where_sequences_cannot_be_exchanged_the_alarm_is_told_and_ends_nothing(
    band: ClassBand, sequences: int, name: str
) -> None:
    rng = np.random.default_rng(0)
    (before, named), (now, named_now) = frames(rng, 10, "a"), frames(rng, sequences, name, shift=3.0)
    drift = check_drift("pictures", before, now, (named, named_now))
    assert (drift.unit, drift.has_drifted, drift.ends_bands) == ("items", True, False)
    assert keep_or_withdraw(band, None, (drift,)) is band
