"""What libraries say about wrong values, in words that a person at a terminal understands."""

import difflib
import shlex
from collections.abc import Iterable
from contextvars import ContextVar
from pathlib import Path

from pydantic import ValidationError

SHOWN_AT_MOST = 5

typed_home: ContextVar[Path | None] = ContextVar("typed_home", default=None)
"""The state folder that was typed behind `--home`, as it was typed."""


def in_words(error: ValidationError) -> str:
    """Return what is wrong with options: each fault with its place, the value and what was expected."""
    faults = error.errors(include_url=False, include_context=False)
    told = []
    for fault in faults[:SHOWN_AT_MOST]:
        place = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "value_error":  # our own words, which name the value
            told.append(f"{place}: {fault['msg'].removeprefix('Value error, ')}" if place else fault["msg"])
        elif fault["type"] == "extra_forbidden":
            told.append(f"{place} is no option")
        elif fault["type"] == "missing":
            told.append(f"{place} is missing")
        elif fault["type"] == "json_invalid":
            told.append("it is no JSON")
        else:
            told.append(f"{place}: {fault['msg'][:1].lower()}{fault['msg'][1:]} (got {shorten(repr(fault['input']))})")
    more = len(faults) - SHOWN_AT_MOST
    return "; ".join(told) + (f"; and {more} more" if more > 0 else "")


def did_you_mean(name: str, known: Iterable[str], what: str) -> str:
    """Return a hint for a name that is not known: the one that reads most like it, or all that there are."""
    names = sorted(known)
    by_folded = {each.casefold(): each for each in names}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1)
    if close:
        return f"Did you mean {by_folded[close[0]]!r}?"
    listed = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return f"Known {what}: {listed}." if names else f"There are no {what} yet."


def shorten(text: str, most: int = 80) -> str:
    """Return a text of at most so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def this_command() -> str:
    """Return what a person types to run our command line on the same state folder."""
    home = typed_home.get()
    return f"labelline --home {shlex.quote(str(home))}" if home else "labelline"
