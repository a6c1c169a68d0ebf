"""What a network sees of a large picture: all of each object, not as a speck, and embedded before the fourth click."""

import random
import time
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest

from blocks.storage.links import Box
from blocks.storage.stores import FolderStore
from infra.gateway.ml import networks
from infra.gateway.ml.networks import OutlineNetworks
from infra.gateway.ml.windows import (
    COARSER,
    GRID_PX,
    WHOLE_PX,
    WINDOW_PX,
    ClickedPicture,
    Points,
    clipped,
    longer_side,
    surroundings,
    window_around,
    window_for,
)
from tasks.detect.prompted.named import NamedNetwork
from tasks.detect.prompted.sam import Embedded
from tasks.kinds.geometry import Flags
from tasks.suggest.outlining.extremes import Extremes

NETWORK = NamedNetwork("mobile_sam", "0" * 12)
LARGE = 12_000, 9_000


def clicks_around(x: float, y: float, side: float) -> list[tuple[float, float]]:
    """Return four clicks on a round object, from the top counterclockwise, given the corner of its box."""
    half = side / 2
    return [(x + half, y), (x, y + half), (x + half, y + side), (x + side, y + half)]


@pytest.mark.parametrize(
    ("size", "box", "window"),
    [
        ((WHOLE_PX, 600), (10, 10, 40, 40), (0, 0, WHOLE_PX, 600)),
        ((4000, 3000), (1100, 1100, 1140, 1140), (512, 512, 1536, 1536)),
        ((4000, 3000), (-8, -8, 40, 40), (0, 0, 1024, 1024)),
        ((4000, 3000), (3980, 2980, 4010, 3010), (2976, 1976, 4000, 3000)),
        ((4000, 3000), (1000, 1000, 2000, 1500), (768, 512, 2048, 1792)),
        ((4000, 3000), (100, 100, 3000, 2000), (0, 0, 3328, 3000)),
        ((4000, 600), (3000, 100, 3100, 200), (2560, 0, 3584, 600)),
        ((4000, 3000), (-90, 10, -50, 40), (0, 0, 1024, 1024)),
    ],
    ids=["small", "large", "corner", "end", "large-object", "most-of-it", "strip", "outside"],
)
def test_of_a_large_picture_a_network_sees_a_window(size: tuple[int, int], box: Box, window: Box) -> None:
    assert window_around(size, box) == window


@pytest.mark.parametrize("side", [20, 150, 350, 450, 550, 650, 900, 2500, 8000])
def test_an_object_is_seen_whole_wherever_it_lies_and_no_smaller_than_it_must_be(side: int) -> None:
    draw = random.Random(side)
    for _ in range(200):
        points = clicks_around(draw.uniform(0, LARGE[0] - side), draw.uniform(0, LARGE[1] - side), side)
        around = clipped(surroundings(points), (0, 0, *LARGE))
        window = window_for(LARGE, points)
        assert clipped(around, window) == around
        assert longer_side(window) <= max(WINDOW_PX, longer_side(around) + 2 * GRID_PX)


class Counting:
    """Stands for a network: embedding takes minutes on CPUs, and here only which windows are asked for matters."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int, int]] = []

    def embed(self, picture: Any) -> Embedded:
        return Embedded(None, (picture.shape[1], picture.shape[0]))

    def find(self, _embedded: Embedded, extremes: Extremes, box: Box) -> Flags:
        self.asked.append(box)
        x_min, y_min, x_max, y_max = (round(edge) for edge in extremes.edges)
        found = np.zeros((box[3] - box[1], box[2] - box[0]), np.bool_)
        found[y_min - box[1] : y_max - box[1], x_min - box[0] : x_max - box[0]] = True
        return found


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    network = Counting()
    monkeypatch.setattr(networks, "_open", lambda _store, _named: network)
    return network


@pytest.fixture
def outlines(counting: Counting) -> Iterator[OutlineNetworks]:
    opened = OutlineNetworks(cast(FolderStore, None))
    yield opened
    opened.close()


def shown(looked_at: list[Box], size_wh: tuple[int, int] = LARGE) -> ClickedPicture:
    def look(window: Box) -> tuple[Any, tuple[int, int]]:
        looked_at.append(window)
        return np.broadcast_to(np.uint8(0), (window[3] - window[1], window[2] - window[0], 3)), window[:2]

    return ClickedPicture("item", size_wh, look)


def settle(outlines: OutlineNetworks) -> None:
    while not all(one.embedded.done() for one in outlines._seen.values()):
        time.sleep(0.001)


@pytest.mark.parametrize("side", [60, 150, 300, 450, 650])
def test_what_the_first_clicks_have_begun_shows_the_object_at_the_fourth(outlines: OutlineNetworks, side: int) -> None:
    draw, begun_late, tries = random.Random(side), 0, 30
    for _ in range(tries):
        outlines._seen.clear()
        looked_at: list[Box] = []
        points = clicks_around(draw.uniform(0, LARGE[0] - side), draw.uniform(0, LARGE[1] - side), side)
        for count in (1, 2, 3):
            outlines.look_ahead(NETWORK, shown(looked_at), points[:count])
            settle(outlines)
        before = len(looked_at)
        found = outlines.grow(NETWORK, shown(looked_at), Extremes.of(points, LARGE))
        assert found is not None and np.allclose(found.polygon.bounds(), Extremes.of(points, LARGE).edges, atol=2)
        assert longer_side(looked_at[-1]) <= COARSER * max(WINDOW_PX, 2 * side)
        begun_late += len(looked_at) > before
    assert begun_late <= 1


def test_objects_near_each_other_are_seen_in_one_window_and_only_their_surroundings_are_worked_on(
    outlines: OutlineNetworks, counting: Counting
) -> None:
    looked_at: list[Box] = []
    for x, y in ((5000, 4000), (5100, 4050), (4900, 3950)):
        points: Points = clicks_around(x, y, 60)
        outlines.look_ahead(NETWORK, shown(looked_at), points[:1])
        assert outlines.grow(NETWORK, shown(looked_at), Extremes.of(points, LARGE)) is not None
    assert len(looked_at) == 1
    assert {longer_side(box) for box in counting.asked} == {60 + 2 * 19}


def test_a_small_object_is_not_looked_for_in_what_was_made_for_a_large_one(outlines: OutlineNetworks) -> None:
    looked_at: list[Box] = []
    for points in (clicks_around(4000, 3000, 3000), clicks_around(5000, 4000, 60)):
        assert outlines.grow(NETWORK, shown(looked_at), Extremes.of(points, LARGE)) is not None
    assert [longer_side(window) for window in looked_at] == [5120, WINDOW_PX]
