"""Files from addresses that somebody else wrote down, fetched at one door and with distrust.

Whoever may name an address may try to make this machine ask its own network: a service that answers only here, the
metadata of a cloud. So a name is resolved once, every address that it has must be a public one, and the connection goes
to that very address: a name that says something else a moment later ("DNS rebinding") is not asked again. A redirect is
a new address, and is looked at in the same way. Nothing is read that is longer, or takes longer, than agreed.

No proxy that the environment names is used: it would resolve names itself.
"""

import io
import ipaddress
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any
from urllib.parse import urljoin, urlsplit

import httpcore

from blocks.errors import BadInput, BadOption
from blocks.servers.certificates import trusted_certificates

MOST_REDIRECTS = 3
MOST_ADDRESS_CHARS = 4_096
REDIRECTS = frozenset({301, 302, 303, 307, 308})
USER_AGENT = b"labelline"

STAND_FOR_V4 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))
"""Addresses of version 6 that stand for one of version 4, in their last four bytes: NAT64, and an older form."""


PRIVATE_NETWORKS = "LABELLINE_PRIVATE_NETWORKS"
"""The environment variable by which an operator lets addresses of private networks be fetched from: `10.1.0.0/16`, or
several with commas. Without it none is."""

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers after which the same question may be worth asking again."""


class NotFetched(BadInput):
    """An address that is not fetched, or gives nothing that can be used; the message names no more than its host.

    Attributes:
        may_pass: Whether the same address may be worth asking for later.
        status: What was answered, where it was no file; None: nothing was.
        retry_after: When to come back, as the server wrote it; empty: it did not say.
    """

    def __init__(self, told: str, *, may_pass: bool = False, status: int | None = None, retry_after: str = "") -> None:
        super().__init__(told)
        self.may_pass = may_pass
        self.status = status
        self.retry_after = retry_after


IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(address: IpAddress) -> bool:
    """Whether an address is one of the public internet, also behind the forms in which version 6 hides one."""
    if isinstance(address, ipaddress.IPv6Address):
        hidden = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if hidden is None and any(address in network for network in STAND_FOR_V4):
            hidden = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if hidden is not None:
            return is_public(hidden)
    return address.is_global and not address.is_multicast


def may_reach_as_operated() -> Callable[[IpAddress], bool]:
    """Return what may be connected to: the public internet, and what the operator of this machine names beside it.

    Raises:
        BadOption: `PRIVATE_NETWORKS` holds what is no network.
    """
    said = os.environ.get(PRIVATE_NETWORKS, "")
    try:
        networks = [ipaddress.ip_network(one.strip(), strict=False) for one in said.split(",") if one.strip()]
    except ValueError as error:
        raise BadOption(f"{PRIVATE_NETWORKS} is {said!r} ({error}): expected networks such as 10.1.0.0/16") from error
    return lambda address: is_public(address) or any(address in network for network in networks)


@dataclass(frozen=True, slots=True)
class WebDoor:
    """What is fetched, and what is not.

    Attributes:
        most_bytes: Of one file.
        timeout_s: For one file, from its name to its last byte, redirects included.
        may_reach: Whether an address may be connected to.
    """

    most_bytes: int
    timeout_s: float
    may_reach: Callable[[IpAddress], bool] = field(default=is_public)

    def fetch(self, url: str) -> bytes:
        """Return the bytes of a file of the web.

        Raises:
            NotFetched: The address is none of http or https, or leads where nothing is fetched; it does not answer, or
                not with a file; the file is too long, or takes too long.
        """
        read = io.BytesIO()
        with self._pool() as pool, self._telling(url):
            for _ in range(MOST_REDIRECTS + 1):
                elsewhere = self._ask(pool, url, read)
                if elsewhere is None:
                    return read.getvalue()
                url = elsewhere
        raise NotFetched(f"more than {MOST_REDIRECTS} redirects: give the address that they lead to")

    def ask(self, url: str, into: IO[bytes], takes: Callable[[str], bool] | None = None) -> str | None:
        """Write the file at an address, or return where else it is; no redirect is followed.

        Args:
            url: The address.
            into: Where its bytes go, as they come.
            takes: Whether a kind of file (`image/jpeg`; empty where the server does not say) is wanted; None: all are.

        Raises:
            NotFetched: See `fetch`; also, that the file is of a kind that is not wanted.
        """
        with self._pool() as pool, self._telling(url):
            return self._ask(pool, url, into, takes)

    def _pool(self) -> httpcore.ConnectionPool:
        wire = _Wire(time.monotonic() + self.timeout_s, self.may_reach)
        return httpcore.ConnectionPool(trusted_certificates(), max_connections=1, network_backend=wire)

    @contextmanager
    def _telling(self, url: str) -> Iterator[None]:
        try:
            yield
        except (httpcore.TimeoutException, TimeoutError) as error:
            told = f"{host_of(url)} took longer than {self.timeout_s:g} s: send the file itself"
            raise NotFetched(told, may_pass=True) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            told = f"{host_of(url)} does not answer as a web server does ({type(error).__name__})"
            raise NotFetched(told, may_pass=True) from error

    def _ask(
        self, pool: httpcore.ConnectionPool, url: str, into: IO[bytes], takes: Callable[[str], bool] | None = None
    ) -> str | None:
        """Write a file, or return where else it is."""
        host = check_address(url)
        headers = [(b"Accept-Encoding", b"identity"), (b"User-Agent", USER_AGENT)]
        try:
            opened = pool.stream("GET", url.encode("ascii"), headers=headers)
        except UnicodeEncodeError as error:
            raise NotFetched("an address has letters that belong encoded (%C3%A4 for ä): encode them") from error
        with opened as answer:
            given = {name.lower(): value.decode("latin-1") for name, value in answer.headers}
            if answer.status in REDIRECTS and b"location" in given:
                return _redirected(url, given[b"location"])
            if answer.status != 200:
                told = f"{host} answers {answer.status}: expected 200 and a file"
                later = given.get(b"retry-after", "")
                raise NotFetched(told, may_pass=answer.status in PASSING, status=answer.status, retry_after=later)
            if given.get(b"content-encoding", "identity") != "identity":
                raise NotFetched(f"{host} sends the file packed, which was not asked for: send the file itself")
            media_type = given.get(b"content-type", "").partition(";")[0].strip().lower()
            if takes and not takes(media_type):
                raise NotFetched(f"{host} answers with {media_type[:50]!r}, and not with such a file", status=200)
            self._read(answer.iter_stream(), host, given.get(b"content-length", ""), into)
            return None

    def _read(self, parts: Iterable[bytes], host: str, claimed: str, into: IO[bytes]) -> None:
        too_long = f"the file at {host} is longer than {self.most_bytes:,} bytes, the most that is fetched"
        if claimed.isdecimal() and (len(claimed) > 18 or int(claimed) > self.most_bytes):
            raise NotFetched(too_long)
        read = 0
        for part in parts:
            read += len(part)
            if read > self.most_bytes:
                raise NotFetched(too_long)
            into.write(part)


def check_address(url: str) -> str:
    """Return the host of an address that may be fetched.

    Raises:
        NotFetched: It is none of http or https, carries a password, or is malformed.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise NotFetched("an address is malformed: expected one such as https://example.org/a.jpg") from error
    if parts.scheme not in ("http", "https") or not host or len(url) > MOST_ADDRESS_CHARS:
        raise NotFetched(
            f"an address is none that is fetched: expected http:// or https://, a host, and at most "
            f"{MOST_ADDRESS_CHARS:,} characters"
        )
    if parts.username is not None or parts.password is not None:
        raise NotFetched(f"an address at {host} carries a name or a password: send the file itself")
    if any(character.isspace() or not character.isprintable() for character in url):
        raise NotFetched(f"an address at {host} has blanks or invisible characters: encode them")
    return host


