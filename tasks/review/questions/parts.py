"""Parts of an answer that are no region of its question, or a bad one: kept as they came, and they do not count.

People draw relations, leave comments and rate what they see, and a slip of the mouse makes a box without an area. None
of this voids the good boxes beside it. What Label Studio has beside regions (`WORDS`) is passed over. A region that
cannot be used is set aside alone, with its reason. Only where no region of an answer is left, and some was there, the
whole answer is set aside: it does not say that nothing is there. The others are then as few as these: an answer that is
no list, one drawn on a picture that was turned, or one that chooses two things at once.

Source:
    Label Studio 1.23.2, `type` of the entries of a result.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from blocks.errors import BadRegion

WORDS = frozenset(
    {"relation", "choices", "textarea", "rating", "number", "datetime", "taxonomy", "pairwise", "ranker", "chat"}
)
"""Types of entries that lie nowhere in a picture."""

PASSED_OVER = "it is no region of the question"

NAMED = 3
"""So many reasons are named where a whole answer is set aside."""


@dataclass(frozen=True, slots=True)
class SetAsidePart:
    """One entry of a result that does not count."""

    position: int
    """In the result, from 0."""
    reason: str
    raw: dict[str, Any]
    is_region: bool = True
    """False: it is nothing that the question asks for, and means nothing for it."""


def is_word(entry: object) -> bool:
    """Say whether an entry of a result lies nowhere in a picture, so that it can be passed over."""
    return isinstance(entry, dict) and isinstance(entry.get("type"), str) and entry["type"] in WORDS


def passed_over(position: int, entry: object) -> SetAsidePart:
    """Return an entry that is none of the question's, as a part that does not count."""
    return SetAsidePart(position, PASSED_OVER, _kept(entry), is_region=False)


def set_aside(position: int, entry: object, error: Exception) -> SetAsidePart:
    """Return a region that cannot be used, as a part that does not count."""
    return SetAsidePart(position, str(error), _kept(entry))


def refuse_without_good(parts: Sequence[SetAsidePart], good: int) -> None:
    """Refuse an answer of which no region can be used, though some are there.

    Raises:
        BadRegion: So it is.
    """
    bad = [part.reason for part in parts if part.is_region]
    if bad and not good:
        more = f"; and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
        raise BadRegion(f"none of its {len(bad)} regions can be used: {'; '.join(bad[:NAMED])}{more}")


def _kept(entry: object) -> dict[str, Any]:
    # Python's JSON reads NaN and Infinity, a database's JSON does not: they are kept as words.
    value = json.loads(json.dumps(entry), parse_constant=str)
    return value if isinstance(value, dict) else {"entry": value}
