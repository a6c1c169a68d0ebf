"""Whether what nobody has labelled yet should teach too: only where labels that no learner chose show a gain.

On most collections guesses about the rest are a great help while labels are few; on some they do harm, and no look at
the guesses tells which. So some labelled items are asked about as if they had none, by a learner that uses the rest and
by one that does not, and both are held against what people said.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.stats import binomtest

from tasks.suggest.held import FOLDS, lot_of, told_right
from tasks.suggest.learners.protocol import Example, Floats, NewLearner
from tasks.suggest.learners.self_trained import Pool, SelfTrained

CHANCE = 0.05
"""How often no gain at all may look like one."""


@dataclass(frozen=True, slots=True)
class Gain:
    """What the unlabelled rest was worth.

    Attributes:
        items: How many labelled items were asked about.
        better: Of these, right only where the rest was used.
        worse: Right only where it was not.
    """

    items: int
    better: int
    worse: int

    @property
    def is_proven(self) -> bool:
        """Whether so many more right ones are no chance: an exact sign test (McNemar's) on those that differ."""
        differ = self.better + self.worse
        return differ > 0 and float(binomtest(self.better, differ, alternative="greater").pvalue) <= CHANCE

    def __str__(self) -> str:
        return (
            f"of {self.items} items that were labelled by lot, {self.better} are right only with them, "
            f"{self.worse} only without"
        )


def gain_of(examples: Sequence[Example], judged: Collection[str], new: NewLearner, pool: Pool) -> Gain:
    """Measure what a pool is worth to a learner.

    Args:
        examples: All labels, each of one class.
        judged: Items among them that were asked about whatever a learner said: others are the hard ones.
        new: The learner.
        pool: Items with and without labels. The judged ones take part as if they had none.
    """
    asked = sorted((one for one in examples if one.item_id in judged), key=lot_of)
    better = worse = 0
    for fold in range(FOLDS):
        held = asked[fold::FOLDS]
        if not held:
            continue
        names = {one.item_id for one in held}
        known = [one for one in examples if one.item_id not in names]
        with_held = Pool((*pool.item_ids, *(one.item_id for one in held)), _rows(pool, held))
        right = [told_right(make, known, held) for make in (new, partial(SelfTrained, new=new, pool=with_held))]
        better += int((right[1] & ~right[0]).sum())
        worse += int((right[0] & ~right[1]).sum())
    return Gain(len(asked), better, worse)


def _rows(pool: Pool, held: Sequence[Example]) -> Floats:
    return np.concatenate([pool.vectors, np.array([one.vector for one in held])])
