"""Texts become vectors whatever is in them, and whatever script they are in."""

import numpy as np
import pytest

from blocks.errors import BadInput
from tasks.suggest.embedders.texts import TextEmbedder

POOL = [
    "ships sail the sea",
    "a ship at sea",
    "bread and butter",
    "butter the bread",
    "Schiffe auf See",
    "船在海上航行",
    "海上的船",
]


def unlike(one: np.ndarray, other: np.ndarray) -> float:
    return 1 - float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def test_texts_about_one_thing_lie_nearer_than_texts_about_two() -> None:
    ship, other_ship, bread = TextEmbedder.of(POOL).embed(["the ship sails", "ships at sea", "bread with butter"])
    assert unlike(ship, other_ship) < unlike(ship, bread)


def test_a_script_without_spaces_is_told_apart_as_well() -> None:
    ship, other_ship, bread = TextEmbedder.of(POOL).embed(["海上的船航行", "船在海上", "butter and bread"])
    assert unlike(ship, other_ship) < unlike(ship, bread)


@pytest.mark.parametrize(
    "text", ["", "   ", "\0\0", "🚢🌊", "سفينة في البحر", "<script>alert(1)</script>", "x" * 1_000_000]
)
def test_any_text_has_a_vector_of_finite_numbers(text: str) -> None:
    embedder = TextEmbedder.of(POOL)
    vectors = embedder.embed([text, POOL[0]])
    assert vectors.shape == embedder.embed(POOL[:2]).shape
    assert np.isfinite(vectors).all()
    assert vectors[1].any()
    assert embedder.embed([]).shape == (0, vectors.shape[1])


@pytest.mark.parametrize("pool", [[], ["one"], ["same", "same"], ["", " "], ["one", ""]])
def test_a_pool_with_nothing_to_tell_apart_is_refused(pool: list[str]) -> None:
    with pytest.raises(BadInput, match=f"{len(pool)} texts make no space"):
        TextEmbedder.of(pool)


def test_the_same_pool_gives_the_same_vectors() -> None:
    assert np.array_equal(TextEmbedder.of(POOL).embed(POOL), TextEmbedder.of(POOL).embed(POOL))
