"""Draw what people judge, so that every proposal has the same chance: only then do the bounds hold."""

from collections.abc import Sequence

import numpy as np

from blocks.errors import BadOption
from tasks.audit.bounds.evidence import Ints, unit_codes


def draw_share(item_ids: Sequence[str], share: float, rng: np.random.Generator) -> Ints:
    """Draw an equal share of every item's proposals, rounded up or down by chance, item by item.

    An item of n proposals brings ⌈n · share⌉ at most: with a share of 1/largest item, one. Few boxes of many items
    prove more per human second than all boxes of few items.

    Args:
        item_ids: Shape (n,), the item of each proposal of the class, items in the order in which they arrive.
        share: Each proposal's chance of being drawn, above 0, at most 1.
        rng: Independent of everything that the detector saw.

    Returns:
        Indices into `item_ids`, by item; as evidence they are `SampleUnit.ITEMS`.

    Raises:
        BadOption: The share is outside (0, 1].
    """
    if not 0 < share <= 1:
        raise BadOption(f"audit share {share} is outside (0, 1]; an audit never stops, so it cannot be 0")
    unit = unit_codes(item_ids)
    order = rng.permutation(len(unit))
    order = order[np.argsort(unit[order], kind="stable")]
    sizes = np.bincount(unit)
    wanted = sizes * share
    counts = np.floor(wanted + rng.random(len(sizes))).astype(np.int64)
    rank = np.arange(len(unit)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.asarray(order[rank < counts[unit[order]]], dtype=np.int64)


def draw_order(proposals: int, rng: np.random.Generator) -> Ints:
    """Return the order in which the proposals of a batch are judged one by one (`SampleUnit.BOXES`); stop anywhere."""
    return np.asarray(rng.permutation(proposals), dtype=np.int64)
