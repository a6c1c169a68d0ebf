"""Odd images: far from their nearest neighbours in embedding space."""

import numpy as np
import pytest
from sqlalchemy import Engine

from tasks.detect.refs import Scope
from tasks.triage.options import TriageOptions
from tasks.triage.outliers.image_embedding import neighbour_distances, odd_image_reasons
from tests.triage.rows import BATCH, DETECTOR, RECIPE, add_batch, add_scan

SCOPE = Scope(BATCH, DETECTOR, RECIPE)


def alike(count: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.eye(64)[0] * 10 + random.normal(0, 1, (count, 64))


def test_an_image_unlike_the_others_is_found_and_said_in_words(engine: Engine) -> None:
    ids = add_batch(engine, 40)
    vectors = alike(40)
    vectors[7] = np.eye(64)[5] * 10
    for item_id, vector in zip(ids, vectors, strict=True):
        add_scan(engine, item_id, embedding=vector)
    found = odd_image_reasons(engine, SCOPE, TriageOptions())
    assert list(found) == [ids[7]]
    assert found[ids[7]][0].endswith("times as far from its nearest images as usual")


def test_nothing_is_odd_in_a_small_batch_or_when_switched_off(engine: Engine) -> None:
    ids = add_batch(engine, 25)
    vectors = alike(25)
    vectors[3] = np.eye(64)[5] * 10
    for item_id, vector in zip(ids[:19], vectors[:19], strict=True):
        add_scan(engine, item_id, embedding=vector)
    assert odd_image_reasons(engine, SCOPE, TriageOptions()) == {}
    for item_id, vector in zip(ids[19:], vectors[19:], strict=True):
        add_scan(engine, item_id, embedding=vector)
    assert odd_image_reasons(engine, SCOPE, TriageOptions(image_outliers=False)) == {}
    assert odd_image_reasons(engine, SCOPE, TriageOptions()) != {}


def test_scans_without_embeddings_are_not_judged(engine: Engine) -> None:
    for item_id in add_batch(engine, 30):
        add_scan(engine, item_id)
    assert odd_image_reasons(engine, SCOPE, TriageOptions()) == {}


def test_an_embedding_of_another_model_or_not_finite_is_a_reason_to_look(engine: Engine) -> None:
    ids = add_batch(engine, 40)
    vectors = list(alike(40))
    vectors[1] = np.ones(32)
    vectors[2] = np.full(64, np.nan)
    for item_id, vector in zip(ids, vectors, strict=True):
        add_scan(engine, item_id, embedding=vector)
    found = odd_image_reasons(engine, SCOPE, TriageOptions())
    assert set(found) == {ids[1], ids[2]}
    assert "another length or not finite" in found[ids[1]][0]


def test_a_batch_of_broken_embeddings_is_all_looked_at(engine: Engine) -> None:
    ids = add_batch(engine, 25)
    for item_id in ids:
        add_scan(engine, item_id, embedding=np.full(8, np.nan))
    assert set(odd_image_reasons(engine, SCOPE, TriageOptions())) == set(ids)


def test_an_image_is_not_its_own_neighbour() -> None:
    vectors = np.eye(3)
    distances = neighbour_distances(vectors, vectors, np.arange(3), neighbours=1)
    assert distances.tolist() == pytest.approx([2**0.5] * 3)


def test_distances_do_not_depend_on_lengths_and_stand_still_with_nothing_to_compare() -> None:
    same = neighbour_distances(np.array([[2.0, 0.0]]), np.array([[5.0, 0.0]]), np.array([-1]), neighbours=5)
    assert same.tolist() == [0.0]
    assert neighbour_distances(np.eye(1), np.eye(1), np.array([0]), neighbours=5).tolist() == [0.0]
    assert neighbour_distances(np.zeros((0, 3)), np.eye(3), np.array([], dtype=int), neighbours=5).shape == (0,)


def test_all_images_being_equal_makes_none_odd(engine: Engine) -> None:
    for item_id in add_batch(engine, 30):
        add_scan(engine, item_id, embedding=np.ones(16))
    assert odd_image_reasons(engine, SCOPE, TriageOptions()) == {}
