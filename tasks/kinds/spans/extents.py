"""Where spans are in their text, whatever row has them, and which of several one text cannot have together.

Places are counted in code points everywhere; what a browser counts is the business of the question that asks.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from tasks.kinds.geometry import Floats

Overlap = Literal["any", "nested", "none"]
"""Which spans may share characters: any two, one only if the other is inside of it, or none."""

Extent = tuple[int, int]
"""The first code point, and the first one behind."""


def extent_of(row: Any) -> Extent:
    """Return where a row's span is: of a proposal, a label, or what somebody said."""
    shape = row.shape
    return (int(shape["start"]), int(shape["end"])) if isinstance(shape, Mapping) else (shape.start, shape.end)


def alike(first: Sequence[Extent], second: Sequence[Extent]) -> Floats:
    """Return the characters that each two extents share over those that either has, shape (n, m), 0 to 1."""
    mine, other = (np.array(some, dtype=np.float64).reshape(-1, 2) for some in (first, second))
    low = np.maximum(mine[:, None, 0], other[None, :, 0])
    high = np.minimum(mine[:, None, 1], other[None, :, 1])
    shared = np.maximum(high - low, 0.0)
    length, other_length = mine[:, 1] - mine[:, 0], other[:, 1] - other[:, 0]
    return np.asarray(shared / (length[:, None] + other_length[None, :] - shared))


def may_stand_together(one: Extent, other: Extent, overlap: Overlap) -> bool:
    """Say whether one text may have both of two spans."""
    apart = one[1] <= other[0] or other[1] <= one[0]
    if apart or overlap == "any":
        return True
    is_inside = (one[0] <= other[0] and other[1] <= one[1]) or (other[0] <= one[0] and one[1] <= other[1])
    return overlap == "nested" and is_inside


def without_overlaps(extents: Sequence[Extent]) -> list[int]:
    """Return which of some spans a form without overlaps can hold, in the order of the text.

    Of those that share characters the longest stays, and of equals the first.
    """
    kept: list[int] = []
    ends: dict[int, int] = {}
    for place in sorted(range(len(extents)), key=lambda at: (extents[at][0] - extents[at][1], extents[at][0], at)):
        if all(may_stand_together(extents[place], (start, end), "none") for start, end in ends.items()):
            kept.append(place)
            ends[extents[place][0]] = extents[place][1]
    return sorted(kept, key=lambda at: extents[at])
