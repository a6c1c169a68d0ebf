"""A learner in the space of one batch, and how far it was to be trusted when that was measured last."""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from tasks.review.questions.kinds.protocol import Likely
from tasks.suggest.class_sets import parted
from tasks.suggest.embedders.kept import Vector
from tasks.suggest.learners.registry import AT_ONCE, DEFAULT
from tasks.suggest.marked_words import MarkedWords, read_marked
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
        suggester = Suggester(taught.space, learner, taught.several)
        return cls(suggester, suggester.trust)

    @property
    def embedder(self) -> str:
        """Whose vectors."""
        return self.suggester.space.embedder

    def learn(self, labels: Mapping[str, str], vectors: Mapping[str, Vector]) -> None:
        """Learn what has a vector of the right length; the others teach nothing."""
        good = {item_id: parted(names) for item_id, names in labels.items() if self._fits(vectors.get(item_id))}
        if good:
            self.suggester.learn(good, np.stack([vectors[item_id] for item_id in good]), self.embedder)
            self.has_changed = True

    def unlearn(self, item_ids: Iterable[str]) -> None:
        """Forget some items; those that are not known are none."""
        self.has_changed = bool(self.suggester.unlearn(item_ids)) or self.has_changed

    def likely(self, vector: Vector | None, _text: str | None = None) -> list[Likely]:
        """Return what an item may show, the likeliest first; empty: nothing can be said, or it has no vector."""
        if vector is None or not self._fits(vector):
            return []
        found = self.suggester.suggest(vector[None], self.embedder, self.trust)
        if found.why_none:
            return []
        chances = found.probabilities[0]
        best = np.argsort(-chances, kind="stable")[:LIKELY_AT_MOST]
        return [Likely(found.classes[at], float(chances[at])) for at in best if chances[at] > 0]

    def measure(self, lock: threading.Lock) -> None:
        """Measure anew how far it may be trusted, where it has learnt since, unless that takes too much time."""
        if self.has_changed and self.pace.is_due():
            self.measure_now(lock)

    def measure_now(self, lock: threading.Lock) -> None:
        """Measure how far it may be trusted; whoever asks or learns meanwhile is held up for a moment only."""
        with self.pace.timed():
            with lock:
                measure = self.suggester.measuring()
                self.has_changed = False
            self.trust = measure()

    def _fits(self, vector: Vector | None) -> bool:
        return vector is not None and len(vector) == len(self.suggester.space.mean)


class MarkedSpace:
    """What was marked in texts: it needs no vectors, and nothing measured apart."""

    embedder = ""

    def __init__(self) -> None:
        self._words = MarkedWords()

    def learn(self, labels: Mapping[str, str], _vectors: Mapping[str, Vector]) -> None:
        """Learn what is marked in some texts."""
        for item_id, written in labels.items():
            self._words.learn(item_id, *read_marked(written))

    def unlearn(self, item_ids: Iterable[str]) -> None:
        """Forget some texts; those that are not known are none."""
        for item_id in item_ids:
            self._words.unlearn(item_id)

    def likely(self, _vector: Vector | None, text: str | None = None) -> list[Likely]:
        """Return what people would mark in a text."""
        found = self._words.suggest(text or "")
        return [Likely(one.class_name, one.chance, place=(one.start, one.end)) for one in found]

    def measure(self, _lock: threading.Lock) -> None:
        """Measure nothing: what is suggested was counted."""
