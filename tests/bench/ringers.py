"""A hundred annotators' webhooks from one light process: bare sockets and epoll, to measure little but the gateway.

The generator shares the machine with the gateway. An asyncio client needs as much of the processor per request as the
gateway does, and all of that would be in the numbers; this one needs a quarter.
"""

import gc
import select
import socket
import time
from collections.abc import Sequence

from blocks.errors import StackError
from blocks.servers.annotation_server import DOORBELL_HEADER
from infra.stack.state import HOST

PATIENCE_S = 30.0


def ring_all(port: int, secret: str, bodies: Sequence[bytes], starts_s: Sequence[float]) -> list[float]:
    """Post webhooks, each on a connection of its own, as Label Studio makes one per webhook.

    Args:
        port: The gateway's.
        secret: The doorbell's.
        bodies: One per annotator.
        starts_s: When each submits, in seconds from now.

    Returns:
        Seconds from before connecting until the answer is there, in the order of the starts.

    Raises:
        StackError: An answer is not 202, or did not come.
    """
    plan = sorted(zip(starts_s, bodies, strict=True), key=lambda entry: entry[0])
    requests = [(start_s, _request(port, secret, body)) for start_s, body in plan]
    poll, waiting, waited = select.epoll(), dict[int, tuple[socket.socket, float]](), list[float]()
    gc.disable()  # a pause of the client's is no delay of the gateway's
    try:
        begun = time.perf_counter()
        for start_s, request in requests:
            while (left_s := begun + start_s - time.perf_counter()) > 0:
                _take_answers(poll, waiting, waited, left_s)
            since = time.perf_counter()
            line = socket.create_connection((HOST, port))
            line.sendall(request)
            waiting[line.fileno()] = (line, since)
            poll.register(line.fileno(), select.EPOLLIN)
            _take_answers(poll, waiting, waited, 0)
        while waiting:
            if not _take_answers(poll, waiting, waited, PATIENCE_S):
                raise StackError(f"{len(waiting)} webhooks got no answer within {PATIENCE_S:g} s")
    finally:
        gc.enable()
        poll.close()
        for line, _ in waiting.values():
            line.close()
    return waited


def _request(port: int, secret: str, body: bytes) -> bytes:
    head = (
        f"POST /webhooks/label-studio HTTP/1.1\r\nHost: {HOST}:{port}\r\nContent-Type: application/json\r\n"
        f"{DOORBELL_HEADER}: {secret}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def _take_answers(
    poll: "select.epoll", waiting: dict[int, tuple[socket.socket, float]], waited: list[float], timeout_s: float
) -> int:
    """Read the answers that are there, waiting at most so long for the first; return how many there were."""
    ready = poll.poll(timeout_s)
    now = time.perf_counter()
    for number, _ in ready:
        line, since = waiting.pop(number)
        poll.unregister(number)
        answer = line.recv(4096)
        line.close()
        if b" 202 " not in answer[:20]:
            raise StackError(f"the gateway answered {answer[:60]!r} to a webhook (expected 202)")
        waited.append(now - since)
    return len(ready)
