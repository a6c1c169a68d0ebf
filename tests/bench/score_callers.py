"""Callers that ask a server again and again, each on a connection of its own that stays open.

The requests are bytes that were made before, and of an answer only its length is read: what is measured is the server.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from blocks.errors import StackError

LENGTH = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)


@dataclass(slots=True)
class Asked:
    """What some callers met.

    Attributes:
        waited_s: From sending to the last byte of the answer, one number a request.
        seconds: All of it took.
    """

    waited_s: list[float] = field(default_factory=list)
    seconds: float = 0.0


def ask_for(port: int, requests: Sequence[bytes], callers: int, seconds: float) -> Asked:
    """Let some callers ask for so many seconds, each the next request as soon as it has its answer.

    Raises:
        StackError: An answer is no 200.
    """
    return asyncio.run(_ask_all(port, requests, callers, seconds))


def ask_once(port: int, request: bytes) -> bytes:
    """Return the body of one answer."""

    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            return await _ask(reader, writer, request)
        finally:
            writer.close()

    return asyncio.run(ask())


async def _ask_all(port: int, requests: Sequence[bytes], callers: int, seconds: float) -> Asked:
    asked, started = Asked(), time.perf_counter()
    await asyncio.gather(*(_call(port, requests, number, started + seconds, asked) for number in range(callers)))
    asked.seconds = time.perf_counter() - started
    return asked


async def _call(port: int, requests: Sequence[bytes], number: int, until: float, asked: Asked) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while (begun := time.perf_counter()) < until:
            await _ask(reader, writer, requests[number % len(requests)])
            asked.waited_s.append(time.perf_counter() - begun)
            number += 7  # another picture than the neighbours'
    finally:
        writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = LENGTH.search(head)
    body = await reader.readexactly(int(length.group(1))) if length else b""
    if b" 200 " not in head[:15]:
        raise StackError(f"expected 200, got {head[:40]!r} {body[:300]!r}")
    return body
