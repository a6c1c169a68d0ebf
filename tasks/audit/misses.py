"""How many objects nobody proposed: the missed-object rate and its upper bound, from full-image audits.

A missed object has no proposal, so no sample of proposals can show it: only people who look at whole items, blind.
Misses cluster (in a dark item all are missed), so the item is the unit, as in `bounds.py`, and the rate is missed
objects over objects.
"""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from blocks.errors import BadInput, BadOption
from tasks.audit.bounds import draws_needed, upper_bound
from tasks.audit.evidence import Floats


class AuditedItem(BaseModel):
    """What a full-image audit found of one class in one item."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item_id: str
    objects: int = Field(ge=0, description="objects of the class that people marked")
    missed: int = Field(ge=0, description="those that no proposal had found")


class MissBound(BaseModel):
    """The missed-object rate of one class."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    class_name: str
    items: int = Field(description="audited items with such objects")
    objects: int
    missed: int
    rate: float | None = Field(description="missed over objects; None: no object was audited")
    at_most: float | None = Field(description="upper bound at `confidence`; None: not enough evidence to say anything")
    confidence: float
    more_audits: int | None = Field(default=None, description="estimate of further items until `goal` is shown")
    goal: float


def bound_misses(
    class_name: str,
    audited: Sequence[AuditedItem],
    largest_item: int,
    *,
    delta: float = 0.05,
    goal: float = 0.1,
    population: int | None = None,
) -> MissBound:
    """Bound the share of objects that the detector misses.

    Args:
        class_name: The class.
        audited: Items drawn at random and labelled blind, in drawing order; items without objects may be among them.
        largest_item: The most objects of the class that an item can hold, set before the audit.
        delta: Allowed probability that the true rate is above the bound, at any of all looks.
        goal: Rate that the line would like to show; only for the estimate of further audits.
        population: How many items the batch has with objects of the class, if that is known; None: a stream.

    Returns:
        Rate and bound; without audited objects, neither.

    Raises:
        BadInput: More objects were missed than there are, or an item was audited twice.
        BadOption: An item has more objects than `largest_item`; delta or goal is outside (0, 1).
    """
    for name, value in (("delta", delta), ("goal", goal)):
        if not 0 < value < 1:
            raise BadOption(f"{name} {value} is outside (0, 1)")
    missed, objects = _read_counts(class_name, audited, largest_item)
    seen = int(objects.sum())
    at_most = upper_bound(missed, objects, delta, float(largest_item), population)
    needed = draws_needed(missed, objects, goal, float(largest_item), delta)
    useful = float((objects > 0).mean()) if seen else 1.0
    more = None if needed is None else int(np.ceil((needed - int((objects > 0).sum())) / useful))
    return MissBound(
        class_name=class_name,
        items=int((objects > 0).sum()),
        objects=seen,
        missed=int(missed.sum()),
        rate=float(missed.sum() / seen) if seen else None,
        at_most=at_most if at_most < 1 else None,
        confidence=1 - delta,
        more_audits=None if at_most <= goal or more is None else max(1, more),
        goal=goal,
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
