"""Flawed surfaces: the words, the box and the heat map."""

import numpy as np
import pytest

from blocks.errors import BadInput
from tasks.triage.outliers.patchcore import Flaws, PatchMemory
from tasks.triage.outliers.surface import box_of_heat, heat_picture, surface_anomalies
from tasks.triage.reasons import Why, why_of
from tasks.triage.robust_z import Spread

MEMORY = PatchMemory("m", np.zeros((1, 2), dtype=np.float32), Spread(0.0, 0.1))


def flaws_of(*scores: float) -> Flaws:
    distances = np.zeros((len(scores), 4, 8))
    distances[:, 1, 2] = 1
    return Flaws(np.array(scores), distances)


def test_the_worst_comes_first_with_its_reason_and_its_place() -> None:
    found = surface_anomalies(flaws_of(1.0, 2.0, 3.0), MEMORY, ["a", "b", "c"], [(80, 40)] * 3, 3.5)
    assert list(found) == ["c", "b"]
    assert found["b"].reason == "oddest patch 2.0 times as far from all known good ones as usual"
    assert why_of(found["b"].reason) is Why.ODD_SURFACE
    assert found["b"].box_px == (20, 10, 30, 20)


def test_nothing_is_odd_among_nothing() -> None:
    assert surface_anomalies(flaws_of(), MEMORY, [], [], 3.5) == {}


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(BadInput, match="'b' is no number"):
        surface_anomalies(flaws_of(1.0, float("nan")), MEMORY, ["a", "b"], [(8, 4)] * 2, 3.5)


def test_not_one_id_for_each_score_is_refused() -> None:
    with pytest.raises(BadInput, match="one each"):
        surface_anomalies(flaws_of(1.0), MEMORY, [], [], 3.5)


def test_the_box_holds_what_hangs_together_with_the_oddest_patch() -> None:
    distances = np.zeros((4, 4))
    distances[1, 1], distances[1, 2], distances[3, 3] = 1.0, 0.9, 0.95
    assert box_of_heat(distances, (40, 80)) == (10, 20, 30, 40)


def test_heat_is_yellow_where_it_is_hot_and_blue_elsewhere() -> None:
    distances = np.zeros((4, 4))
    distances[:, 2:] = 5
    picture = heat_picture(np.full((40, 60, 3), 100, dtype=np.uint8), distances, 5.0)
    assert picture.shape == (40, 60, 3)
    (blue, _, red), (hot_blue, _, hot_red) = picture[20, 2], picture[20, 57]
    assert blue > red
    assert hot_red > hot_blue


@pytest.mark.parametrize("hottest", [0.0, float("nan")])
def test_a_heat_map_without_a_scale_is_refused(hottest: float) -> None:
    with pytest.raises(BadInput, match="scale"):
        heat_picture(np.zeros((4, 4, 3), dtype=np.uint8), np.ones((2, 2)), hottest)
