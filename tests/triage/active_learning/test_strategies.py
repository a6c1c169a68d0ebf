from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from blocks.errors import BadInput, BadOption, UnknownClass
from tasks.triage.active_learning.order import check_strategies, mixed_ranks
from tasks.triage.active_learning.strategies import STRATEGIES, Candidates, ranks, score_by, strategy

NAN = float("nan")


def candidates(scores: dict[str, list[float]], **options: object) -> Candidates:
    """Items and the scores of their proposals, all of class car."""
    boxes = [(item, score) for item, own in scores.items() for score in own]
    options.setdefault("classes", ["car"] * len(boxes))
    return Candidates.of(list(scores), [item for item, _ in boxes], [score for _, score in boxes], **options)  # type: ignore[arg-type]


@pytest.fixture
def own_strategy() -> Iterator[str]:
    yield "my-own"
    STRATEGIES.pop("my-own", None)


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_strategy_scores_nothing_one_and_many_with_finite_numbers(name: str) -> None:
    assert score_by(name, candidates({})).shape == (0,)
    assert np.isfinite(score_by(name, candidates({"a": [0.4]}))).all()
    many = candidates({"a": [0.5, 0.1, NAN], "b": [], "c": [0.0, 1.0]})
    assert score_by(name, many).shape == (3,)
    assert np.isfinite(score_by(name, many)).all()


def test_entropy_is_one_bit_for_a_coin_and_none_for_a_sure_box() -> None:
    found = score_by("entropy", candidates({"coin": [0.5], "two": [0.5, 0.5], "sure": [1.0], "empty": []}))
    assert found == pytest.approx([1, 2, 0, 0], abs=1e-6)


def test_a_missing_score_counts_as_most_uncertain() -> None:
    unknown, half, sure = score_by("entropy", candidates({"a": [NAN], "b": [0.5], "c": [0.95]}))
    assert unknown == half > sure


def test_rare_classes_come_first() -> None:
    one = candidates({"a": [0.8], "b": [0.8]}, classes=["car", "tram"], labels_by_class={"car": 999, "tram": 0})
    common, rare = score_by("class-balance", one)
    assert rare == pytest.approx(0.8)
    assert common < 0.01


def test_random_order_is_the_same_for_the_same_seed_only() -> None:
    items: dict[str, list[float]] = {f"i{n}": [] for n in range(50)}
    first = score_by("random", candidates(items, seed=1))
    assert (first == score_by("random", candidates(items, seed=1))).all()
    assert (first != score_by("random", candidates(items, seed=2))).any()
    assert len(set(first.tolist())) == 50


def test_a_strategy_of_ones_own_is_chosen_by_name(own_strategy: str) -> None:
    @strategy(own_strategy)
    def crowded(those: Candidates) -> np.ndarray:
        return np.bincount(those.box_item, minlength=len(those)).astype(float)

    assert score_by(own_strategy, candidates({"a": [0.1], "b": [0.1, 0.2]})).tolist() == [1, 2]


def test_numbers_that_are_not_finite_never_leave(own_strategy: str) -> None:
    strategy(own_strategy)(lambda those: np.array([NAN, np.inf, -np.inf]))
    found = score_by(own_strategy, candidates({"a": [], "b": [], "c": []}))
    assert np.isfinite(found).all()
    assert found[1] == found.max()


def test_a_mix_compares_ranks_not_units(engine: Engine) -> None:
    one = candidates({"a": [0.5], "b": [0.9, 0.9, 0.9, 0.9], "c": [1.0]})
    mixed = mixed_ranks(engine, "", {"entropy": 1, "class-balance": 1}, one)
    assert mixed == pytest.approx([0.25, 1, 0.25])
    assert mixed_ranks(engine, "", {"entropy": 5}, one) == pytest.approx(ranks(score_by("entropy", one)))


@given(st.lists(st.floats(0, 1), max_size=30))
def test_ranks_keep_the_order_and_lie_within_zero_and_one(values: list[float]) -> None:
    found = ranks(np.array(values))
    assert ((found >= 0) & (found <= 1)).all()
    for first, second in zip(range(len(values)), range(1, len(values)), strict=False):
        assert (values[first] < values[second]) == (found[first] < found[second])


def test_wrong_names_and_weights_are_refused(own_strategy: str) -> None:
    one = candidates({"a": [0.5]})
    with pytest.raises(BadOption, match="known: class-balance"):
        score_by("entropie", one)
    with pytest.raises(BadOption, match="none below 0"):
        check_strategies({"entropy": -1.0, "random": 2.0})
    with pytest.raises(BadOption, match="none below 0"):
        check_strategies({})
    with pytest.raises(BadOption, match="already there"):
        strategy("entropy")(lambda those: np.zeros(len(those)))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"item_ids": ["a", "a"]}, "there twice"),
        ({"box_items": ["z"]}, "no candidate"),
        ({"scores": [1.2]}, "outside 0 to 1"),
        ({"scores": [0.1, 0.2]}, "one entry per proposal"),
    ],
)
def test_malformed_candidates_are_refused(options: dict[str, object], said: str) -> None:
    fields = {"item_ids": ["a"], "box_items": ["a"], "scores": [0.5], "classes": ["car"], **options}
    with pytest.raises(BadInput, match=said):
        Candidates.of(**fields)  # type: ignore[arg-type]


def test_an_unknown_class_is_named() -> None:
    with pytest.raises(UnknownClass, match="Did you mean 'lorry'"):
        candidates({"a": [0.5]}, classes=["lory"], labels_by_class={"lorry": 3})
