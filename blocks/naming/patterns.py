"""Regular expressions that people type: searched by RE2, whose time and memory are bounded whatever they typed.

Python's own engine takes for ever over `(a+)+$` and a name of thirty letters. RE2's time grows with the length of the
text alone, so what a pattern finds never depends on a clock; the price is that it looks neither ahead nor behind.
"""

from functools import lru_cache
from typing import Protocol

import re2

from blocks.errors import BadOption

MOST_CHARACTERS = 200
"""More is no pattern that somebody wrote."""


class Match(Protocol):
    """What was found: its groups, and the whole of it as `[0]`."""

    def groups(self) -> tuple[str | None, ...]:
        """Return the text of every group."""
        ...

    def __getitem__(self, group: int) -> str:
        """Return the text of one group; 0 is the whole match."""
        ...


class Pattern(Protocol):
    """A regular expression that is ready to search with."""

    def search(self, text: str) -> Match | None:
        """Return the first match in a text, or None."""
        ...


@lru_cache(maxsize=16)
def compile_pattern(text: str) -> Pattern:
    """Return a regular expression ready to search with.

    Args:
        text: In the syntax of RE2: Python's, without look-around and references back to groups.

    Raises:
        BadOption: It is none, too long, or would take more memory than RE2 gives it.

    Source:
        https://github.com/google/re2/wiki/Syntax
    """
    if len(text) > MOST_CHARACTERS:
        raise BadOption(
            f"the pattern {text[:40]!r}… has {len(text)} characters: at most {MOST_CHARACTERS} are taken, shorten it"
        )
    options = re2.Options()
    options.log_errors = False
    try:
        compiled: Pattern = re2.compile(text, options=options)
    except re2.error as error:
        why = error.args[0].decode("utf-8", "replace") if error.args else "it cannot be used"
        raise BadOption(
            f"the pattern {text!r} is no regular expression that can be used ({why}): expected something like "
            "'(flight[0-9]+)/', whose part in brackets names what belongs together"
        ) from error
    return compiled
