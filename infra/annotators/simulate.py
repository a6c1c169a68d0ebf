"""Simulated people work through a collection's queues until a condition holds: the body of `labelline simulate`."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from blocks.errors import LabelStudioUnavailable
from blocks.servers.annotation_server import AnnotationServer
from infra.annotators.answers import answer_as
from infra.annotators.desk import Desk, OpenQuestion, ensure_accounts, find_desks, open_questions, submit
from infra.annotators.people import People
from infra.annotators.times import Stopwatch
from infra.annotators.truth import KnownWorld

WORKERS = 3
"""Answers sent at once: more only wait for Label Studio's SQLite."""

PATIENCE_S = 120.0
"""How long Label Studio may be away (a restart takes some 20 s) before the simulation gives up."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class SimulationReport:
    """What simulated people have done: answers, their acts and the seconds they took."""

    unknown_pictures: int = 0
    answers_by_queue: Counter[str] = field(default_factory=Counter)
    boxes: Counter[str] = field(default_factory=Counter)
    seconds_by_queue: dict[str, float] = field(default_factory=dict)
    seconds_by_person: dict[str, float] = field(default_factory=dict)
    seconds_by_act: dict[str, float] = field(default_factory=dict)

    @property
    def answers(self) -> int:
        """How many questions were answered."""
        return self.answers_by_queue.total()

    @property
    def human_seconds(self) -> float:
        """All seconds that people would have worked."""
        return sum(self.seconds_by_queue.values())

    def note(self, queue: str, person: str, by_act: Mapping[str, float], boxes: Mapping[str, int]) -> None:
        """Add one answer."""
        self.answers_by_queue[queue] += 1
        self.boxes.update(boxes)
        for table, key in ((self.seconds_by_queue, queue), (self.seconds_by_person, person)):
            table[key] = table.get(key, 0.0) + sum(by_act.values())
        for act, seconds in by_act.items():
            self.seconds_by_act[act] = self.seconds_by_act.get(act, 0.0) + seconds


class Simulation:
    """The people of one collection at work; `report` grows while they are."""

    def __init__(self, server: AnnotationServer, world: KnownWorld, collection: str, people: People) -> None:
        self.report = SimulationReport()
        self._server, self._world, self._collection, self._people = server, world, collection, people
        self._done: set[int] = set()
        self._accounts: dict[str, int] = {}
        self._lock = threading.Lock()

    def run(
        self, stop: Callable[[], bool], poll_s: float = 1.0, on_answer: Callable[[SimulationReport], None] | None = None
    ) -> SimulationReport:
        """Answer what is open, again and again, until nothing is and `stop` says so.

        Args:
            stop: Asked whenever nothing is open.
            poll_s: Seconds between two looks at empty queues.
            on_answer: Called with the growing report after each answer, from several threads but never at once.

        Raises:
            LabelStudioUnavailable: Label Studio was away for longer than `PATIENCE_S`.
            LabelStudioRefused: It says no to the token.
        """
        away_since: float | None = None
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="annotator") as pool:
            while True:
                try:
                    answered = self._round(pool, on_answer)
                except LabelStudioUnavailable as error:
                    away_since = away_since or time.monotonic()
                    if time.monotonic() - away_since > PATIENCE_S:
                        raise
                    log.warning("people wait for Label Studio: %s", error)
                    time.sleep(max(poll_s, 1.0))
                    continue
                away_since = None
                if not answered:
                    if stop():
                        return self.report
                    time.sleep(poll_s)

    def _round(self, pool: ThreadPoolExecutor, on_answer: Callable[[SimulationReport], None] | None) -> int:
        waiting = [question for desk in self._desks() for question in open_questions(self._server, desk, self._done)]
        for question in pool.map(self._answer, waiting):
            self._done.add(question.task_id)
            if on_answer:
                on_answer(self.report)
        return len(waiting)

    def _desks(self) -> list[Desk]:
        found = find_desks(self._server, self._collection)
        desks = [desk for desk in found if self._people.referees or not desk.is_for_referees]
        queues = {desk.queue for desk in desks}
        team = [one for queue in queues for one in (*self._people.named(queue), *self._people.referees_of(queue))]
        if any(person.email not in self._accounts for person in team):
            self._accounts.update(ensure_accounts(self._server, team))
        return desks

    def _answer(self, question: OpenQuestion) -> OpenQuestion:
        pictures = self._world.pictures
        seen = {question.item_id, *(crop.item_id for crop in question.page), *(one.item_id for one in question.stills)}
        if not seen <= pictures.keys():
            log.warning("the truth does not know picture %s: its question stays open", question.item_id[:12])
            with self._lock:
                self.report.unknown_pictures += 1
            return question
        desk = question.desk
        person = self._people.for_question(desk.queue, question.key, desk.slot, as_referee=desk.is_for_referees)
        watch = Stopwatch(person.chance(f"{question.key}|seconds"), desk.drawing_of(person))
        result, acts = answer_as(person, question, pictures, watch)
        submit(self._server, question, result, self._accounts[person.email], watch.seconds)
        with self._lock:
            self.report.note(question.desk.queue, person.email, watch.by_act, acts)
        return question
