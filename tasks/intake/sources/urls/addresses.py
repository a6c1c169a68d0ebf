"""Addresses as lists have them: made plain for the wire, and shown without what in them may be a key."""

import hashlib
from pathlib import PurePosixPath
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

KEYS = frozenset(
    {"access_token", "api_key", "apikey", "auth", "sig", "signature", "token"}
    | {f"x-{cloud}-{what}" for cloud in ("amz", "goog") for what in ("credential", "security-token", "signature")}
)
"""Names of parameters whose values open doors."""

_LEFT_AS_IT_IS = "%/:?#[]@!$&'()*+,;=~-._"


def plain_address(text: str) -> str:
    """Return an address as it goes over the wire: letters encoded, and no fragment. What is none stays as it is."""
    try:
        parts = urlsplit(text.strip())
        host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        return text
    path, query = (quote(part, safe=_LEFT_AS_IT_IS) for part in (parts.path, parts.query))
    return urlunsplit((parts.scheme.lower(), host, path, query, ""))


def address_shown(url: str) -> str:
    """Return an address with the beginning of a hash in place of each value that may be a key.

    The same address is shown the same, and two that differ in such a value stay two.
    """
    parts = urlsplit(url)
    if not any(name.lower() in KEYS for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        return url
    shown = "&".join(_shown(each) for each in parts.query.split("&"))
    return urlunsplit((parts.scheme, parts.netloc, parts.path, shown, ""))


def _shown(parameter: str) -> str:
    name, _, value = parameter.partition("=")
    if unquote(name).lower() not in KEYS:
        return parameter
    return f"{name}=hidden-{hashlib.sha256(value.encode()).hexdigest()[:12]}"


def path_of(url: str) -> PurePosixPath:
    """Return host and path of an address, decoded: what stands for a file's path below its folder."""
    parts = urlsplit(url)
    names = [part for part in unquote(parts.path).split("/") if part not in ("", ".", "..")]
    return PurePosixPath(parts.hostname or "web", *names)
