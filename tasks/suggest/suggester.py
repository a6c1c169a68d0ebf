"""What labels teach: vectors and classes in, taken back and changed; for other vectors classes with a chance.

All of it follows from the labels as they stand, so a label that is changed or deleted leaves no trace, and what is made
anew from the catalogue is what was learnt one by one.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from blocks.errors import BadInput
from tasks.suggest.learners.protocol import Example, Floats, Learner, NewLearner
from tasks.suggest.learners.registry import DEFAULT, learner_named
from tasks.suggest.learners.self_trained import Pool, SelfTrained
from tasks.suggest.space import Space
from tasks.suggest.trust import Trust
from tasks.suggest.unlabelled import Gain, gain_of


@dataclass(frozen=True, slots=True)
class NotLearnt:
    """A label that teaches nothing, and why."""

    item_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What items show, as far as their labelled neighbours tell.

    Attributes:
        classes: Those that have a label, in the order of the alphabet.
        probabilities: Shape (n, classes), 0 to 1. Where an item shows one class, a row sums to at most the chance that
            it is one of these. A vector that was not finite has zeros only.
        unnamed: Chance, 0 to 1, of a class that has no label yet.
        why_none: Why nothing is suggested at all; None: something is.
    """

    classes: tuple[str, ...]
    probabilities: Floats
    unnamed: float
    why_none: str | None = None


@dataclass(slots=True)
class Suggester:
    """A learner that knows whose vectors it learns from, what it has learnt, and how far it may be trusted.

    Attributes:
        space: Of the collection's vectors.
        learner: Its name; see `learners/registry.py`.
        several: Whether an item may show several classes.
        pool: Items without a label that teach as well, see `learners/self_trained.py`; None: labels alone do.
    """

    space: Space
    learner: str = DEFAULT
    several: bool = False
    pool: Pool | None = None
    _learner: Learner = field(init=False, repr=False)
    _known: dict[str, Example] = field(init=False, repr=False, default_factory=dict)
    _trust: Trust | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        self._learner = self._new(self.space.dimensions)

    @property
    def _new(self) -> NewLearner:
        new = learner_named(self.learner)
        return new if self.pool is None else partial(SelfTrained, new=new, pool=self.pool)

    @property
    def classes(self) -> tuple[str, ...]:
        """Those that have a label."""
        return self._learner.classes

    def __len__(self) -> int:
        return len(self._known)

    def learn(
        self, labels: Mapping[str, Sequence[str]], vectors: NDArray[np.floating], embedder: str
    ) -> tuple[NotLearnt, ...]:
        """Learn what items show; one that was learnt before shows this from now on.

        Args:
            labels: By item its classes.
            vectors: Shape (labels, d), in their order.
            embedder: Whose vectors.

        Returns:
            Labels that were not learnt; what was known of these items before is forgotten.

        Raises:
            OtherModelVersion: The vectors are another embedder's, or of another length.
            BadInput: They are not as many as labels.
        """
        if len(vectors) != len(labels):
            raise BadInput(f"{len(vectors)} vectors for {len(labels)} labels; expected one for each")
        fresh: list[Example] = []
        aside: list[NotLearnt] = []
        placed = self.space.place(vectors, embedder)  # before anything is forgotten: it may be refused
        for (item_id, names), vector in zip(labels.items(), placed, strict=True):
            reason = self._why_not(names, vector)
            if reason:
                aside.append(NotLearnt(item_id, reason))
            else:
                fresh.append(Example(item_id, vector, tuple(sorted(set(names)))))
        self.unlearn(labels)
        self._learner.learn(fresh)
        self._known |= {example.item_id: example for example in fresh}
        return tuple(aside)

    def unlearn(self, item_ids: Iterable[str]) -> int:
        """Forget what items show, as if it had never been known; return of how many something was known."""
        gone = [self._known.pop(item_id) for item_id in dict.fromkeys(item_ids) if item_id in self._known]
        self._learner.unlearn(gone)
        self._trust = None
        return len(gone)

    def suggest(self, vectors: NDArray[np.floating], embedder: str, trust: Trust | None = None) -> Suggestions:
        """Say what items show.

        Args:
            vectors: Shape (n, d). n may be 0.
            embedder: Whose vectors.
            trust: How far it is to be trusted, as measured a few labels ago; None: as of now.

        Raises:
            OtherModelVersion: They are another embedder's, or of another length.
        """
        return self.suggest_placed(self.space.place(vectors, embedder), trust)

    def suggest_placed(self, placed: Floats, trust: Trust | None = None) -> Suggestions:
        """Say what items show whose vectors are in the learner's space already.

        Args:
            placed: Shape (n, k), as `space.place` returns them. n may be 0.
            trust: See `suggest`.
        """
        classes, trust = self.classes, trust or self.trust
        if len(classes) < 2:
            named = f"only {classes[0]!r} has" if classes else "no class has"
            why = f"{named} a label so far: with two or more there is something to tell apart"
            return Suggestions(classes, np.zeros((len(placed), len(classes))), trust.unnamed, why)
        finite = np.isfinite(placed).all(axis=1, keepdims=True)
        chances = trust.probabilities(self._learner.suggest(np.where(finite, placed, 0)))
        return Suggestions(classes, np.where(finite, chances, 0), trust.unnamed)

    def scores(self, vectors: NDArray[np.floating], embedder: str) -> Floats:
        """Return (n, classes) as the learner gives them: an order among classes where all chances are small.

        Raises:
            OtherModelVersion: The vectors are another embedder's, or of another length.
        """
        return self._learner.suggest(np.nan_to_num(self.space.place(vectors, embedder)))

    @property
    def trust(self) -> Trust:
        """How far the learner may be trusted, measured when it is first asked for after a change."""
        if self._trust is None:
            self._trust = self.measuring()()
        return self._trust

    def measuring(self) -> Callable[[], Trust]:
        """Return what measures the trust in what is known now, whatever is learnt meanwhile: it takes its time."""
        examples = list(self._known.values())

        def measure() -> Trust:
            shuffled = sorted(examples, key=lambda one: hashlib.sha256(one.item_id.encode()).digest())
            return Trust.of(shuffled, self._new, self.several)

        return measure

    def gain_of(self, pool: Pool, judged: Collection[str]) -> Gain:
        """Measure what it would be worth to learn from unlabelled items too; see `unlabelled.py`.

        Args:
            pool: These, in its space.
            judged: Labelled items that were asked about whatever a learner said.
        """
        return gain_of(list(self._known.values()), judged, learner_named(self.learner), pool)

    def _why_not(self, names: Sequence[str], vector: Floats) -> str | None:
        if not np.isfinite(vector).all():
            return "its vector has numbers that are none (NaN or infinite): embed the item anew"
        if not names and not self.several:
            return "it has no class"
        if len(set(names)) > 1 and not self.several:
            return f"it has {len(set(names))} classes ({', '.join(sorted(set(names))[:3])}), and only one is expected"
        return None
