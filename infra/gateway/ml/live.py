"""What Label Studio asks when it opens a question, answered for whatever collection the question is about."""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from numpy.linalg import LinAlgError
from pydantic import ValidationError
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Batch, Question, QuestionState
from blocks.errors import LabellingError
from blocks.storage.stores import Store
from infra.gateway.ml.clicks import ClickedOutlines
from infra.gateway.ml.collection import MARKS, Busy, LiveCollection
from infra.gateway.ml.overheard import overheard_in, place_heard
from infra.gateway.ml.spaces import LiveSpace, MarkedSpace
from tasks.detect.proposers.suggested import taught_ref
from tasks.review.questions.bookmarks import our_projects, queues_by_project
from tasks.review.questions.kinds.protocol import LIVE
from tasks.review.questions.kinds.registry import kind_named, read_payload
from tasks.review.questions.queue import Queue
from tasks.review.questions.task import MODEL_VERSION, place_score
from tasks.suggest.shown import may_show
from tasks.suggest.taught import Taught

HEARD_AT_MOST = 1_000
HEARD_BYTES = 200_000
"""What the doorbell heard and nobody has asked since; a longer answer is learnt from the catalogue."""

TICK_S = 2.0

FORGOTTEN_S = 600.0
"""After so long without a question the catalogue is no longer read for a collection."""

COLLECTIONS_AT_MOST = 16

AS_POSTED = f"{LIVE}as-posted"
"""The version of a prediction that is what was posted: not its name, by which Label Studio orders questions."""

log = logging.getLogger(__name__)


