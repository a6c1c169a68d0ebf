"""The drawn film of the demo: real frames, whose truth says who is where, also across a bridge."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from infra.demo.scenes.vehicles import CLASSES
from infra.demo.video.film import VIEW_WH, DrawnFilm, draw_film
from tasks.intake.video.frames import Damage, read_frames

FRAMES = 40


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> DrawnFilm:
    return draw_film(tmp_path_factory.mktemp("film") / "traffic", FRAMES, seed=7)


def test_the_film_has_its_frames_and_their_truth(film: DrawnFilm) -> None:
    shown = list(read_frames(film.path, Damage()))
    assert len(shown) == len(film.truth) == FRAMES
    assert {frame.pixels.shape for frame in shown} == {(VIEW_WH[1], VIEW_WH[0], 3)}
    assert film.boxes == sum(map(len, film.truth)) > 5 * FRAMES
    assert {seen.box.class_name for frame in film.truth for seen in frame} <= set(CLASSES)


def test_vehicles_move_come_in_and_are_hidden_for_a_while(film: DrawnFilm) -> None:
    places: dict[int, list[int]] = {}
    for at, frame in enumerate(film.truth):
        for seen in frame:
            places.setdefault(seen.track, []).append(at)
    assert any(known[0] > 0 for known in places.values()), "somebody comes in"
    assert any(known[-1] < FRAMES - 1 for known in places.values()), "somebody leaves"
    assert any(later - earlier > 3 for known in places.values() for earlier, later in pairwise(known)), "under a bridge"
    first, last = ({seen.track: seen.box for seen in film.truth[at]} for at in (0, FRAMES - 1))
    moved = [
        np.hypot(last[track].x_min - box.x_min, last[track].y_min - box.y_min)
        for track, box in first.items()
        if track in last
    ]
    assert max(moved) > 50 and min(moved) == 0, "some drive and some park"


def test_the_same_seed_draws_the_same_film(film: DrawnFilm, tmp_path: Path) -> None:
    again = draw_film(tmp_path / "again", 2, seed=7)
    other = draw_film(tmp_path / "other", 2, seed=3)
    assert len(again.truth) == 2
    assert again.truth != other.truth
    one, two = (next(iter(read_frames(each.path, Damage()))).pixels for each in (again, other))
    assert not np.array_equal(one, two)
