"""Every learner learns, and forgets without a trace: what it says follows from the labels in force and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.errors import BadOption
from tasks.suggest.learners.protocol import Example
from tasks.suggest.learners.registry import DEFAULT, LEARNERS, learner_named
from tasks.suggest.space import Space
from tests.examples import examples

DIMENSIONS, CLASSES, ITEMS = 6, 4, 30
VECTORS = np.random.default_rng(3).standard_normal((ITEMS, DIMENSIONS)) + np.repeat(3 * np.eye(DIMENSIONS)[:3], 10, 0)
ASKED = np.random.default_rng(4).standard_normal((9, DIMENSIONS))
SETS = st.frozensets(st.sampled_from([f"c{number}" for number in range(CLASSES)]), min_size=1, max_size=3)
CHANGES = st.lists(st.tuples(st.integers(0, ITEMS - 1), st.none() | SETS), max_size=40)


def example(place, classes):
    return Example(f"item-{place}", VECTORS[place], tuple(sorted(classes)))


def fresh(name, known):
    learner = learner_named(name)(DIMENSIONS)
    learner.learn([example(place, classes) for place, classes in known.items()])
    return learner


def assert_same(one, other):
    assert one.classes == other.classes
    np.testing.assert_allclose(one.suggest(ASKED), other.suggest(ASKED), atol=1e-6)


@pytest.mark.parametrize("name", LEARNERS)
@settings(max_examples=examples(25))
@given(changes=CHANGES)
def test_after_any_edits_and_deletions_it_is_as_if_made_anew(name, changes):
    learner, known = learner_named(name)(DIMENSIONS), {}
    for place, classes in changes:
        if place in known:
            learner.unlearn([example(place, known.pop(place))])
        if classes is not None:
            known[place] = classes
            learner.learn([example(place, classes)])
    assert_same(learner, fresh(name, known))


@pytest.mark.parametrize("name", LEARNERS)
@settings(max_examples=examples(15))
@given(order=st.permutations(range(ITEMS)), kept=st.integers(0, ITEMS))
def test_learnt_and_unlearnt_in_any_order_is_never_learnt(name, order, kept):
    classes = {place: {f"c{place % CLASSES}"} for place in range(ITEMS)}
    learner = fresh(name, classes)
    for place in order[kept:]:
        learner.unlearn([example(place, classes[place])])
    assert_same(learner, fresh(name, {place: classes[place] for place in sorted(order[:kept])}))


@pytest.mark.parametrize("name", LEARNERS)
def test_classes_that_lie_apart_are_told_apart(name, clouds):
    data = clouds(5, 20)
    placed = data.space.place(data.vectors, "cloud")
    learner = learner_named(name)(data.space.dimensions)
    learner.learn([Example(data.ids[at], placed[at], (data.names[at],)) for at in range(50)])
    said = np.array(learner.classes)[learner.suggest(placed[50:]).argmax(axis=1)]
    assert np.mean(said == np.array(data.names[50:])) > 0.9


@pytest.mark.parametrize("name", ["ridge-lda", "arow"])
def test_a_rare_class_takes_nothing_from_a_common_one_in_the_middle(name):
    draw = np.random.default_rng(5)
    rare = draw.random(400) < 0.1
    vectors = draw.standard_normal((400, 20)) * 0.5
    vectors[rare, 0] += 4
    vectors[:, 1:] *= 2
    space = Space.of("drawn", vectors)
    placed, names = space.place(vectors, "drawn"), np.where(rare, "rare", "common")
    learner = learner_named(name)(space.dimensions)
    learner.learn([Example(str(at), placed[at], (str(names[at]),)) for at in range(200)])
    said = np.array(learner.classes)[learner.suggest(placed[200:]).argmax(axis=1)]
    assert np.mean(said == names[200:]) > 0.93


@pytest.mark.parametrize("name", LEARNERS)
def test_what_knows_nothing_suggests_nothing(name):
    learner = learner_named(name)(DIMENSIONS)
    assert learner.suggest(ASKED).shape == (len(ASKED), 0)
    assert fresh(name, {0: {"only"}}).suggest(ASKED).shape == (len(ASKED), 1)
    assert fresh(name, {0: {"a"}, 1: {"b"}}).suggest(ASKED[:0]).shape == (0, 2)


@pytest.mark.parametrize("name", LEARNERS)
def test_an_item_with_several_classes_is_an_example_of_each(name):
    known = {place: {"c0", "c1"} if place < 10 else {f"c{2 + place % 2}"} for place in range(ITEMS)}
    scores = fresh(name, known).suggest(VECTORS[:10])
    assert (scores[:, :2].min(axis=1) > scores[:, 2:].max(axis=1)).mean() > 0.8


@pytest.mark.parametrize("name", LEARNERS)
def test_1203_classes_are_learnt(name):
    vectors = np.random.default_rng(0).standard_normal((1203, 64))
    learner = learner_named(name)(64)
    learner.learn([Example(f"{at}", vector, (f"class {at}",)) for at, vector in enumerate(vectors)])
    said = np.array(learner.classes)[learner.suggest(vectors).argmax(axis=1)]
    assert np.mean(said == [f"class {at}" for at in range(1203)]) > 0.95


def test_an_unknown_learner_is_refused_with_the_names_of_those_there_are():
    assert DEFAULT in LEARNERS
    with pytest.raises(BadOption, match="no learner 'svm'; expected one of ridge-lda, arow, nearest-mean"):
        learner_named("svm")
