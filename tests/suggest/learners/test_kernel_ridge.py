"""What grows by some examples at a time says what the whole kernel, solved at once, says."""

import numpy as np
import pytest

from tasks.suggest.learners import kernel_ridge
from tasks.suggest.learners.kernel_ridge import RIDGE, WIDTH, KernelRidge
from tasks.suggest.learners.protocol import Example

ITEMS, DIMENSIONS, CLASSES = 240, 12, 5
DRAW = np.random.default_rng(8)
VECTORS = DRAW.standard_normal((ITEMS, DIMENSIONS))
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
VECTORS[200] = VECTORS[3]  # two that are alike
NAMES = DRAW.choice([f"c{at}" for at in range(CLASSES)], ITEMS, p=[0.6, 0.2, 0.1, 0.07, 0.03])
EXAMPLES = [Example(f"i{at}", VECTORS[at], (str(NAMES[at]),)) for at in range(ITEMS)]


def at_once(examples, vectors):
    """Solve the kernel of all examples from the start, by the equations as they stand in the paper."""
    known = np.array([one.vector for one in examples])
    names = sorted({name for one in examples for name in one.classes})
    true = np.array([[name in one.classes for name in names] for one in examples], dtype=float)

    def kernel(some):
        return np.exp(-WIDTH * ((some[:, None] - known) ** 2).sum(axis=2))

    shares = true.mean(axis=0)
    return kernel(vectors) @ np.linalg.solve(kernel(known) + RIDGE * np.eye(len(known)), true - shares) + shares


@pytest.mark.parametrize("ends", [(1, 2, 3, 240), (4, 5, 50, 51, 200, 240), (120, 240)], ids=str)
def test_each_growing_part_is_what_it_is_solved_from_the_start(ends):
    learner, learnt = KernelRidge(DIMENSIONS), 0
    for end in ends:
        learner.learn(EXAMPLES[learnt:end])
        np.testing.assert_allclose(learner.suggest(VECTORS), at_once(EXAMPLES[:end], VECTORS), atol=1e-9)
        learnt = end


def test_what_is_unlearnt_behind_or_before_others_or_learnt_otherwise_leaves_no_trace():
    learner = KernelRidge(DIMENSIONS)
    learner.learn(EXAMPLES[:100])
    learner.suggest(VECTORS)
    learner.learn(EXAMPLES[100:150])
    learner.suggest(VECTORS)
    learner.unlearn(EXAMPLES[100:150])
    learner.learn(EXAMPLES[150:160])
    np.testing.assert_allclose(
        learner.suggest(VECTORS), at_once(EXAMPLES[:100] + EXAMPLES[150:160], VECTORS), atol=1e-9
    )
    learner.unlearn(EXAMPLES[40:42])
    other = Example("i50", VECTORS[7], ("c0", "c9"))
    learner.unlearn([EXAMPLES[50]])
    learner.learn([other])
    left = [*EXAMPLES[:40], *EXAMPLES[42:50], *EXAMPLES[51:100], *EXAMPLES[150:160], other]
    np.testing.assert_allclose(learner.suggest(VECTORS), at_once(left, VECTORS), atol=1e-9)


def test_of_too_many_the_same_ones_are_used_in_whatever_order_they_came(monkeypatch):
    monkeypatch.setattr(kernel_ridge, "AT_MOST", 60)
    monkeypatch.setattr(kernel_ridge, "AT_ONCE", 32)
    grown, whole = KernelRidge(DIMENSIONS), KernelRidge(DIMENSIONS)
    for start in range(0, ITEMS, 40):
        grown.learn(EXAMPLES[start : start + 40])
        assert np.isfinite(grown.suggest(VECTORS)).all()
    whole.learn(EXAMPLES[::-1])
    np.testing.assert_allclose(grown.suggest(VECTORS), whole.suggest(VECTORS), atol=1e-9)
    assert grown.suggest(VECTORS[:0]).shape == (0, CLASSES)
