"""What servers ask of programs that come by: their robots.txt, read once an hour, and obeyed.

They are read as Python's own reader does: the first rule that fits holds, and `*` or `$` within a path, which RFC 9309
knows, is not understood.

Source:
    RFC 9309, Robots Exclusion Protocol: what is not there forbids nothing, what cannot be read forbids all.
"""

import io
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit
from urllib.robotparser import RobotFileParser

from blocks.servers.web_files import MOST_REDIRECTS, USER_AGENT, IpAddress, NotFetched, WebDoor, host_of

KEPT_S = 3600.0
FAULT_KEPT_S = 60.0
"""For which a server whose rules could not be read is not asked for them again."""

KEPT = 10_000
MOST_BYTES = 500_000
TIMEOUT_S = 10.0

AGENT = USER_AGENT.decode()

MOST_DELAY_S = 60.0
"""Between two files, that a server may ask for; one that asks for more is asked for no more than that."""


@dataclass(frozen=True, slots=True)
class _Rules:
    said: RobotFileParser | None
    fault: NotFetched | None
    read_at: float


class RobotRules:
    """What is known of servers' rules; may be asked by several threads."""

    def __init__(self) -> None:
        self._rules: dict[str, _Rules] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def check(self, url: str, may_reach: Callable[[IpAddress], bool]) -> float:
        """Return the seconds that a server wants between two files; 0: it does not say.

        Raises:
            NotFetched: Its rules forbid this address, or could not be read.
        """
        parts = urlsplit(url)
        root = f"{parts.scheme}://{parts.netloc}"
        with self._lock:
            mine = self._locks.setdefault(root, threading.Lock())
        with mine:
            rules = self._rules.get(root)
            kept_s = FAULT_KEPT_S if rules and rules.fault else KEPT_S
            if rules is None or time.monotonic() - rules.read_at > kept_s:
                rules = self._rules[root] = _read(root, may_reach)
        self._forget()
        if rules.fault:
            fault = rules.fault  # a new one each time: an error keeps the frames through which it went
            raise NotFetched(str(fault), may_pass=fault.may_pass, status=fault.status, retry_after=fault.retry_after)
        if rules.said is None:
            return 0.0
        if not rules.said.can_fetch(AGENT, url):
            raise NotFetched(f"{host_of(url)} asks programs not to fetch this address (its robots.txt)")
        return min(float(rules.said.crawl_delay(AGENT) or 0.0), MOST_DELAY_S)

    def _forget(self) -> None:
        with self._lock:
            if len(self._rules) > KEPT:
                self._rules.clear()
                self._locks.clear()


ROBOTS = RobotRules()
"""Of this process."""


def _read(root: str, may_reach: Callable[[IpAddress], bool]) -> _Rules:
    door = WebDoor(MOST_BYTES, TIMEOUT_S, may_reach)
    url: str | None = f"{root}/robots.txt"
    text = io.BytesIO()
    try:
        for _ in range(MOST_REDIRECTS + 1):
            asked, url = url, door.ask(url or "", text)
            if url is None:
                break
            url = urljoin(asked or "", url)
    except NotFetched as error:
        if error.status is not None and 400 <= error.status < 500 and error.status != 429:
            return _Rules(None, None, time.monotonic())
        told = f"its robots.txt cannot be read: {error}" if error.may_pass else str(error)
        fault = NotFetched(told, may_pass=error.may_pass, status=error.status, retry_after=error.retry_after)
        return _Rules(None, fault, time.monotonic())
    said = RobotFileParser()
    said.parse(text.getvalue().decode("utf-8-sig", "replace").splitlines())
    return _Rules(said, None, time.monotonic())
