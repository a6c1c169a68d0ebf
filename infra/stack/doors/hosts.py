"""The names under which the servers of a stack may be reached, beside those of this machine."""

import re
from collections.abc import Sequence

from blocks.errors import BadOption

LOOPBACK = ("127.0.0.1", "localhost")

NAME = re.compile(r"(?P<host>[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)(:[0-9]{1,5})?")


def parse_hosts(given: Sequence[str]) -> tuple[str, ...]:
    """Return public names of servers in lower case, each once.

    Args:
        given: Such as `labels.example.org` or `labels.example.org:8443`.

    Raises:
        BadOption: One of them is no name: an address with a scheme or a path, a wildcard.
    """
    names = tuple(dict.fromkeys(name.strip().lower() for name in given))
    for name in names:
        if not NAME.fullmatch(name):
            raise BadOption(
                f"{name!r} is no host name: expected one as browsers show it, without scheme, path or wildcard, such "
                "as labels.example.org or labels.example.org:8443"
            )
    return names


def allowed_hosts(public: Sequence[str]) -> list[str]:
    """Return all names that a request's Host header may have, without ports.

    Args:
        public: From `parse_hosts`.
    """
    return [*LOOPBACK, *dict.fromkeys(name.partition(":")[0] for name in public)]


def origins_of(authorities: Sequence[str]) -> list[str]:
    """Return the origins that pages of these names have, whether a proxy speaks TLS for them or not."""
    return [f"{scheme}://{name}" for name in authorities for scheme in ("https", "http")]


def allowed_origins(public: Sequence[str], port: int) -> list[str]:
    """Return the origins whose pages may use a server: its own, by each of its names.

    Args:
        public: From `parse_hosts`.
        port: Where the server listens on this machine.
    """
    return [*(f"http://{name}:{port}" for name in LOOPBACK), *origins_of(public)]
