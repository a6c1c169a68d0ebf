"""The line before the score room: company is scored together, nobody waits for it or spoils another's answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import pytest

from blocks.errors import BadWeights
from infra.gateway.score.limits import ScoreLimits
from infra.gateway.score.line import LineFull, ScoreLine, ScoringEnded
from infra.gateway.score.room import AskedOf, Scored

LOT, YARD = AskedOf("lot", "images"), AskedOf("yard", "images")


class Room:
    """In place of the process: says of each input what it was, when the door is open. One input ends the process."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.batches: list[tuple[AskedOf, list[Any]]] = []

    async def score(self, asked: AskedOf, inputs: Sequence[Any]) -> Scored:
        """Note and answer."""
        self.batches.append((asked, list(inputs)))
        await self.open.wait()
        if b"poison" in inputs:
            raise BrokenProcessPool
        if b"no weights" in inputs:
            raise BadWeights("damaged")
        return Scored(asked.collection, "1", "v", ("a",), "scores", [[one] for one in inputs])


def run(script: Callable[[Room, ScoreLine], Awaitable[None]], **limits: int) -> None:
    async def main() -> None:
        room = Room()
        await script(room, ScoreLine(room.score, ScoreLimits(**limits)))

    asyncio.run(main())


async def begin(line: ScoreLine, *asked: tuple[AskedOf, list[bytes]]) -> list["asyncio.Task[Scored]"]:
    """Let callers come one after the other, and let each get as far as it can."""
    tasks = []
    for of, inputs in asked:
        tasks.append(asyncio.create_task(line.ask(of, inputs)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    return tasks


def test_what_comes_while_the_room_is_busy_is_scored_together_and_told_apart() -> None:
    async def script(room: Room, line: ScoreLine) -> None:
        tasks = await begin(line, *[(LOT, [b"%d" % number, b"%d'" % number]) for number in range(6)])
        room.open.set()
        said = await asyncio.gather(*tasks)
        assert [one.rows for one in said] == [[[b"%d" % number], [b"%d'" % number]] for number in range(6)]
        assert [len(inputs) for _, inputs in room.batches] == [2, 2, 8]

    run(script)


def test_champions_are_not_mixed_and_a_batch_is_no_larger_than_it_may_be() -> None:
    async def script(room: Room, line: ScoreLine) -> None:
        asked = [(LOT, [b"1"]), (LOT, [b"2"]), (LOT, [b"3"] * 3), (YARD, [b"4"]), (LOT, [b"5"] * 2), (LOT, [b"6"] * 9)]
        tasks = await begin(line, *asked)
        room.open.set()
        said = await asyncio.gather(*tasks)
        assert [one.collection for one in said] == [of.collection for of, _ in asked]
        assert [len(one.rows) for one in said] == [len(inputs) for _, inputs in asked]
        of_lot = [len(inputs) for of, inputs in room.batches if of == LOT]
        assert of_lot == [1, 1, 3, 2, 9]  # nine at once are one request, and go alone

    run(script, batch_items=4)


def test_who_has_gone_is_not_scored() -> None:
    async def script(room: Room, line: ScoreLine) -> None:
        tasks = await begin(line, *[(LOT, [b"%d" % number]) for number in range(4)])
        tasks[2].cancel()
        room.open.set()
        await asyncio.wait(tasks)
        assert [inputs for _, inputs in room.batches] == [[b"0"], [b"1"], [b"3"]]
        assert (await line.ask(LOT, [b"5"] * 4)).rows == [[b"5"]] * 4  # its place is free again

    run(script, waiting_items=4)


def test_one_too_many_is_told_to_come_again_and_the_others_are_answered() -> None:
    async def script(room: Room, line: ScoreLine) -> None:
        tasks = await begin(line, (LOT, [b"1"] * 3))
        with pytest.raises(LineFull, match="3 items wait already, and 4 may: come again"):
            await line.ask(LOT, [b"2"] * 2)
        room.open.set()
        assert len((await tasks[0]).rows) == 3

    run(script, waiting_items=4)


def test_an_input_that_ends_the_process_costs_nobody_else_an_answer() -> None:
    async def script(room: Room, line: ScoreLine) -> None:
        tasks = await begin(line, *[(LOT, [data]) for data in (b"0", b"1", b"2", b"poison", b"4")])
        room.open.set()
        said = await asyncio.gather(*tasks, return_exceptions=True)
        assert [one.rows if isinstance(one, Scored) else type(one) for one in said] == [
            [[b"0"]],
            [[b"1"]],
            [[b"2"]],
            ScoringEnded,
            [[b"4"]],
        ]

    run(script)


def test_an_error_reaches_everybody_whom_it_concerns_and_the_line_goes_on() -> None:
    async def script(room: Room, line: ScoreLine) -> None:
        room.open.set()
        with pytest.raises(BadWeights):
            await line.ask(LOT, [b"no weights"])
        assert (await line.ask(LOT, [b"1"])).rows == [[b"1"]]

    run(script)
