"""How many objects nobody proposed: the missed-object rate and its upper bound, from full-image audits.

A missed object has no proposal, so no sample of proposals can show it: only people who look at whole items, blind.
Misses cluster (in a dark item all are missed), so the item is the unit, as in `betting.py`, and the rate is missed
objects over objects.
"""

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from blocks.errors import BadInput, BadOption
from blocks.frozen import Frozen
from tasks.audit.bounds.betting import upper_bound
from tasks.audit.bounds.evidence import Floats


class AuditedItem(Frozen):
    """What a full-image audit found of one class in one item."""

    item_id: str
    objects: int = Field(ge=0, description="objects of the class that people marked")
    missed: int = Field(ge=0, description="those that no proposal had found")


class MissBound(Frozen):
    """The missed-object rate of one class."""

    class_name: str
    items: int = Field(description="audited items with such objects")
    objects: int
    missed: int
    rate: float | None = Field(description="missed over objects; None: no object was audited")
    at_most: float | None = Field(description="upper bound at `confidence`; None: not enough evidence to say anything")
    confidence: float


def bound_misses(
    class_name: str,
    audited: Sequence[AuditedItem],
    largest_item: int,
    *,
    delta: float = 0.05,
) -> MissBound:
    """Bound the share of objects that the detector misses.

    Args:
        class_name: The class.
        audited: Items drawn at random and labelled blind, in drawing order; items without objects may be among them.
        largest_item: The most objects of the class that an item can hold, set before the audit.
        delta: Allowed probability that the true rate is above the bound, at any of all looks.

    Returns:
        Rate and bound; without audited objects, neither.

    Raises:
        BadInput: More objects were missed than there are, or an item was audited twice.
        BadOption: An item has more objects than `largest_item`; delta is outside (0, 1).
    """
    if not 0 < delta < 1:
        raise BadOption(f"delta {delta} is outside (0, 1)")
    missed, objects = _read_counts(class_name, audited, largest_item)
    seen = int(objects.sum())
    at_most = upper_bound(missed, objects, delta, float(largest_item))
    return MissBound(
        class_name=class_name,
        items=int((objects > 0).sum()),
        objects=seen,
        missed=int(missed.sum()),
        rate=float(missed.sum() / seen) if seen else None,
        at_most=at_most if at_most < 1 else None,
        confidence=1 - delta,
    )


def _read_counts(class_name: str, audited: Sequence[AuditedItem], largest_item: int) -> tuple[Floats, Floats]:
    if largest_item < 1:
        raise BadOption(f"largest_item {largest_item} is below 1; expected the most objects that an item can hold")
    names: set[str] = set()
    for item in audited:
        if item.missed > item.objects:
            raise BadInput(
                f"item {item.item_id!r}: {item.missed} {class_name!r} missed of {item.objects}; "
                "expected at most as many missed as there are"
            )
        if item.objects > largest_item:
            raise BadOption(
                f"item {item.item_id!r} has {item.objects} {class_name!r}, but largest_item is {largest_item}; raise it"
            )
        if item.item_id in names:
            raise BadInput(f"item {item.item_id!r} was audited twice; count it once")
        names.add(item.item_id)
    missed = np.array([item.missed for item in audited], dtype=np.float64)
    return missed, np.array([item.objects for item in audited], dtype=np.float64)
