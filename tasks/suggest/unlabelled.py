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
        tried: How many were asked about with the rest too, by when nothing could be proven any more; None: all.
    """

    items: int
    better: int
    worse: int
    tried: int | None = None

    @property
    def is_proven(self) -> bool:
        """Whether so many more right ones are no chance: an exact sign test (McNemar's) on those that differ."""
        differ = self.better + self.worse
        return differ > 0 and float(binomtest(self.better, differ, alternative="greater").pvalue) <= CHANCE

    def __str__(self) -> str:
        some = f"{self.items}" if self.tried is None else f"{self.tried} of {self.items}"
        told = (
            f"of {some} items that were labelled by lot, {self.better} are right only with them, "
            f"{self.worse} only without"
        )
        return told if self.tried is None else f"{told}, and labels alone are right too often for a proof by the others"


def gain_of(examples: Sequence[Example], judged: Collection[str], new: NewLearner, pool: Pool) -> Gain:
    """Measure what a pool is worth to a learner.

    Args:
        examples: All labels, each of one class.
        judged: Items among them that were asked about whatever a learner said: others are the hard ones.
        new: The learner.
        pool: Items with and without labels. The judged ones take part as if they had none.
    """
    asked = sorted((one for one in examples if one.item_id in judged), key=lot_of)
    folds = [held for fold in range(FOLDS) if (held := asked[fold::FOLDS])]
    known = [_without(examples, held) for held in folds]
    alone = [told_right(new, some, held) for some, held in zip(known, folds, strict=True)]
    better = worse = tried = 0
    missed = sum(int((~right).sum()) for right in alone)  # by those that are still to be tried: at most so many more
    for some, held, right in zip(known, folds, alone, strict=True):
        if not Gain(len(asked), better + missed, worse).is_proven:
            return Gain(len(asked), better, worse, tried)
        with_held = Pool((*pool.item_ids, *(one.item_id for one in held)), _rows(pool, held))
        with_rest = told_right(partial(SelfTrained, new=new, pool=with_held), some, held)
        better += int((with_rest & ~right).sum())
        worse += int((right & ~with_rest).sum())
        tried, missed = tried + len(held), missed - int((~right).sum())
    return Gain(len(asked), better, worse)


def _without(examples: Sequence[Example], held: Sequence[Example]) -> list[Example]:
    names = {one.item_id for one in held}
    return [one for one in examples if one.item_id not in names]


def _rows(pool: Pool, held: Sequence[Example]) -> Floats:
    return np.concatenate([pool.vectors, np.array([one.vector for one in held])])
