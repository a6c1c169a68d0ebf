"""A learner in the space of one batch, and how far it was to be trusted when that was measured last."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from tasks.review.questions.kinds.protocol import Likely
from tasks.suggest.embedders.kept import Vector
from tasks.suggest.learners.registry import AT_ONCE, DEFAULT
from tasks.suggest.suggester import Suggester
from tasks.suggest.taught import Taught
from tasks.suggest.trust import Trust

LIKELY_AT_MOST = 9

SHARE_OF_TIME = 10
"""Work apart is begun anew after so many times as long as it took: it has a tenth of a processor at most."""


@dataclass(slots=True)
class Pace:
    """When something was done last, and how long it took."""

    ended_at: float = -1e9
    took_s: float = 0.0

    def is_due(self, at_least_s: float = 0.0) -> bool:
        """Say whether it is time to do it again."""
        return time.monotonic() - self.ended_at >= max(at_least_s, SHARE_OF_TIME * self.took_s)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Note how long it takes."""
        began = time.monotonic()
        yield
        self.ended_at = time.monotonic()
        self.took_s = self.ended_at - began


@dataclass(slots=True)
class LiveSpace:
    """What learns the answers of a collection, where vectors lie as one batch has them. Whoever uses it holds its lock.

    Attributes:
        suggester: The learner.
        trust: As measured last.
        pace: Of measuring.
        has_changed: Whether anything was learnt since.
    """

    suggester: Suggester
    trust: Trust
    pace: Pace = field(default_factory=Pace)
    has_changed: bool = True

    @classmethod
    def of(cls, taught: Taught) -> "LiveSpace":
        """Return one that has learnt nothing; of a learner that takes seconds for an answer the default one."""
        learner = taught.learner if taught.learner in AT_ONCE else DEFAULT
        suggester = Suggester(taught.space, learner)
        return cls(suggester, suggester.trust)

    @property
    def embedder(self) -> str:
        """Whose vectors."""
        return self.suggester.space.embedder

    def learn(self, labels: Mapping[str, str], vectors: Mapping[str, Vector]) -> None:
        """Learn what has a vector of the right length; the others teach nothing."""
        good = {item_id: (name,) for item_id, name in labels.items() if self._fits(vectors.get(item_id))}
        if good:
            self.suggester.learn(good, np.stack([vectors[item_id] for item_id in good]), self.embedder)
            self.has_changed = True

    def unlearn(self, item_ids: Iterable[str]) -> None:
        """Forget some items; those that are not known are none."""
        self.has_changed = bool(self.suggester.unlearn(item_ids)) or self.has_changed

    def likely(self, vector: Vector | None) -> list[Likely]:
        """Return what an item may show, the likeliest first; empty: nothing can be said, or it has no vector."""
        if vector is None or not self._fits(vector):
            return []
        found = self.suggester.suggest(vector[None], self.embedder, self.trust)
        if found.why_none:
            return []
        chances = found.probabilities[0]
        best = np.argsort(-chances, kind="stable")[:LIKELY_AT_MOST]
        return [Likely(found.classes[at], float(chances[at])) for at in best if chances[at] > 0]

    def _fits(self, vector: Vector | None) -> bool:
        return vector is not None and len(vector) == len(self.suggester.space.mean)
