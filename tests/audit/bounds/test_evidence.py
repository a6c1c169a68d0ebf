import numpy as np
import pytest

from blocks.errors import BadInput, BadOption
from tasks.audit.bounds.evidence import JudgedSample, SampleUnit, tally
from tasks.audit.bounds.sampling import draw_order, draw_share


def test_no_judgements_is_evidence_of_nothing() -> None:
    evidence = JudgedSample.of([], [], [], SampleUnit.ITEMS)
    assert evidence.units == 0
    assert tally(evidence, np.array([0.5])).judged.shape == (1, 0)


def test_boxes_are_counted_by_item_and_threshold() -> None:
    evidence = JudgedSample.of(
        ["a", "b", "a", "a"], [0.9, 0.8, 0.7, np.nan], [False, True, True, True], SampleUnit.ITEMS
    )
    counts = tally(evidence, np.array([0.85, 0.5]))
    assert counts.judged.tolist() == [[1, 0], [2, 1]]
    assert counts.wrong.tolist() == [[0, 0], [1, 1]]


def test_single_boxes_are_draws_of_their_own() -> None:
    evidence = JudgedSample.of(["a", "a"], [0.9, 0.8], [False, True], SampleUnit.BOXES)
    assert evidence.units == 2
    assert evidence.largest_draw == 1


def test_all_that_was_drawn_after_an_open_question_waits() -> None:
    evidence = JudgedSample.of(["a", "b", "a", "c"], [0.9] * 4, [False, None, True, False], SampleUnit.ITEMS)
    assert evidence.names == ("a",)
    assert evidence.wrong.tolist() == [False, True]


def test_later_audits_begin_where_the_earlier_ones_end() -> None:
    later = JudgedSample.of(["a", "b", "b", "c"], [0.1, 0.2, 0.3, 0.4], [False] * 4, SampleUnit.ITEMS).after(1)
    assert later.names == ("b", "c")
    assert later.scores.tolist() == [0.2, 0.3, 0.4]
    assert later.unit.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("items", "scores", "wrong", "said"),
    [
        (["a"], [0.5, 0.6], [True], "do not line up"),
        (["a"], [1.5], [True], "outside 0 to 1"),
        (["a"], [-np.inf], [True], "outside 0 to 1"),
        (["a"], [0.5], ["yes"], "neither True"),
        (["a"], [0.5], [1], "neither True"),
    ],
)
def test_malformed_judgements_are_refused(items: list[str], scores: list[float], wrong: list[bool], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        JudgedSample.of(items, scores, wrong, SampleUnit.ITEMS)


def test_every_box_has_the_same_chance_and_no_item_brings_more_than_its_share() -> None:
    items = ["big"] * 10 + ["small"] * 2 + ["one"]
    rng = np.random.default_rng(0)
    times = np.zeros(13)
    for _ in range(6000):
        drawn = draw_share(items, 0.25, rng)
        assert len(set(drawn.tolist())) == len(drawn)
        assert np.bincount(drawn < 10, minlength=2)[1] <= 3
        times[drawn] += 1
    assert times / 6000 == pytest.approx(np.full(13, 0.25), abs=0.03)


def test_a_share_of_one_draws_all_and_nothing_comes_of_nothing() -> None:
    rng = np.random.default_rng(0)
    assert sorted(draw_share(["a", "b", "a"], 1.0, rng).tolist()) == [0, 1, 2]
    assert draw_share([], 0.5, rng).tolist() == []
    assert sorted(draw_order(4, rng).tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, float("nan")])
def test_an_audit_share_of_zero_or_above_one_is_refused(share: float) -> None:
    with pytest.raises(BadOption, match=r"\(0, 1\]"):
        draw_share(["a"], share, np.random.default_rng(0))
