"""A text in tokens with their places, in any script: words, signs, and single letters where words have no blanks.

Every character that is no blank is in one token, so a span without blanks at its ends begins and ends in tokens.
"""

import re
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from tasks.kinds.spans.extents import Extent, without_overlaps
from tasks.kinds.spans.scoring import ClassedSpan

UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Thai, Lao, Burmese, Khmer, kana and Han: scripts that do not part words; each letter is a token of its own."""

OUTSIDE, BEGIN, INSIDE = "O", "B-", "I-"
"""Tags of tokens: in no span, or the first or a further one of a span of the class that stands behind."""


class Token(NamedTuple):
    """A token and its place, in code points; the end is exclusive."""

    text: str
    start: int
    end: int


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of a text, in order; none where it is nothing but blanks."""
    return [Token(found[0], *found.span()) for found in _pattern().finditer(text)]


def tags_of(tokens: Sequence[Token], spans: Iterable[ClassedSpan]) -> tuple[list[str], list[ClassedSpan]]:
    """Return the tag of each token, and those spans that tags cannot hold.

    A span that begins or ends inside of a token takes all of it. Of spans that share tokens the longest stays.
    """
    every = list(spans)
    reached = [_reached(tokens, (span.start, span.end)) for span in every]
    seen = [at for at, (first, last) in enumerate(reached) if first < last]
    kept = [seen[place] for place in without_overlaps([reached[at] for at in seen])]
    tags = [OUTSIDE] * len(tokens)
    for at in kept:
        first, last = reached[at]
        name = every[at].class_name
        tags[first:last] = [BEGIN + name, *[INSIDE + name] * (last - first - 1)]
    return tags, [span for at, span in enumerate(every) if at not in kept]


def spans_of_tags(tokens: Sequence[Token], tags: Sequence[str]) -> list[tuple[ClassedSpan, int, int]]:
    """Return the spans that tags name, each with its first token and the one behind its last.

    A further token of a span that nothing begins, begins one: so are tags read that others wrote (IOB1).
    """
    found: list[tuple[ClassedSpan, int, int]] = []
    first, name = 0, ""
    for at, tag in enumerate([*tags, OUTSIDE]):
        goes_on = tag.startswith(INSIDE) and tag.removeprefix(INSIDE) == name
        if name and not goes_on:
            found.append((ClassedSpan(tokens[first].start, tokens[at - 1].end, name), first, at))
        if not goes_on:
            first, name = at, tag[2:] if tag.startswith((BEGIN, INSIDE)) else ""
    return found


def _reached(tokens: Sequence[Token], extent: Extent) -> tuple[int, int]:
    from bisect import bisect_left, bisect_right

    first = bisect_right(tokens, extent[0], key=lambda token: token.end)
    return first, bisect_left(tokens, extent[1], key=lambda token: token.start)


@cache
def _pattern() -> re.Pattern[str]:
    marks = "".join(map(chr, (sign for sign in range(sys.maxunicode + 1) if unicodedata.category(chr(sign))[0] == "M")))
    words = f"(?:[^\\W{UNSPACED}]|[{re.escape(marks)}\u200c\u200d])+"
    return re.compile(f"[{UNSPACED}]|{words}|\\S")
