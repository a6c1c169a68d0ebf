"""What is known of one collection at this moment, and what that makes likely for its other items.

The catalogue says what was answered, and what the doorbell has just heard comes on top until it stands there. An answer
is learnt in less than a millisecond. How far the learner may be trusted takes longer to measure, so that is done apart,
and a suggestion is given with what was measured last.
"""

import hashlib
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Answer
from infra.gateway.ml.overheard import HeardVoice
from infra.gateway.ml.spaces import LiveSpace, MarkedSpace, Pace
from infra.gateway.ml.told import Told, read_told, what_is_told
from tasks.review.questions.kinds.protocol import LIVE, Likely
from tasks.suggest.embedders.kept import Vector, read_vectors
from tasks.suggest.shown import quiet_classes

BELIEVED_S = 60.0
"""How long what was overheard is believed without standing in the catalogue."""

REFRESH_S = 2.0
"""How often the catalogue is read while questions are opened."""

PATIENCE_S = 0.15
"""How long a question waits for whoever is at the learner."""

SPACES_AT_MOST = 4

MARKS = "marks"
"""Names the learner of what was marked in texts, where others have the version of what their batch was taught."""


class Busy(Exception):
    """Somebody else is at the learner, and a question cannot wait."""


@dataclass(slots=True)
class _HeardJustNow:
    said: HeardVoice
    at: float


