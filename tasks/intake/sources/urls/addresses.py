"""Addresses as lists have them: made plain for the wire, and shown without what in them may be a key."""

import hashlib
import re
from pathlib import PurePosixPath
from urllib.parse import quote, unquote, urlsplit, urlunsplit

_MAY_BE_KEY = re.compile("key|token|sig|secret|pass|pwd|auth|cred|policy|jwt|session|code", re.IGNORECASE)
"""In names of parameters whose values may open doors."""

MOST_CHARACTERS = 1_000
"""Of an address as it is shown and kept: what is longer is cut, and has a hash of all of it; databases bound keys."""

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
    shown = "".join(each if each in "&;" else _shown(each) for each in re.split("([&;])", parts.query))
    whole = urlunsplit((parts.scheme, parts.netloc, parts.path, shown, ""))
    return whole if len(whole) <= MOST_CHARACTERS else f"{whole[: MOST_CHARACTERS - 80]}--{_hash(whole, 64)}"


def _shown(parameter: str) -> str:
    name, is_given, value = parameter.partition("=")
    is_key = is_given and _MAY_BE_KEY.search(unquote(name))
    return f"{name}=hidden-{_hash(value, 12)}" if is_key else parameter


def _hash(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:digits]


def path_of(url: str) -> PurePosixPath:
    """Return host, path and query of an address, decoded: what stands for a file's path below its folder."""
    parts = urlsplit(address_shown(url))
    names = [part for part in unquote(parts.path).split("/") if part not in ("", ".", "..")]
    if parts.query:
        names = [*names[:-1], f"{''.join(names[-1:])}?{unquote(parts.query).replace('/', '_')}"]
    return PurePosixPath(parts.hostname or "web", *names)
