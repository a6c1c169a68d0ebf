"""What nobody has labelled teaches as well: the surest guesses about it are learnt like labels, more of them each time.

Of every class so large a share of what is guessed to be of it is taken, the surest first. So a class takes part as
often as it is guessed, and no quota says how common it should be. Whether it is a gain depends on the collection: see
`unlabelled.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.suggest.learners.protocol import Example, Floats, Learner, NewLearner

ROUNDS = 5
SHARE = 0.8
"""Of the guesses of each class, in the last round; a fifth of it in the first. Chosen on Caltech-101 and AG news."""


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Items of which some have no label yet.

    Attributes:
        item_ids: Of n items; those that have a label by then count by it.
        vectors: Shape (n, d), finite, as learners see them.
    """

    item_ids: tuple[str, ...]
    vectors: Floats

    def without(self, known: Sequence[str]) -> "Pool":
        """Return the items that are not among some."""
        is_known = set(known)
        rest = [place for place, item_id in enumerate(self.item_ids) if item_id not in is_known]
        return Pool(tuple(self.item_ids[place] for place in rest), self.vectors[rest])


class SelfTrained:
    """A learner of labels that goes on with its own guesses about a pool.

    Args:
        dimensions: Of vectors.
        new: The learner that is taught.
        pool: What it guesses about.

    Source:
        Scudder, "Probability of error of some adaptive pattern-recognition machines", IEEE Trans. Information Theory
        11, 1965; the share of each guessed class, rather than one threshold for all, is after Zou et al.,
        "Unsupervised domain adaptation for semantic segmentation via class-balanced self-training", ECCV 2018.
    """

    def __init__(self, dimensions: int, new: NewLearner, pool: Pool) -> None:
        self._dimensions, self._new, self._pool = dimensions, new, pool
        self._of_labels = new(dimensions)
        self._examples: dict[str, Example] = {}
        self._taught: Learner | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """Those that it has a label of, in the order of the alphabet."""
        return self._of_labels.classes

    def learn(self, examples: Sequence[Example]) -> None:
        """Take labels in; what is guessed by them is guessed anew when it is next asked."""
        self._of_labels.learn(examples)
        self._examples |= {example.item_id: example for example in examples}
        self._taught = None

    def unlearn(self, examples: Sequence[Example]) -> None:
        """Take labels back."""
        self._of_labels.unlearn(examples)
        for example in examples:
            del self._examples[example.item_id]
        self._taught = None

    def suggest(self, vectors: Floats) -> Floats:
        """Return (n, classes) as the learner gives them that has learnt labels and guesses."""
        if self._taught is None:
            self._taught = self._teach()
        return self._taught.suggest(vectors)

    def _teach(self) -> Learner:
        rest, learner = self._pool.without(list(self._examples)), self._of_labels
        if len(self.classes) < 2 or not rest.item_ids:
            return learner
        guesses = list(_surest(learner, rest, SHARE / ROUNDS))
        learner = self._new(self._dimensions)
        learner.learn([self._examples[item_id] for item_id in sorted(self._examples)])
        learner.learn(guesses)
        for round_ in range(2, ROUNDS + 1):
            better = list(_surest(learner, rest, SHARE * round_ / ROUNDS))
            learner.unlearn(guesses)  # the labels stay as they were learnt, and before what is guessed
            learner.learn(guesses := better)
        return learner


def _surest(learner: Learner, rest: Pool, share: float) -> Iterator[Example]:
    """Yield a share of the guesses of each class: those that are farthest before the second best class."""
    scores = learner.suggest(rest.vectors)
    best, ordered = scores.argmax(axis=1), np.sort(scores, axis=1)
    ahead = ordered[:, -1] - ordered[:, -2]
    for place, name in enumerate(learner.classes):
        mine = np.flatnonzero(best == place)
        for item in mine[np.argsort(-ahead[mine], kind="stable")][: int(np.ceil(share * len(mine)))]:
            yield Example(rest.item_ids[item], rest.vectors[item], (name,))
