"""What the tile bench measures of our own tiles, on a few of its objects; the whole of it takes minutes."""

from functools import partial

import pytest

from tests.bench import tiles_seams, tiles_tables
from tests.bench.tiles_race import reached_goal


@pytest.mark.parametrize("join", [1, 2, 3])
def test_no_object_at_a_seam_comes_back_twice_or_cut_whatever_is_joined(monkeypatch, join):
    monkeypatch.setattr(tiles_seams, "SIDES_PX", (50, 300, 650, 900))
    monkeypatch.setattr(tiles_seams, "PHASES_PX", range(0, 640, 80))
    shares = tiles_seams._shares(partial(tiles_seams._labelline, whole=True, join=join))
    assert shares.pop("objects") == 32
    assert not any(shares.values()), shares


def test_every_racer_has_a_row_of_its_own():
    assert len(set(tiles_tables.RACERS)) == len(tiles_tables.RACERS)
    row = {
        "setting": "one",
        "by_class": {"car": {"truths": 3, "ap50": 0.5}},
        **dict.fromkeys(("images_per_second", "labelline_is_faster_by", "cpu_seconds_per_image"), 1.0),
        **dict.fromkeys(("map50", "map50_95", "map50_any_class", "map50_95_any_class"), 0.1),
        **dict.fromkeys(("recall50_any_class", "recall_lost"), 0.1),
        "boxes": 7,
    }
    result = {"device": "cpu", "images": 2, "score": 0.25, **dict.fromkeys(tiles_tables.RACERS, row)}
    assert tiles_tables._race(result).row_count == len(tiles_tables.RACERS)


def racer(images_per_second, map50, map50_95):
    return {"images_per_second": images_per_second, "map50": map50, "map50_95": map50_95}


def test_the_goal_is_reached_only_by_who_is_as_precise_as_every_peer():
    rows = {
        "labelline": racer(3.0, 0.2, 0.2),
        "labelline_joined": racer(9.0, 0.2, 0.09),
        "labelline_snug": racer(6.0, 0.1, 0.1),
        "sahi": racer(2.0, 0.1, 0.1),
        "supervision": racer(3.0, 0.05, 0.1),
        "whole_frame": racer(20.0, 0.3, 0.3),
    }
    goal = reached_goal(rows)
    assert goal == {"who": "labelline_snug", "times": {"sahi": 3.0, "supervision": 2.0}}
    assert "labelline_snug, 3.0 times sahi, 2.0 times supervision" in tiles_tables._goal(goal)


def test_without_peers_or_precision_there_is_no_goal_to_reach():
    assert reached_goal({"labelline": racer(3.0, 0.2, 0.2)})["who"] is None
    slow = {"labelline": racer(3.0, 0.1, 0.2), "sahi": racer(2.0, 0.2, 0.1)}
    assert reached_goal(slow) == {"who": None, "times": {}}
    assert tiles_tables._goal(reached_goal(slow)) == "no peer raced, or none of ours is as precise as each of them"
