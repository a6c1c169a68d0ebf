"""Files from addresses that somebody else wrote down, fetched at one door and with distrust.

Whoever may name an address may try to make this machine ask its own network: a service that answers only here, the
metadata of a cloud. So a name is resolved once, every address that it has must be a public one, and the connection goes
to that very address: a name that says something else a moment later ("DNS rebinding") is not asked again. A redirect is
a new address, and is looked at in the same way. Nothing is read that is longer, or takes longer, than agreed.

No proxy that the environment names is used: it would resolve names itself.
"""

import ipaddress
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore

from blocks.errors import BadInput
from blocks.servers.certificates import trusted_certificates

MOST_REDIRECTS = 3
MOST_ADDRESS_CHARS = 4_096
REDIRECTS = frozenset({301, 302, 303, 307, 308})
USER_AGENT = b"labelline"

NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""Addresses of version 6 that stand for one of version 4, in their last four bytes."""


class NotFetched(BadInput):
    """An address that is not fetched, or gives nothing that can be used; the message names no more than its host."""


IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(address: IpAddress) -> bool:
    """Whether an address is one of the public internet, also behind the forms in which version 6 hides one."""
    if isinstance(address, ipaddress.IPv6Address):
        hidden = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if hidden is None and address in NAT64:
            hidden = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if hidden is not None:
            return is_public(hidden)
    return address.is_global and not address.is_multicast


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
        wire = _Wire(time.monotonic() + self.timeout_s, self.may_reach)
        pool = httpcore.ConnectionPool(trusted_certificates(), max_connections=1, network_backend=wire)
        try:
            with pool:
                for _ in range(MOST_REDIRECTS + 1):
                    found = self._ask(pool, url)
                    if isinstance(found, bytes):
                        return found
                    url = found
        except (httpcore.TimeoutException, TimeoutError) as error:
            raise NotFetched(f"{host_of(url)} took longer than {self.timeout_s:g} s: send the file itself") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise NotFetched(f"{host_of(url)} does not answer as a web server does ({type(error).__name__})") from error
        raise NotFetched(f"more than {MOST_REDIRECTS} redirects: give the address that they lead to")

    def _ask(self, pool: httpcore.ConnectionPool, url: str) -> bytes | str:
        """Return a file, or where else it is."""
        host = check_address(url)
        headers = [(b"Accept-Encoding", b"identity"), (b"User-Agent", USER_AGENT)]
        try:
            opened = pool.stream("GET", url.encode("ascii"), headers=headers)
        except UnicodeEncodeError as error:
            raise NotFetched("an address has letters that belong encoded (%C3%A4 for ä): encode them") from error
        with opened as answer:
            given = {name.lower(): value for name, value in answer.headers}
            if answer.status in REDIRECTS and b"location" in given:
                return urljoin(url, given[b"location"].decode("latin-1"))
            if answer.status != 200:
                raise NotFetched(f"{host} answers {answer.status}: expected 200 and a file")
            if given.get(b"content-encoding", b"identity") != b"identity":
                raise NotFetched(f"{host} sends the file packed, which was not asked for: send the file itself")
            return self._read(answer.iter_stream(), host, given.get(b"content-length", b""))

    def _read(self, parts: Iterable[bytes], host: str, claimed: bytes) -> bytes:
        too_long = f"the file at {host} is longer than {self.most_bytes:,} bytes, the most that is fetched"
        if claimed.isdigit() and (len(claimed) > 18 or int(claimed) > self.most_bytes):
            raise NotFetched(too_long)
        read = bytearray()
        for part in parts:
            read += part
            if len(read) > self.most_bytes:
                raise NotFetched(too_long)
        return bytes(read)


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
            raise NotFetched(f"no machine is named {host}: correct the address") from error
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