class LiveSuggestions:
    """Suggestions for the questions of all lines, each with what its collection's answers teach.

    Until a collection has been read, and for whatever cannot be suggested, a question begins as it was posted.

    Args:
        engine: The catalogue.
        store: Where what was taught is kept.
    """

    def __init__(self, engine: Engine, store: Store) -> None:
        self._engine, self._store = engine, store
        self.clicks = ClickedOutlines(engine, store)
        self._rung: deque[bytes] = deque(maxlen=HEARD_AT_MOST)
        self._hearing = threading.Lock()
        self._collections: OrderedDict[str, LiveCollection] = OrderedDict()
        self._asked_at: dict[str, float] = {}
        self._wanted: set[tuple[str, str]] = set()
        self._collection_of: dict[int, str] = {}
        self._taught_of: dict[str, str] = {}
        self._work_to_do, self._is_ending = threading.Event(), threading.Event()
        self._worker = threading.Thread(target=self._work, name="suggestions", daemon=True)

    def start(self) -> None:
        """Begin to read, apart from whoever asks, the collections in which such questions stand open."""
        self._worker.start()

    @property
    def is_well(self) -> bool:
        """Whether it goes on learning: what nobody has foreseen ends its work, and says so in the gateway's log."""
        return self._worker.ident is None or self._worker.is_alive()

    def close(self) -> None:
        """End."""
        self._is_ending.set()
        self._work_to_do.set()
        self.clicks.close()
        if self._worker.is_alive():
            self._worker.join(timeout=10)

    def overhear(self, body: bytes) -> None:
        """Put down what rang: it is read when the next question is opened."""
        if len(body) <= HEARD_BYTES:
            self._rung.append(body)

    def version_of(self, project_id: int) -> str:
        """Return what names the present state of knowledge for a project's questions.

        Where nothing can be suggested it is what names our posted predictions: Label Studio then shows these.
        """
        self._take_in()
        name = self._find_collection(project_id)
        if name is None:
            return MODEL_VERSION
        collection, taught = self._asked(name), self._wanted_by(project_id)
        if taught is None or not collection.has_space(taught):
            if taught is not None:
                self._want(name, taught)
            return MODEL_VERSION
        return collection.version

    def predict(self, question_ids: Sequence[str]) -> list[list[dict[str, Any]]]:
        """Return, for each question, the one prediction that it is opened with; none where it shows nothing.

        Args:
            question_ids: As our tasks carry them; one that is unknown shows nothing.
        """
        self._take_in()
        with reading(self._engine) as session:
            rows = session.exec(select(Question).where(col(Question.id).in_(list(question_ids)))).all()
            queues = queues_by_project(session, {row.project_id for row in rows if row.project_id is not None})
        found = {row.id: self._prediction(row, queues.get(row.project_id or 0)) for row in rows}
        return [found.get(question_id, []) for question_id in question_ids]

    def _prediction(self, question: Question, queue: Queue | None) -> list[dict[str, Any]]:
        payload = read_payload(question.payload)
        kind = kind_named(payload.type)
        version = AS_POSTED
        taught, name = self._learner_of(question), self._find_collection(question.project_id or 0)
        if taught is not None and name is not None:
            collection = self._asked(name)
            try:
                version = collection.version
                text = getattr(payload, "text", None)
                likely = [
                    replace(
                        one, is_quiet=not may_show(question.payload, question.item_id, one.class_name, collection.quiet)
                    )
                    for one in collection.likely(taught, question.item_id, text)
                ]
                offered = kind.offering(payload, queue.classes) if queue else payload
                payload = kind.with_suggestions(offered, likely)
            except Busy as error:
                log.info("a question opens as it was posted: %s", error)
        result = kind.shown(payload)
        # The score is the question's place, as that of what was posted: it says nothing of the suggestion.
        return [{"result": result, "score": place_score(question.priority), "model_version": version}] if result else []

    def _take_in(self) -> None:
        """Learn what rang, in its order."""
        with self._hearing:
            while self._rung:
                for heard in overheard_in(self._rung.popleft()):
                    try:
                        if heard.annotation is None:
                            for collection in self._collections.values():
                                collection.forget(heard.annotation_id)
                        elif (said := place_heard(self._engine, heard)) and said.collection in self._collections:
                            self._collections[said.collection].hear(said, heard.annotation_id)
                    except Busy as error:
                        log.info("an answer is learnt later: %s", error)
                    self._work_to_do.set()

    def _asked(self, name: str) -> LiveCollection:
        if name not in self._collections:
            self._collections[name] = LiveCollection(self._engine, name)
            while len(self._collections) > COLLECTIONS_AT_MOST:
                self._collections.popitem(last=False)
        self._collections.move_to_end(name)
        self._asked_at[name] = time.monotonic()
        return self._collections[name]

    def _find_collection(self, project_id: int) -> str | None:
        if project_id not in self._collection_of:
            query = select(Batch.collection).join(Question, col(Question.batch_id) == Batch.id)
            with reading(self._engine) as session:
                found = session.exec(query.where(Question.project_id == project_id).limit(1)).first()
            if found is None:
                return None
            self._collection_of[project_id] = found
        return self._collection_of[project_id]

    def _wanted_by(self, project_id: int) -> str | None:
        """Return which learner suggests for a question that stands open in a project."""
        query = select(Question).where(Question.project_id == project_id, Question.state == QuestionState.POSTED.value)
        with reading(self._engine) as session:
            found = session.exec(query.limit(1)).first()
        return self._learner_of(found) if found else None

    def _learner_of(self, question: Question) -> str | None:
        """Return which learner suggests for a question: by what its batch was taught, or by what was marked."""
        kind = kind_named(question.payload.get("type"))
        if not kind.takes_suggestions:
            return None
        return self._taught(question.batch_id) if kind.needs_vectors else MARKS

    def _taught(self, batch_id: str) -> str | None:
        if batch_id not in self._taught_of:
            with reading(self._engine) as session:
                batch = session.get(Batch, batch_id)
            if batch is None or not batch.detector or taught_ref(self._store, batch.detector) is None:
                return None
            self._taught_of[batch_id] = batch.detector
        return self._taught_of[batch_id]

    def _want(self, name: str, taught: str) -> None:
        self._wanted.add((name, taught))
        self._work_to_do.set()

    def _work(self) -> None:
        """Do, apart from whoever asks, what takes its time."""
        self._try(self._look_ahead)
        while not self._is_ending.is_set():
            self._work_to_do.wait(TICK_S)
            self._work_to_do.clear()
            wanted, self._wanted = self._wanted, set()
            for name, taught in wanted:
                self._try(lambda name=name, taught=taught: self._add(name, taught))
            for name, collection in list(self._collections.items()):
                if time.monotonic() - self._asked_at[name] < FORGOTTEN_S:
                    self._try(collection.keep_up)
                    self._try(collection.measure)

    def _try(self, job: Any) -> None:
        try:
            job()
        except LabellingError as error:  # the catalogue or the store is away: questions open as they were posted
            log.warning("suggestions stand still: %s", error)
        except ValidationError as error:  # a queue of a newer Labelline: others may be read all the same
            log.warning("suggestions stand still: what is written of a project cannot be read: %s", error)
        except LinAlgError as error:
            log.warning("suggestions stand still: the learner cannot be measured: %s", error)

    def _look_ahead(self) -> None:
        with reading(self._engine) as session:
            queues = queues_by_project(session, our_projects(session))
        for project_id in [project_id for project_id, queue in queues.items() if queue.live]:
            self.version_of(project_id)

    def _add(self, name: str, taught: str) -> None:
        collection = self._asked(name)
        space = None if collection.has_space(taught) else self._new_space(taught)
        if space is None:
            return
        collection.refresh()
        collection.add_space(taught, space)
        log.info("suggestions for %s are ready: %s", name, collection.version)

    def _new_space(self, taught: str) -> LiveSpace | MarkedSpace | None:
        if taught == MARKS:
            return MarkedSpace()
        ref = taught_ref(self._store, taught)
        return LiveSpace.of(Taught.from_bytes(self._store.get(ref.weights_key), taught)) if ref else None


def question_of(task: Mapping[str, Any]) -> str:
    """Return the question that a task of Label Studio carries; empty where it carries none."""
    data = task.get("data")
    found = data.get("question_id") if isinstance(data, Mapping) else None
    return found if isinstance(found, str) and len(found) <= 64 else ""
