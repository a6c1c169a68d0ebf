"""Senders that are killed: at random moments, at every step boundary, and two that race. Then sets are compared.

Each trial has a batch, and so a project, of its own. The senders are processes that a clean server process forks, so a
trial costs no imports; they are killed with SIGKILL, and the one that goes on afterwards is a new process too.
"""

import multiprocessing
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import TypeVar

from blocks.errors import LabellingError
from tasks.review.posting.duplicates import find_tasks
from tasks.review.posting.projects import title_of
from tasks.review.receiving.annotations import EARLIEST
from tasks.review.receiving.poll import read_all_changes
from tests.chaos.ground import QUEUE, Ground, lay_ground
from tests.chaos.sender import EFFECTS, Boundary, Posting, send
from tests.chaos.server import OwnLabelStudio
from tests.chaos.tally import Tally, add_up, count_questions

CHUNK_SIZE = 20
QUESTIONS = 60
LIMIT_S = 120.0

AT_ONCE = 3
"""Trials side by side: more make a dead sender's import last longer than the grace that is given to it."""

Start = TypeVar("Start")


@dataclass(frozen=True, slots=True)
class Killers:
    """What the trials share.

    Attributes:
        grace_s: How long a dead sender's import may go on: of `CHUNK_SIZE` questions it takes a fifth of a second.
    """

    label_studio: OwnLabelStudio
    catalog_url: str
    dice: random.Random
    grace_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """An undisturbed posting: how long it takes, and where it can be interrupted."""

    lasts_s: float
    boundaries: tuple[Boundary, ...]


def rehearse(shared: Killers) -> Rehearsal:
    """Post once and look: each effect is a boundary, and of other functions the first, second and last time."""
    ground = lay_ground(shared.catalog_url, QUESTIONS)
    with _started(_posting(shared, ground), list_boundaries=True) as (process, pipe):
        since = time.monotonic()
        passed: Sequence[Boundary] = pipe.recv() if pipe.poll(LIMIT_S) else ()
        lasts_s = time.monotonic() - since
        process.join(LIMIT_S)
    last = {(one.function, one.event): one.nth for one in passed}
    chosen = [
        one for one in passed if one.function in EFFECTS or one.nth <= 2 or one.nth == last[one.function, one.event]
    ]
    return Rehearsal(lasts_s, tuple(chosen))


def kill_at_random(shared: Killers, lasts_s: float, trials: int) -> Tally:
    """Kill senders at random moments, one, two or three times in a row, before one may finish.

    Args:
        shared: What the trials share.
        lasts_s: How long an undisturbed posting takes.
        trials: How many batches.
    """

    def kill_one(dice: random.Random) -> tuple[int, int]:
        ground = lay_ground(shared.catalog_url, QUESTIONS)
        for _ in range(dice.choice([1, 1, 2, 3])):
            with _started(_posting(shared, ground)) as (process, _):
                process.join(dice.uniform(0, lasts_s))
                process.kill()
        _finish(shared, ground)
        return _compare(shared, ground)

    dices = [random.Random(shared.dice.random()) for _ in range(trials)]
    return add_up("sender killed at a random moment", _side_by_side(kill_one, dices))


def kill_at_boundaries(shared: Killers, boundaries: Sequence[Boundary]) -> Tally:
    """Kill one sender at each of these step boundaries, before another one may finish."""

    def kill_at(boundary: Boundary) -> tuple[int, int]:
        ground = lay_ground(shared.catalog_url, QUESTIONS)
        with _started(replace(_posting(shared, ground), dies_at=boundary)) as (process, _):
            process.join(LIMIT_S)
            ended_with = process.exitcode
        if ended_with != -signal.SIGKILL:
            raise LabellingError(f"the sender ended with {ended_with} (expected to die at {boundary})")
        _finish(shared, ground)
        return _compare(shared, ground)

    return add_up("sender killed at a step boundary", _side_by_side(kill_at, boundaries))


def race(shared: Killers, trials: int) -> Tally:
    """Let two senders post the same batch at once; the sweep removes what both have sent."""
    results = []
    for _ in range(trials):
        ground = lay_ground(shared.catalog_url, CHUNK_SIZE)  # few: twins are removed one by one
        posting = _posting(shared, ground)
        with _started(posting) as (one, _), _started(posting) as (other, _):
            one.join(LIMIT_S)
            other.join(LIMIT_S)
        read_all_changes(ground.engine, shared.label_studio.server)
        results.append(_compare(shared, ground))
    return add_up("two senders at once, then a sweep", results)


def _side_by_side(trial: Callable[[Start], tuple[int, int]], starts: Sequence[Start]) -> list[tuple[int, int]]:
    """Play trials, a few at a time: each has a batch and a project of its own, and mostly waits out its grace."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="trial") as pool:
        return list(pool.map(trial, starts))


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
    context.set_forkserver_preload(["tests.chaos.sender", "label_studio_sdk", "httpx"])
    return context


def _posting(shared: Killers, ground: Ground) -> Posting:
    return Posting(shared.catalog_url, shared.label_studio.server, ground.batch_id, CHUNK_SIZE, shared.grace_s)


def _finish(shared: Killers, ground: Ground) -> None:
    """Do what the worker does after a crash: run the same step again."""
    with _started(_posting(shared, ground)) as (process, _):
        process.join(LIMIT_S)
        ended_with = process.exitcode  # at the end of the block it is killed if it still runs
    if ended_with != 0:
        raise LabellingError(f"the sender after the crash ended with {ended_with} (expected 0)")


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