def _redirected(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise NotFetched(f"{host_of(url)} redirects to what is no address") from error


def host_of(url: str) -> str:
    """Return what of an address may be shown: what stands behind the host may be a key."""
    return urlsplit(url).hostname or "an address"


class _Wire(httpcore.NetworkBackend):
    """Connects to what may be reached, at the address that was looked at, until time is up.

    Args:
        until: Of the monotonic clock.
        may_reach: Whether an address may be connected to.
    """

    def __init__(self, until: float, may_reach: Callable[[IpAddress], bool]) -> None:
        self._until = until
        self._may_reach = may_reach
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  (the protocol's signature)
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        """Resolve a name, look at every address that it has, and connect to one of these."""
        addresses = self._resolve(host, port)
        for number, address in enumerate(addresses):
            try:
                stream = self._plain.connect_tcp(
                    str(address), port, _left(self._until), local_address, socket_options=socket_options
                )
                return _TimedStream(stream, self._until)
            except httpcore.ConnectError:
                if number == len(addresses) - 1:
                    raise
        raise httpcore.ConnectError(host)

    def _resolve(self, host: str, port: int) -> list[IpAddress]:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            may_pass = getattr(error, "errno", None) == socket.EAI_AGAIN
            raise NotFetched(f"no machine is named {host}: correct the address", may_pass=may_pass) from error
        addresses = list(dict.fromkeys(ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found))
        if not all(self._may_reach(address) for address in addresses):
            raise NotFetched(
                f"{host} is an address of a private network or of this machine, where nothing is fetched: send the "
                "file itself"
            )
        return addresses


class _TimedStream(httpcore.NetworkStream):
    """A connection that is given up when time is up, however often a byte comes."""

    def __init__(self, stream: httpcore.NetworkStream, until: float) -> None:
        self._stream = stream
        self._until = until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002  (as httpcore has it)
        return self._stream.read(max_bytes, _left(self._until))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, _left(self._until))

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> Any:  # noqa: ARG002
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, _left(self._until)), self._until)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
