"""The line before the score room: what several callers ask at once is scored together, and nobody waits for company.

A request that finds the room free goes in at once. What comes while it is busy is gathered into the next batch, in the
order in which it came. The line is bounded: who comes when it is full is told to come again.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from typing import Any

from blocks.errors import LabellingError
from infra.gateway.score.limits import ScoreLimits
from infra.gateway.score.room import AskedOf, Scored

BATCHES_OUT = 2
"""At once: one is scored, and one lies ready, so that the room does not wait for the next."""


class LineFull(LabellingError):
    """More waits than may."""


class ScoringEnded(LabellingError):
    """The process that scored a request ended meanwhile."""


@dataclass(eq=False, slots=True)
class _Caller:
    """One request in the line."""

    asked: AskedOf
    inputs: Sequence[Any]
    answer: "asyncio.Future[Scored]"

    @property
    def characters(self) -> int:
        """Of its texts."""
        return sum(len(one) for one in self.inputs if isinstance(one, str))


class ScoreLine:
    """Requests that wait for the score room. For one event loop.

    Args:
        score: Scores some inputs together.
        limits: How many are scored together, and how many may wait.
    """

    def __init__(self, score: Callable[[AskedOf, Sequence[Any]], Awaitable[Scored]], limits: ScoreLimits) -> None:
        self._score = score
        self._limits = limits
        self._line: deque[_Caller] = deque()
        self._out: set[asyncio.Task[None]] = set()
        self._items = 0

    async def ask(self, asked: AskedOf, inputs: Sequence[Any]) -> Scored:
        """Return what a champion says of inputs, at least one; who stops waiting is not scored any more.

        Raises:
            LineFull: Too much waits already.
            ScoringEnded: The inputs made the room's process end.
            LabellingError: What the room raises.
        """
        if self._items + len(inputs) > self._limits.waiting_items:
            raise LineFull(
                f"{self._items} items wait already, and {self._limits.waiting_items} may: come again in a second, or "
                "send fewer at once"
            )
        waiting = _Caller(asked, inputs, asyncio.get_running_loop().create_future())
        self._items += len(inputs)
        self._line.append(waiting)
        self._send()
        try:
            return await waiting.answer
        finally:
            self._items -= len(inputs)

    def _send(self) -> None:
        while len(self._out) < BATCHES_OUT and (batch := self._next_batch()):
            task = asyncio.get_running_loop().create_task(self._work_off(batch))
            self._out.add(task)
            task.add_done_callback(self._note_done)

    def _note_done(self, task: "asyncio.Task[None]") -> None:
        self._out.discard(task)
        if not task.cancelled():
            task.result()
            self._send()

    def _next_batch(self) -> list[_Caller]:
        """Take the first request out of the line, and those behind it that are scored with it."""
        batch: list[_Caller] = []
        left: deque[_Caller] = deque()
        items = characters = 0
        for one in self._line:
            if one.answer.done():  # whoever asked has gone
                continue
            more = items + len(one.inputs), characters + one.characters
            has_room = more[0] <= self._limits.batch_items and more[1] <= self._limits.texts_chars
            if not batch or (one.asked == batch[0].asked and has_room):
                batch.append(one)
                items, characters = more
            else:
                left.append(one)
        self._line = left
        return batch

    async def _work_off(self, batch: list[_Caller]) -> None:
        inputs = [each for one in batch for each in one.inputs]
        job = asyncio.ensure_future(self._score(batch[0].asked, inputs))
        await asyncio.wait([job])
        error = job.exception()
        if isinstance(error, BrokenProcessPool) and len(batch) > 1:
            for one in batch:  # one of them ended the process: alone, the others are scored
                await self._work_off([one])
            return
        if isinstance(error, BrokenProcessPool):
            error = ScoringEnded(
                "the process that scores ended over this request, or was ended meanwhile: send it again, and if it "
                "happens twice, item by item. The gateway's log has more"
            )
        start = 0
        for one in batch:
            rows = slice(start, start := start + len(one.inputs))
            if one.answer.done():
                continue
            if error is None:
                said = job.result()
                one.answer.set_result(replace(said, rows=said.rows[rows]))
            else:
                one.answer.set_exception(error)
