"""Shots of a sequence: where they begin, and that it is looked for once."""

from dataclasses import dataclass, field
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


@dataclass
class Reels:
    """Reads a film, and notes what was asked for; some frames cannot be read."""

    lacking: set[int] = field(default_factory=set)
    reads: list[tuple[int, int]] = field(default_factory=list)

    def read(self, start: int, stop: int) -> list[tuple[int, Pixels]]:
        self.reads.append((start, stop))
        return [frame for frame in film() if start <= frame[0] <= stop and frame[0] not in self.lacking]


IDS = [f"item-{at}" for at in range(10)]


def test_cuts_are_found_once_for_the_same_frames(tmp_path: Path) -> None:
    store, reels = FolderStore(tmp_path), Reels()
    assert keep_cuts(store, [], reels.read) == []
    assert keep_cuts(store, IDS, reels.read) == keep_cuts(store, IDS, reels.read) == [5, 8]
    assert reels.reads == [(0, 9)]


@pytest.mark.parametrize("before", [1, 5, 6, 8, 9])
def test_a_sequence_that_grew_is_looked_at_from_where_it_ended(tmp_path: Path, before: int) -> None:
    store, reels = FolderStore(tmp_path), Reels()
    assert keep_cuts(store, IDS[:before], reels.read) == [cut for cut in (5, 8) if cut < before]
    assert keep_cuts(store, IDS, reels.read) == [5, 8]
    assert reels.reads == [(0, before - 1), (before - 1, 9)]


def test_other_frames_before_are_another_sequence(tmp_path: Path) -> None:
    store, reels = FolderStore(tmp_path), Reels()
    keep_cuts(store, IDS, reels.read)
    assert keep_cuts(store, [IDS[0], "between", *IDS[1:9]], reels.read) == [5, 8]
    assert reels.reads == [(0, 9), (0, 9)]


def test_nothing_is_kept_of_frames_that_cannot_be_read_for_a_moment(tmp_path: Path) -> None:
    store, reels = FolderStore(tmp_path), Reels(lacking={5})
    assert keep_cuts(store, IDS, reels.read) == [6, 8]
    reels.lacking.clear()
    assert keep_cuts(store, IDS, reels.read) == [5, 8]
    assert reels.reads == [(0, 9), (4, 9)]
