"""How far scores may be trusted: what was said before, with its edge cases."""

import numpy as np
import pytest

from tasks.suggest.learners.protocol import Example
from tasks.suggest.learners.registry import learner_named
from tasks.suggest.trust import Trust

RIDGE = learner_named("ridge-lda")


def drawn(names, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((len(names), 5))
    return [Example(f"{at}", vectors[at], (name,)) for at, name in enumerate(names)]


@pytest.mark.parametrize(
    ("names", "unnamed"), [([], 1.0), (["a"], 1.0), (["a", "b"], 1.0), (["a", "b", "a"], 1 / 3), (["a", "a"], 0.0)]
)
def test_the_chance_of_a_new_class_is_the_share_of_labels_alone_in_theirs(names, unnamed):
    assert Trust.of(drawn(names), RIDGE, several=False).unnamed == pytest.approx(unnamed)


def test_a_class_not_seen_when_it_was_asked_for_counts_as_wrong():
    """Two classes are learnt; all that is predicted after them is of a third."""
    trust = Trust.of(drawn(["a", "b", "a", "b"] + ["new"] * 2), RIDGE, several=False)
    best = trust.probabilities(np.array([[5.0, 0.0]])).max()
    assert best < 0.4


def test_too_few_predictions_give_one_chance_to_all_scores():
    trust = Trust.of(drawn(["a", "b"] * 4), RIDGE, several=False)
    assert trust.slope == 0
    weak, strong = trust.probabilities(np.array([[0.1, 0.0], [9.0, 0.0]])).max(axis=1)
    assert weak == pytest.approx(strong)


def test_the_best_class_stays_the_best_and_all_chances_are_chances():
    trust = Trust(sharpness=2.0, slope=1.0, intercept=-6.0, unnamed=0.3, several=False)
    scores = np.random.default_rng(0).standard_normal((50, 7))
    chances = trust.probabilities(scores)
    assert (chances.argmax(axis=1) == scores.argmax(axis=1)).all()
    assert (chances >= 0).all()
    assert (chances.sum(axis=1) <= 1 - 0.3 + 1e-9).all()


def test_scores_beyond_all_bounds_make_no_number_that_is_none():
    trust = Trust(sharpness=400.0, slope=1.0, intercept=0.0, unnamed=0.0, several=False)
    chances = trust.probabilities(np.array([[1e6, -1e6, 0.0], [0.0, 0.0, 0.0]]))
    assert np.isfinite(chances).all()
