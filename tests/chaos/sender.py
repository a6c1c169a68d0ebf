"""The victim: posts questions in a process of its own, and kills itself where it is told to, without patching anything.

A trace function watches the names of the functions that are entered and left; at the named boundary the process sends
itself SIGKILL: nothing is flushed, committed or closed.
"""

import os
import signal
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any

from blocks.database.engine import open_engine
from blocks.servers.annotation_server import AnnotationServer
from tasks.review.posting.outbox import post_questions
from tests.chaos.ground import QUEUE

STEPS = (
    "tasks.review.posting.outbox.",
    "tasks.review.posting.prefills.",
    "tasks.review.posting.projects.",
    "tasks.review.posting.duplicates.",
)
"""Modules whose functions are step boundaries of a posting."""

EFFECTS = ("blocks.servers.annotation_server.AnnotationServer.call", "blocks.database.engine.writing")
"""Every request and every transaction is a boundary too; `writing` is left at its yield and after its commit."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """A moment in a posting: the n-th time that a function is entered (`call`) or left (`return`), from 1."""

    function: str
    event: str
    nth: int

    def __str__(self) -> str:
        """Name it, for logs."""
        return f"{self.event} of {self.function} #{self.nth}"


@dataclass(frozen=True, slots=True)
class Posting:
    """What a sender is to post, and where it dies."""

    catalog_url: str
    server: AnnotationServer
    batch_id: str
    chunk_size: int
    grace_s: float
    dies_at: Boundary | None = None


def send(posting: Posting, report_to: Connection, list_boundaries: bool = False) -> None:
    """Post a batch's questions; the target of a process.

    Args:
        posting: What to post.
        report_to: Told "ready" before the first step, and the boundaries passed at the end.
        list_boundaries: Whether to watch for boundaries although none is deadly.
    """
    passed: list[Boundary] = []
    report_to.send("ready")
    if posting.dies_at or list_boundaries:
        _watch(passed, posting.dies_at)
    post_questions(
        open_engine(posting.catalog_url),
        posting.server,
        QUEUE,
        posting.batch_id,
        grace_s=posting.grace_s,
        chunk_size=posting.chunk_size,
    )
    sys.setprofile(None)
    report_to.send(passed)


def _watch(passed: list[Boundary], dies_at: Boundary | None) -> None:
    counts: Counter[tuple[str, str]] = Counter()

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        if event not in {"call", "return"}:
            return
        name = f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}"
        if "<" in name or not (name.startswith(STEPS) or name in EFFECTS):
            return
        counts[name, event] += 1
        boundary = Boundary(name, event, counts[name, event])
        if boundary == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        passed.append(boundary)

    threading.setprofile(note)  # the import runs in a thread of its own
    sys.setprofile(note)
