"""Senders that are killed: at random moments, at every step boundary, and two that race. Then sets are compared.

Each trial has a batch, and so a project, of its own. The senders are processes that a clean server process forks, so a
trial costs no imports; they are killed with SIGKILL, and the one that goes on afterwards is a new process too.
"""

import multiprocessing
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess

from blocks.errors import LabellingError
from infra.chaos.ground import QUEUE, Ground, lay_ground
from infra.chaos.sender import EFFECTS, Boundary, Posting, send
from infra.chaos.server import OwnLabelStudio
from infra.chaos.tally import Tally, add_up, count_questions
from tasks.review.heard import EARLIEST
from tasks.review.poll import read_all_changes
from tasks.review.projects import title_of
from tasks.review.twins import find_tasks

CHUNK_SIZE = 40
QUESTIONS = 120
GRACE_S = 3.0
"""An import of `CHUNK_SIZE` questions takes Label Studio a quarter of a second: a dead sender's is over by then."""

LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Killers:
    """What the trials share."""

    label_studio: OwnLabelStudio
    catalog_url: str
    dice: random.Random


def kill_at_random(shared: Killers, trials: int) -> Tally:
    """Kill senders at random moments, one, two or three times in a row, before one may finish."""
    lasts_s = _time_of_posting(shared)
    results = []
    for _ in range(trials):
        ground = lay_ground(shared.catalog_url, QUESTIONS)
        for _ in range(shared.dice.choice([1, 1, 2, 3])):
            with _started(_posting(shared, ground)) as (process, _):
                process.join(shared.dice.uniform(0, lasts_s * 1.05))
                process.kill()
        _finish(shared, ground)
        results.append(_compare(shared, ground))
    return add_up("sender killed at a random moment", results)


def kill_at_boundaries(shared: Killers, at_most: int | None = None) -> Tally:
    """Kill senders at each step boundary of a posting, or at a random few of them."""
    boundaries = _boundaries(shared)
    if at_most is not None:
        boundaries = shared.dice.sample(boundaries, min(at_most, len(boundaries)))
    results = []
    for boundary in boundaries:
        ground = lay_ground(shared.catalog_url, QUESTIONS)
        with _started(replace(_posting(shared, ground), dies_at=boundary)) as (process, _):
            process.join(LIMIT_S)
        if process.exitcode != -9:
            raise LabellingError(f"the sender ended with {process.exitcode} (expected to die at {boundary})")
        _finish(shared, ground)
        results.append(_compare(shared, ground))
    return add_up("sender killed at a step boundary", results)


def race(shared: Killers, trials: int) -> Tally:
    """Let two senders post the same batch at once; the sweep removes what both have sent."""
    results = []
    for _ in range(trials):
        ground = lay_ground(shared.catalog_url, QUESTIONS)
        posting = _posting(shared, ground)
        with _started(posting) as (one, _), _started(posting) as (other, _):
            one.join(LIMIT_S)
            other.join(LIMIT_S)
        read_all_changes(ground.engine, shared.label_studio.server)
        results.append(_compare(shared, ground))
    return add_up("two senders at once, then a sweep", results)


class _started:  # noqa: N801  (a context manager, read like a function)
    """A sender that has begun, and is surely gone at the end of the block."""

    def __init__(self, posting: Posting, list_boundaries: bool = False) -> None:
        context = _context()
        self._mine, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=send, args=(posting, theirs, list_boundaries), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> tuple[ForkServerProcess, Connection]:
        if not self._mine.poll(LIMIT_S) or self._mine.recv() != "ready":
            raise LabellingError("a sender did not begin")
        return self._process, self._mine

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.join()
        self._mine.close()


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["infra.chaos.sender", "label_studio_sdk", "httpx"])
    return context


def _posting(shared: Killers, ground: Ground) -> Posting:
    return Posting(shared.catalog_url, shared.label_studio.server, ground.batch_id, CHUNK_SIZE, GRACE_S)


def _finish(shared: Killers, ground: Ground) -> None:
    """Do what the worker does after a crash: run the same step again."""
    with _started(_posting(shared, ground)) as (process, _):
        process.join(LIMIT_S)
    if process.exitcode != 0:
        raise LabellingError(f"the sender after the crash ended with {process.exitcode} (expected 0)")


def _boundaries(shared: Killers) -> list[Boundary]:
    """Return the boundaries of an undisturbed posting: each effect, and of other functions the first, second, last."""
    ground = lay_ground(shared.catalog_url, QUESTIONS)
    with _started(_posting(shared, ground), list_boundaries=True) as (process, pipe):
        passed: Sequence[Boundary] = pipe.recv() if pipe.poll(LIMIT_S) else ()
        process.join(LIMIT_S)
    last = {(boundary.function, boundary.event): boundary.nth for boundary in passed}
    return [
        one for one in passed if one.function in EFFECTS or one.nth <= 2 or one.nth == last[one.function, one.event]
    ]


def _time_of_posting(shared: Killers) -> float:
    ground = lay_ground(shared.catalog_url, QUESTIONS)
    with _started(_posting(shared, ground)) as (process, _):
        since = time.monotonic()
        process.join(LIMIT_S)
    return time.monotonic() - since


def _compare(shared: Killers, ground: Ground) -> tuple[int, int]:
    written = {question.id: question.task_id for question in ground.questions}
    found: dict[str, list[int]] = {}
    for project_id in _projects(shared, ground):
        for question, tasks in find_tasks(shared.label_studio.server, project_id, EARLIEST).items():
            found.setdefault(question, []).extend(task.task_id for task in tasks)
    return count_questions(written, found)


def _projects(shared: Killers, ground: Ground) -> Iterator[int]:
    """Find a batch's projects by their title: a second one, with its questions, would be a double too."""
    listed = shared.label_studio.server.call(
        "GET", "api/projects/", params={"page_size": 10_000, "include": "id,title"}
    )
    title = title_of(QUEUE, ground.batch_id)
    return (project["id"] for project in listed["results"] if project["title"] == title)
