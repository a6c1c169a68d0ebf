"""What a check of the object store found."""

from typing import Literal

from pydantic import Field

from blocks.frozen import Frozen
from tasks.keeping.spaces import KeySpace

MOST_LISTED = 500
"""Faults that are listed one by one; the others are counted."""

What = Literal["missing", "damaged", "unreadable", "mended", "orphan", "unknown"]
"""What is wrong; unreadable is what the store did not give, and so nobody knows."""


REMAINING: tuple[What, ...] = ("missing", "damaged", "unreadable")
"""After which a check has not ended well."""


class ObjectFault(Frozen):
    """One object with which something is or was wrong."""

    key: str
    what: What
    told: str = Field(description="what is wrong with it")
    means: str = Field(description="what follows from it")
    do: str = Field(description="what to do about it; empty: nothing")

    @classmethod
    def of(cls, key: str, what: What, told: str, space: KeySpace) -> "ObjectFault":
        """Return a fault with what it means in the space of its key."""
        return cls(key=key, what=what, told=told, means=space.loss, do=space.way_out)


class CheckReport(Frozen):
    """What was looked at, and what is wrong."""

    objects: int = 0
    bytes: int = 0
    seconds: float = 0.0
    counts: dict[What, int] = Field(default_factory=dict, description="faults by what they are")
    faults: tuple[ObjectFault, ...] = Field(default=(), description=f"the first {MOST_LISTED} of them")
    is_whole: bool = Field(default=False, description="whether the check came to its end")

    @property
    def remaining(self) -> int:
        """How many objects are missing or damaged still, or cannot be read."""
        return sum(self.counts.get(what, 0) for what in REMAINING)

    @property
    def mb_per_s(self) -> float:
        """How fast was read."""
        return self.bytes / 1e6 / self.seconds if self.seconds else 0.0

    def with_faults(self, faults: tuple[ObjectFault, ...]) -> "CheckReport":
        """Return the report with some more faults."""
        counts = dict(self.counts)
        for fault in faults:
            counts[fault.what] = counts.get(fault.what, 0) + 1
        return self.model_copy(update={"counts": counts, "faults": (*self.faults, *faults)[:MOST_LISTED]})
