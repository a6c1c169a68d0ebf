"""Pictures from addresses: asked for with manners, again where waiting may help, looked at as soon as they are here."""

import random
import tempfile
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import IO, Generic, TypeVar, cast

from blocks.errors import StoreUnavailable
from blocks.servers.web_files import MOST_REDIRECTS, NotFetched, WebDoor, check_address, may_reach_as_operated
from tasks.intake.sources.urls.hosts import HOSTS, After, Errand, Hosts
from tasks.intake.sources.urls.options import UrlOptions
from tasks.intake.sources.urls.robots import ROBOTS, RobotRules

T = TypeVar("T")

HELD_BYTES = 2_000_000
"""Of a file that is on its way; what is longer goes on on the disk."""

LONGEST_ALONE_S = 86_400.0
"""For which a server is believed that it wants to be left alone."""

FIRST_WAIT_S = 1.0
"""Before the second try; twice as long before each later one, give or take a half."""

_NO_PICTURES = ("text/html", "text/xml", "text/css", "audio/", "video/", "application/json", "application/pdf")


def may_be_picture(media_type: str) -> bool:
    """Say whether a file that a server calls this may be a picture: servers are often wrong, so little is refused."""
    return not (media_type.startswith(_NO_PICTURES) or media_type.endswith("+xml") or media_type == "application/xml")


class FileOnItsWay:
    """A file on its way: in memory while it is small. Where the disk is full, that is nobody's fault but ours."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(HELD_BYTES, prefix="labelline-fetched-")  # noqa: SIM115  (closed by `close`)

    def write(self, part: bytes) -> int:
        """Add what came.

        Raises:
            StoreUnavailable: There is no room for it.
        """
        try:
            return self._file.write(part)
        except OSError as error:
            raise StoreUnavailable(
                f"no room for what is fetched in {tempfile.gettempdir()}: {error.strerror or error}. Make room and run "
                "again: what was taken in is not fetched again."
            ) from error

    def size(self) -> int:
        """Return how much has come."""
        return self._file.tell()

    def read(self) -> bytes:
        """Return all that has come."""
        self._file.seek(0)
        return self._file.read()

    def close(self) -> None:
        """Let go of it."""
        self._file.close()


@dataclass(slots=True)
class _Wanted(Generic[T]):
    """A file that is wanted, and how far it has come."""

    url: str
    look: Callable[[FileOnItsWay], T]
    done: "Future[T]"
    tries: int = 0
    redirects: int = 0


class PictureFetcher:
    """Fetches files as options say.

    Args:
        options: The manners.
        hosts: The queue; that of this process where none is given.
        robots: What is known of servers' rules.

    Raises:
        BadOption: The operator's list of private networks is none.
    """

    def __init__(self, options: UrlOptions, hosts: Hosts | None = None, robots: RobotRules | None = None) -> None:
        self._options = options
        self._hosts = hosts or HOSTS
        self._robots = robots or ROBOTS
        self._door = WebDoor(options.most_mb * 1_000_000, options.timeout_s, may_reach_as_operated())

    def fetch(self, url: str, look: Callable[[FileOnItsWay], T]) -> "Future[T]":
        """Fetch a file, and look at it in the thread that did; a future that is cancelled is not begun.

        Returns:
            What `look` returned or raised; `NotFetched`, where the file could not be fetched.
        """
        wanted = _Wanted(url, look, Future())
        self._queue(wanted, 0.0)
        return wanted.done

    def _queue(self, wanted: _Wanted[T], wait_s: float) -> None:
        try:
            host = check_address(wanted.url)
        except NotFetched as error:
            _told(wanted, error)()
            return
        options = self._options
        errand = Errand(host, lambda: self._turn(host, wanted), options.per_host, 1 / options.per_second)
        self._hosts.put(errand, wait_s)

    def _turn(self, host: str, wanted: _Wanted[T]) -> After:
        """Ask once, and say what comes of it; whatever happens, who waits is told."""
        try:
            return self._asked(host, wanted)
        except BaseException as error:  # noqa: BLE001  (handed to whoever waits for it, as executors do)
            return _told(wanted, error)

    def _asked(self, host: str, wanted: _Wanted[T]) -> After:
        if wanted.done.cancelled():
            return _nothing
        file = FileOnItsWay()
        try:
            elsewhere = self._ask(host, wanted, file)
        except NotFetched as error:
            file.close()
            return self._after_failure(host, wanted, error)
        except BaseException:
            file.close()
            raise
        self._hosts.note(host, answered=True)
        if elsewhere is None:
            return lambda: _look(wanted, file)
        file.close()
        wanted.url, wanted.redirects = elsewhere, wanted.redirects + 1
        if wanted.redirects > MOST_REDIRECTS:
            return _told(wanted, NotFetched(f"more than {MOST_REDIRECTS} redirects"))
        return lambda: self._queue(wanted, 0.0)

    def _ask(self, host: str, wanted: _Wanted[T], file: FileOnItsWay) -> str | None:
        if why := self._hosts.why_left_alone(host):
            raise NotFetched(why)
        if self._options.robots:
            self._hosts.slow_down(host, self._robots.check(wanted.url, self._door.may_reach))
        return self._door.ask(wanted.url, cast(IO[bytes], file), may_be_picture)

    def _after_failure(self, host: str, wanted: _Wanted[T], error: NotFetched) -> After:
        if error.status is not None or error.may_pass:
            self._hosts.note(host, answered=error.status is not None)
        wanted.tries += 1
        if not error.may_pass:
            return _told(wanted, error)
        asked_s = seconds_until(error.retry_after)
        wait_s = asked_s if asked_s is not None else FIRST_WAIT_S * 2 ** (wanted.tries - 1) * random.uniform(0.5, 1.5)
        longest = self._options.longest_wait_s
        if error.status == 429 or asked_s:
            self._hosts.hold(host, min(wait_s, longest))
        if wait_s > longest:
            told = f"{error}; it asks to come back in {wait_s:.0f} s: run again then"
            if asked_s:
                self._hosts.leave_alone(host, min(asked_s, LONGEST_ALONE_S), told)
            return _told(wanted, NotFetched(told))
        if wanted.tries >= self._options.tries:
            return _told(wanted, NotFetched(f"{error} (asked for {wanted.tries} times)") if wanted.tries > 1 else error)
        return lambda: self._queue(wanted, wait_s)


def seconds_until(retry_after: str) -> float | None:
    """Return how long a server asks to wait, by its `Retry-After`: seconds, or a date; None: it does not say."""
    text = retry_after.strip()
    if text.isdecimal():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
        return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _look(wanted: _Wanted[T], file: FileOnItsWay) -> None:
    if not wanted.done.set_running_or_notify_cancel():
        file.close()
        return
    try:
        wanted.done.set_result(wanted.look(file))
    except BaseException as error:  # noqa: BLE001  (as above)
        wanted.done.set_exception(error)
    finally:
        file.close()


def _told(wanted: _Wanted[T], error: BaseException) -> After:
    def tell() -> None:
        if wanted.done.set_running_or_notify_cancel():
            wanted.done.set_exception(error)

    return tell


def _nothing() -> None:
    """Nothing is left to do."""
