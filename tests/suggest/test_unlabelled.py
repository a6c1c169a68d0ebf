"""What nobody labelled teaches where that is proven to be a gain, and leaves no trace where it is not."""

import io
from functools import partial

import numpy as np
import pytest

from tasks.suggest.held import FOLDS, lot_of, told_right
from tasks.suggest.learners.protocol import Example, NewLearner
from tasks.suggest.learners.registry import LEARNERS, learner_named
from tasks.suggest.learners.self_trained import Pool, SelfTrained
from tasks.suggest.space import Space
from tasks.suggest.suggester import Suggester
from tasks.suggest.taught import Taught, version_of_bytes
from tasks.suggest.unlabelled import Gain

ITEMS, WIDE = 800, 30


def drawn(seed: int, spread: float, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Clouds about far more directions than a few labels show."""
    draw = np.random.default_rng(seed)
    middles = np.random.default_rng(1).standard_normal((classes, WIDE))
    names = np.arange(ITEMS) % classes
    order = draw.permutation(len(names))
    vectors = middles[names] + spread * draw.standard_normal((len(names), WIDE))
    return vectors[order], np.array([f"c{name}" for name in names])[order]


def examples_of(vectors: np.ndarray, names: np.ndarray, places: range) -> list[Example]:
    return [Example(f"i{at:03d}", vectors[at], (str(names[at]),)) for at in places]


def right(learner, vectors, names) -> float:  # type: ignore[no-untyped-def]
    return float(np.mean(np.array(learner.classes)[learner.suggest(vectors).argmax(axis=1)] == names))


def placed(seed: int, spread: float = 1.5, classes: int = 5) -> tuple[Space, np.ndarray, np.ndarray]:
    vectors, names = drawn(seed, spread, classes)
    space = Space.of("drawn", vectors)
    return space, space.place(vectors, "drawn"), names


def pool_of(vectors: np.ndarray, places: range) -> Pool:
    return Pool(tuple(f"i{at:03d}" for at in places), vectors[places])


def test_the_rest_makes_few_labels_tell_more() -> None:
    _, vectors, names = placed(2)
    new = learner_named("ridge-lda")
    alone, with_rest = new(vectors.shape[1]), SelfTrained(vectors.shape[1], new, pool_of(vectors, range(ITEMS)))
    for learner in (alone, with_rest):
        learner.learn(examples_of(vectors, names, range(25)))
    before, after = (right(learner, vectors[25:], names[25:]) for learner in (alone, with_rest))
    assert after > before + 0.05, (before, after)


@pytest.mark.parametrize("name", LEARNERS)
def test_labels_that_are_taken_back_leave_no_trace(name: str) -> None:
    _, vectors, names = placed(3)
    pool = pool_of(vectors, range(60))
    learner, fresh = (SelfTrained(vectors.shape[1], learner_named(name), pool) for _ in range(2))
    some = examples_of(vectors, names, range(30))
    learner.learn(some)
    learner.suggest(vectors)
    learner.unlearn(some[20:])
    fresh.learn(some[:20][::-1])
    assert learner.classes == fresh.classes
    np.testing.assert_allclose(learner.suggest(vectors), fresh.suggest(vectors), atol=1e-6)


def test_with_one_class_or_an_empty_pool_labels_alone_teach() -> None:
    _, vectors, names = placed(3)
    new = learner_named("ridge-lda")
    for pool in (pool_of(vectors, range(0)), pool_of(vectors, range(20))):
        alone, with_rest = new(vectors.shape[1]), SelfTrained(vectors.shape[1], new, pool)
        for learner in (alone, with_rest):
            learner.learn(examples_of(vectors, names, range(20)))
        np.testing.assert_allclose(with_rest.suggest(vectors), alone.suggest(vectors))
    only = SelfTrained(vectors.shape[1], new, pool_of(vectors, range(100)))
    only.learn([Example("a", vectors[0], ("only",))])
    assert only.suggest(vectors[:3]).shape == (3, 1)


def test_a_gain_is_proven_where_there_is_one_and_where_labels_are_many_enough() -> None:
    space, vectors, names = placed(4, 1.3, classes=20)
    few = Suggester(space)
    few._known = {one.item_id: one for one in examples_of(vectors, names, range(60))}
    pool, judged = pool_of(vectors, range(60, ITEMS)), [f"i{at:03d}" for at in range(60)]
    found = few.gain_of(pool, judged)
    assert found.items == 60
    assert found.is_proven, found
    assert few.gain_of(pool, []) == Gain(0, 0, 0)
    assert not few.gain_of(pool, judged[:4]).is_proven, "four say nothing"


@pytest.mark.parametrize("name", ["ridge-lda", "kernel-ridge"])
def test_where_labels_alone_are_right_too_often_for_a_proof_the_rest_is_not_tried(name: str) -> None:
    space, vectors, names = placed(4, 0.1)
    suggester = Suggester(space, name)
    suggester._known = {one.item_id: one for one in examples_of(vectors, names, range(100))}
    found = suggester.gain_of(pool_of(vectors, range(100, ITEMS)), [f"i{at:03d}" for at in range(100)])
    assert found == Gain(100, 0, 0, tried=0)
    assert not found.is_proven
    assert "of 0 of 100 items" in str(found) and "too often for a proof" in str(found)


def all_folds(examples: list[Example], new: NewLearner, pool: Pool) -> Gain:
    """Try every fold with the rest, whatever was found in those before."""
    asked, better, worse = sorted(examples, key=lot_of), 0, 0
    for held in (asked[fold::FOLDS] for fold in range(FOLDS)):
        names = {one.item_id for one in held}
        known = [one for one in examples if one.item_id not in names]
        both = Pool(
            (*pool.item_ids, *(one.item_id for one in held)),
            np.concatenate([pool.vectors, [one.vector for one in held]]),
        )
        alone, with_rest = (told_right(make, known, held) for make in (new, partial(SelfTrained, new=new, pool=both)))
        better, worse = better + int((with_rest & ~alone).sum()), worse + int((alone & ~with_rest).sum())
    return Gain(len(asked), better, worse)


@pytest.mark.parametrize(("spread", "classes", "labels"), [(1.5, 5, 150), (1.3, 20, 60), (2.5, 5, 80), (0.5, 5, 60)])
@pytest.mark.parametrize("is_noise", [False, True])
def test_the_verdict_is_that_of_all_folds(spread: float, classes: int, labels: int, is_noise: bool) -> None:
    space, vectors, names = placed(5, spread, classes)
    suggester, ids = Suggester(space), [f"i{at:03d}" for at in range(labels)]
    suggester._known = {one.item_id: one for one in examples_of(vectors, names, range(labels))}
    rest = np.random.default_rng(6).standard_normal((400, vectors.shape[1])) if is_noise else vectors[labels:500]
    pool = Pool(tuple(f"n{at}" for at in range(len(rest))), rest / np.linalg.norm(rest, axis=1, keepdims=True))
    found = suggester.gain_of(pool, ids)
    whole = all_folds(list(suggester._known.values()), learner_named("ridge-lda"), pool)
    assert found.is_proven == whole.is_proven, (found, whole)
    assert (found.better, found.worse) == (whole.better, whole.worse) or not whole.is_proven
    assert found.tried is None or found.tried < labels


def test_a_rest_that_shows_something_else_is_no_gain() -> None:
    space, vectors, names = placed(5)
    suggester = Suggester(space)
    suggester._known = {one.item_id: one for one in examples_of(vectors, names, range(200))}
    noise = np.random.default_rng(6).standard_normal((400, vectors.shape[1]))
    pool = Pool(tuple(f"n{at}" for at in range(400)), noise / np.linalg.norm(noise, axis=1, keepdims=True))
    assert not suggester.gain_of(pool, [f"i{at:03d}" for at in range(200)]).is_proven


@pytest.mark.parametrize(("better", "worse", "proven"), [(0, 0, False), (4, 0, False), (5, 0, True), (9, 4, False)])
def test_a_gain_is_no_chance(better: int, worse: int, proven: bool) -> None:
    assert Gain(50, better, worse).is_proven is proven


def test_what_the_rest_taught_is_read_as_it_was_written_and_its_chances_hold_with_it() -> None:
    vectors, names = drawn(7, 1.5, 5)
    rows = vectors.astype(np.float16)
    space = Space.of("drawn", rows)
    ids = tuple(f"i{at:03d}" for at in range(ITEMS))
    alone = Taught("ridge-lda", "", space, ids[:40], tuple(map(str, names[:40])), rows[:40])
    both = Taught("ridge-lda", "", space, ids[:40], tuple(map(str, names[:40])), rows[:40], ids[40:300], rows[40:300])
    for taught in (alone, both):
        data = taught.to_bytes()
        again = Taught.from_bytes(data, version_of_bytes(data))
        assert again.to_bytes() == data
        assert again.rest_ids == taught.rest_ids
    found = both.suggester().suggest(rows[300:], "drawn")
    said = np.array(found.classes)[found.probabilities.argmax(axis=1)] == names[300:]
    assert abs(found.probabilities.max(axis=1).mean() - said.mean()) < 0.2
    assert len(np.load(io.BytesIO(alone.to_bytes())).files) == 7, "of labels alone: the file as it was"
