"""Shots of a sequence: where they begin, and that it is looked for once."""

from pathlib import Path

import numpy as np
import pytest

from blocks.storage.stores import FolderStore
from tasks.intake.images import Pixels
from tasks.track.shots import find_cuts, keep_cuts, shots_between
from tests.track.scenes import SIZE_WH, Scene, Walker

SCENE = Scene((Walker((10, 20), (3, 0), seed=1),))
DARK = np.full((*SIZE_WH[::-1], 3), 8, dtype=np.uint8)


def film() -> list[tuple[int, Pixels]]:
    """Five frames of one shot, three of another, and two of the first again."""
    return [(at, DARK if 5 <= at < 8 else SCENE.draw(at)) for at in range(10)]


def test_a_shot_begins_where_a_picture_is_unlike_the_one_before() -> None:
    assert find_cuts(film()) == [5, 8]


def test_one_frame_and_none_have_no_cut() -> None:
    assert find_cuts(film()[:1]) == find_cuts([]) == []


def test_a_frame_that_cannot_be_read_is_passed_over() -> None:
    assert find_cuts([frame for frame in film() if frame[0] != 5]) == [6, 8]


@pytest.mark.parametrize(
    ("frames", "cuts", "shots"),
    [
        (0, [], []),
        (1, [], [(0, 0)]),
        (4, [], [(0, 3)]),
        (4, [1], [(0, 0), (1, 3)]),
        (4, [2, 3], [(0, 1), (2, 2), (3, 3)]),
    ],
)
def test_shots_lie_between_cuts(frames: int, cuts: list[int], shots: list[tuple[int, int]]) -> None:
    assert shots_between(frames, cuts) == shots


def test_cuts_are_found_once_for_the_same_frames(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    reads: list[str] = []

    def read() -> list[tuple[int, Pixels]]:
        reads.append("read")
        return film()

    ids = [f"item-{at}" for at in range(10)]
    assert keep_cuts(store, ids, read) == keep_cuts(store, ids, read) == [5, 8]
    assert len(reads) == 1
    assert keep_cuts(store, [*ids, "one more"], read) == [5, 8]
    assert len(reads) == 2, "a sequence that grew is looked at again"