class LiveCollection:
    """What a collection's answers teach, at every answer.

    Args:
        engine: The catalogue.
        collection: Whose items.
    """

    def __init__(self, engine: Engine, collection: str) -> None:
        self._engine, self._collection = engine, collection
        self._lock, self._reading = threading.Lock(), threading.Lock()
        self._told = Told()
        self._read_before: dict[str, str | None] = {}
        self._place_of: dict[int, str] = {}
        self._heard: dict[str, dict[int, _HeardJustNow]] = {}
        self._known: dict[str, str] = {}
        self._digest = 0
        self._spaces: dict[str, LiveSpace | MarkedSpace] = {}
        self._refreshed = Pace()
        self.quiet: frozenset[str] = frozenset()
        """Classes of which nothing is suggested."""

    @property
    def version(self) -> str:
        """What names the present state of knowledge: the same answers have the same name, whenever it is made anew."""
        return f"{LIVE}{len(self._known)}-{self._digest:016x}"

    def has_space(self, taught: str) -> bool:
        """Say whether there is a learner for the batches that were looked at with what was taught under a version."""
        return taught in self._spaces

    def hear(self, said: HeardVoice, annotation_id: int) -> None:
        """Learn what somebody has just said.

        Raises:
            Busy: The learner is taken: it is learnt from the catalogue a moment later.
        """
        with self._at_learner():
            some = self._heard.setdefault(said.item_id, {})
            before = some[annotation_id].said.voice if annotation_id in some else None
            if before and said.voice and before.recency > said.voice.recency:
                return  # an earlier version, heard late
            some[annotation_id] = _HeardJustNow(said, time.monotonic())
            self._place_of[annotation_id] = said.item_id
            self._learn([said.item_id], self._vectors([said.item_id]))

    def forget(self, annotation_id: int) -> None:
        """Forget an answer that was deleted, as if it had never been given; one that is not known is none.

        Raises:
            Busy: As `hear`.
        """
        with self._at_learner():
            item_id = self._place_of.get(annotation_id)
            if item_id is None:
                return
            question = self._question_of(item_id, annotation_id)
            gone = HeardVoice(self._collection, item_id, question, None)
            self._heard.setdefault(item_id, {})[annotation_id] = _HeardJustNow(gone, time.monotonic())
            self._learn([item_id], self._vectors([item_id]))

    def likely(self, taught: str, item_id: str, text: str | None = None) -> list[Likely]:
        """Return what an item may show, the most likely first, up to nine, or all of a text; empty: nothing is known.

        Args:
            taught: Under which version the item's batch was looked at, or `MARKS`.
            item_id: Of which a vector may be kept.
            text: What it says, where it is a text.

        Raises:
            Busy: As `hear`.
        """
        space = self._spaces.get(taught)
        if space is None:
            return []
        vector = self._vectors_by(space.embedder, [item_id]).get(item_id)
        with self._at_learner():
            return space.likely(vector, text)

    def keep_up(self) -> None:
        """Read what was answered, by whomever it was heard, unless that was done just now."""
        if self._refreshed.is_due(REFRESH_S):
            self.refresh()

    def refresh(self) -> None:
        """Read what was answered, by whomever it was heard."""
        with self._reading, self._refreshed.timed():
            standing = self._standing()  # first: what stands there now is read in the next line
            told = read_told(self._engine, self._collection, self._read_before)
            self.quiet = quiet_classes(self._engine, self._collection)
            with self._lock:
                self._told = told
                self._place_of = {
                    voice.annotation_id: item_id for item_id, some in told.voices.items() for voice in some.values()
                }
                self._drop_heard(standing)
                self._place_of.update({one: item_id for item_id, some in self._heard.items() for one in some})
                changed = [item_id for item_id in self._items() if self._told_of(item_id) != self._known.get(item_id)]
            vectors = self._vectors(changed)
            with self._lock:
                self._learn(changed, vectors)

    def add_space(self, version: str, space: LiveSpace | MarkedSpace) -> None:
        """Take a learner, such as one in the space of a batch: it learns all that is known."""
        with self._lock:
            known = dict(self._known)
        space.learn(known, self._vectors_by(space.embedder, list(known)))
        space.measure(self._lock)
        with self._lock:
            late = [one for one in known.keys() | self._known.keys() if known.get(one) != self._known.get(one)]
            space.unlearn(late)
            more = {item_id: self._known[item_id] for item_id in late if item_id in self._known}
            space.learn(more, self._vectors_by(space.embedder, late))
            self._spaces[version] = space
            while len(self._spaces) > SPACES_AT_MOST:
                del self._spaces[next(iter(self._spaces))]

    def measure(self) -> None:
        """Measure anew how far learners may be trusted that have learnt since, unless that takes too much time."""
        for space in list(self._spaces.values()):
            space.measure(self._lock)

    @contextmanager
    def _at_learner(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=PATIENCE_S):
            raise Busy(f"the learner of {self._collection} is taken")
        try:
            yield
        finally:
            self._lock.release()

    def _learn(self, item_ids: Iterable[str], vectors: Mapping[str, Mapping[str, Vector]]) -> None:
        """Bring what is known of some items to what is said of them now."""
        news = {item_id: self._told_of(item_id) for item_id in item_ids}
        news = {item_id: name for item_id, name in news.items() if name != self._known.get(item_id)}
        for item_id, name in news.items():
            for each in (self._known.pop(item_id, None), name):
                self._digest ^= _digest_of(item_id, each) if each is not None else 0
            if name is not None:
                self._known[item_id] = name
        named = {item_id: name for item_id, name in news.items() if name is not None}
        for space in self._spaces.values():
            space.unlearn(news)
            space.learn(named, vectors.get(space.embedder, {}))

    def _told_of(self, item_id: str) -> str | None:
        voices = dict(self._told.voices.get(item_id, {}))
        for annotation_id, heard in self._heard.get(item_id, {}).items():
            question, voice = heard.said.question_id, heard.said.voice
            there = voices.get(question)
            if voice is not None and (there is None or voice.recency >= there.recency):
                voices[question] = voice
            elif voice is None and there is not None and there.annotation_id == annotation_id:
                del voices[question]
        return what_is_told(self._told.labels.get(item_id), voices.values())

    def _items(self) -> Collection[str]:
        return self._known.keys() | self._told.labels.keys() | self._told.voices.keys() | self._heard.keys()

    def _question_of(self, item_id: str, annotation_id: int) -> str:
        heard = self._heard.get(item_id, {}).get(annotation_id)
        if heard is not None:
            return heard.said.question_id
        voices = self._told.voices.get(item_id, {}).items()
        return next((question for question, voice in voices if voice.annotation_id == annotation_id), "")

    def _vectors(self, item_ids: list[str]) -> dict[str, dict[str, Vector]]:
        embedders = {space.embedder for space in list(self._spaces.values())}
        return {embedder: self._vectors_by(embedder, item_ids) for embedder in embedders}

    def _vectors_by(self, embedder: str, item_ids: list[str]) -> dict[str, Vector]:
        return read_vectors(self._engine, item_ids, embedder) if embedder else {}

    def _standing(self) -> set[str]:
        """Return which of the answers that were overheard stand in the catalogue, whatever became of them there."""
        with self._lock:
            voices = [one.said.voice for some in self._heard.values() for one in some.values()]
        heard = [voice.answer_id for voice in voices if voice]
        with reading(self._engine) as session:
            return set(session.exec(select(Answer.id).where(col(Answer.id).in_(heard)))) if heard else set()

    def _drop_heard(self, standing: set[str]) -> None:
        too_old = time.monotonic() - BELIEVED_S
        for item_id, some in list(self._heard.items()):
            for annotation_id, one in list(some.items()):
                if one.at < too_old or (one.said.voice and one.said.voice.answer_id in standing):
                    del some[annotation_id]
            if not some:
                del self._heard[item_id]


def _digest_of(item_id: str, class_name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{item_id}|{class_name}".encode()).digest()[:8], "big")
