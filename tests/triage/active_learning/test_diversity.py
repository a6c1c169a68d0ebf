import numpy as np
import pytest

from blocks.errors import BadInput, BadOption
from tasks.triage.active_learning import diversity
from tasks.triage.active_learning.diversity import Embeddings, OtherModelVersion, k_center


def embeddings(rows: np.ndarray) -> Embeddings:
    return Embeddings.of(rows, ["v1"] * len(rows), "v1")


def blobs(per_blob: int, count: int, seed: int = 0) -> np.ndarray:
    """`count` tight blobs far from each other, one after the other, 16 numbers each."""
    rng = np.random.default_rng(seed)
    centres = np.eye(16)[:count] * 10
    return np.repeat(centres, per_blob, axis=0) + rng.normal(scale=0.1, size=(per_blob * count, 16))


def greedy(vectors: np.ndarray, count: int, first: int) -> list[int]:
    """k-center greedy as in the paper, one choice at a time."""
    order, near = [first], np.full(len(vectors), 2.0)
    while len(order) < count:
        near = np.minimum(near, np.linalg.norm(vectors - vectors[order[-1]], axis=1))
        near[order] = -1.0
        order.append(int(np.argmax(near)))
    return order


def test_nothing_is_chosen_from_nothing() -> None:
    assert k_center(Embeddings.from_bytes([], [], "v1"), 5).tolist() == []


def test_one_item_is_chosen_once() -> None:
    assert k_center(embeddings(np.ones((1, 4))), 3).tolist() == [0]


def test_every_blob_gets_its_turn_before_any_gets_two() -> None:
    chosen = k_center(embeddings(blobs(per_blob=20, count=8)), 160)
    assert sorted(chosen.tolist()) == list(range(160))
    assert sorted(chosen[:8] // 20) == list(range(8))


def test_the_rounds_make_exactly_the_greedy_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diversity, "POOL", 16)
    monkeypatch.setattr(diversity, "CHUNK", 100)
    rows = embeddings(np.random.default_rng(3).normal(size=(700, 12)))
    chosen = k_center(rows, 120).tolist()
    assert chosen == greedy(rows.vectors.astype(np.float64), 120, first=chosen[0])  # at first all are equally far


def test_broken_embeddings_are_chosen_last() -> None:
    rows = blobs(per_blob=1, count=4)
    rows[1], rows[2] = np.nan, 0.0
    assert set(k_center(embeddings(rows), 4)[:2].tolist()) == {0, 3}


def test_equal_embeddings_are_chosen_each_once() -> None:
    assert sorted(k_center(embeddings(np.ones((40, 8))), 40).tolist()) == list(range(40))


def test_embeddings_come_back_from_the_catalogue_as_unit_vectors() -> None:
    stored = [np.array([3.0, 4.0], np.float16).tobytes(), np.array([0.0, 2.0], np.float16).tobytes()]
    assert Embeddings.from_bytes(stored, ["v1", "v1"], "v1").vectors == pytest.approx(np.array([[0.6, 0.8], [0, 1]]))


def test_embeddings_of_another_model_are_refused() -> None:
    with pytest.raises(OtherModelVersion, match="of model 'v2', expected 'v1'"):
        Embeddings.of(np.ones((2, 3)), ["v1", "v2"], "v1")
    with pytest.raises(OtherModelVersion, match="expected one length"):
        Embeddings.from_bytes([b"1234", b"12"], ["v1", "v1"], "v1")


def test_malformed_input_is_refused() -> None:
    with pytest.raises(BadInput, match="expected \\(items, numbers\\)"):
        Embeddings.of(np.ones(3), ["v1"] * 3, "v1")
    with pytest.raises(BadOption, match="cannot choose -1"):
        k_center(embeddings(np.ones((2, 2))), -1)
