import numpy as np
import pytest

from blocks.errors import BadInput, BadOption
from tasks.triage import diversity
from tasks.triage.diversity import Embeddings, OtherModelVersion, cluster_balanced, k_center


def embeddings(rows: np.ndarray) -> Embeddings:
    return Embeddings.of(rows, ["v1"] * len(rows), "v1")


def blobs(per_blob: int, count: int, seed: int = 0) -> np.ndarray:
    """`count` tight blobs far from each other, one after the other, 16 numbers each."""
    rng = np.random.default_rng(seed)
    centres = np.eye(16)[:count] * 10
    return np.repeat(centres, per_blob, axis=0) + rng.normal(scale=0.1, size=(per_blob * count, 16))


def greedy(vectors: np.ndarray, weight: np.ndarray, count: int, chosen: list[int]) -> list[int]:
    """k-center greedy as in the paper, one choice at a time."""
    near = np.full(len(vectors), 2.0)
    taken = np.zeros(len(vectors), bool)
    order: list[int] = []
    for place in chosen:
        near = np.minimum(near, np.linalg.norm(vectors - vectors[place], axis=1))
        taken[place] = True
    for _ in range(count):
        best = int(np.argmax(np.where(taken, -1.0, near * weight)))
        order.append(best)
        taken[best] = True
        near = np.minimum(near, np.linalg.norm(vectors - vectors[best], axis=1))
    return order


def test_nothing_is_chosen_from_nothing() -> None:
    none = Embeddings.from_bytes([], [], "v1")
    assert k_center(none, 5).tolist() == []
    assert cluster_balanced(none, 5).tolist() == []


@pytest.mark.parametrize("choose", [k_center, cluster_balanced])
def test_one_item_is_chosen_once(choose: object) -> None:
    assert choose(embeddings(np.ones((1, 4))), 3).tolist() == [0]  # type: ignore[operator]


@pytest.mark.parametrize("choose", [k_center, cluster_balanced])
def test_every_blob_gets_its_turn_before_any_gets_two(choose: object) -> None:
    rows = embeddings(blobs(per_blob=20, count=8))
    options = {"clusters": 16} if choose is cluster_balanced else {}
    chosen = choose(rows, 160, **options)  # type: ignore[operator]
    assert sorted(chosen.tolist()) == list(range(160))
    if choose is k_center:
        assert sorted(chosen[:8] // 20) == list(range(8))


def test_the_rounds_make_exactly_the_greedy_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diversity, "POOL", 16)
    monkeypatch.setattr(diversity, "CHUNK", 100)
    rng = np.random.default_rng(3)
    rows, weight = embeddings(rng.normal(size=(700, 12))), rng.random(700)
    weight[0] = 1.0
    expected = greedy(rows.vectors.astype(np.float64), weight, 120, chosen=[5, 9])
    assert k_center(rows, 120, scores=weight, chosen=[5, 9]).tolist() == expected


def test_what_has_labels_already_is_neither_chosen_nor_neighboured() -> None:
    rows = embeddings(blobs(per_blob=5, count=4))
    chosen = k_center(rows, 3, chosen=[0])
    assert sorted(chosen // 5) == [1, 2, 3]
    assert 0 not in k_center(rows, 99, chosen=[0]).tolist()
    assert len(k_center(rows, 99, chosen=[0])) == 19


def test_the_score_decides_within_a_blob() -> None:
    rows = embeddings(np.repeat(np.eye(4), 3, axis=0))
    scores = np.tile([0.1, 0.9, 0.5], 4)
    assert sorted(k_center(rows, 4, scores=scores).tolist()) == [1, 4, 7, 10]
    in_turn = cluster_balanced(rows, 12, scores=scores, clusters=1)
    assert set(in_turn[:4].tolist()) == {1, 4, 7, 10}


def test_broken_embeddings_are_chosen_last_and_a_missing_score_does_not_hurt() -> None:
    rows = blobs(per_blob=1, count=4)
    rows[1], rows[2] = np.nan, 0.0
    for choose in (k_center, cluster_balanced):
        assert set(choose(embeddings(rows), 4)[:2].tolist()) == {0, 3}
    scores = np.array([0.2, 0.9, 0.9, np.nan])
    assert k_center(embeddings(rows), 1, scores=scores).tolist() == [3]


def test_equal_embeddings_are_chosen_each_once() -> None:
    rows = embeddings(np.ones((40, 8)))
    for choose in (k_center, cluster_balanced):
        assert sorted(choose(rows, 40).tolist()) == list(range(40))


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
    with pytest.raises(BadInput, match="expected one each"):
        k_center(embeddings(np.ones((2, 2))), 1, scores=np.ones(3))
    with pytest.raises(BadInput, match="below 0"):
        cluster_balanced(embeddings(np.ones((2, 2))), 1, scores=np.array([1.0, -1.0]))
    with pytest.raises(BadOption, match="cannot choose -1"):
        k_center(embeddings(np.ones((2, 2))), -1)
    with pytest.raises(BadOption, match="clusters 0"):
        cluster_balanced(embeddings(np.ones((2, 2))), 1, clusters=0)
