"""Which boxes of many overlap, and which of them win: the vectorised ground of the seam-aware merge.

A hundred thousand boxes have five billion pairs; these functions only ever build the pairs that are near each other.
"""

import numpy as np

from tasks.detect.tiling.tiles import Flags, Floats, Ints

Pairs = tuple[Ints, Ints]
"""Two index arrays of one length: the first and the second of each pair."""

_FEW = 200
"""Below this many boxes all pairs are compared: faster than looking for neighbours."""


def overlapping_pairs(boxes_xyxy_px: Floats, groups: Ints, max_ratio: float = np.inf) -> Pairs:
    """Find all pairs of boxes of one group that share area.

    Args:
        boxes_xyxy_px: Shape (n, 4), not negative. n may be 0.
        groups: Shape (n,), not negative: only boxes of one group are paired (the class, or all zeros).
        max_ratio: Pairs whose longer sides differ by more than this factor may be left out.

    Returns:
        Pairs (i, j) with i < j, each once, in the order of i, then j.
    """
    if len(boxes_xyxy_px) <= _FEW:
        first, second = np.triu_indices(len(boxes_xyxy_px), k=1)
    else:
        first, second = _near_pairs(boxes_xyxy_px, groups, max_ratio)
    a, b = boxes_xyxy_px[first], boxes_xyxy_px[second]
    share = (np.minimum(a[:, 2:], b[:, 2:]) > np.maximum(a[:, :2], b[:, :2])).all(axis=1)
    share &= groups[first] == groups[second]
    first, second = first[share].astype(np.int64), second[share].astype(np.int64)
    order = np.lexsort((second, first))
    return first[order], second[order]


def _near_pairs(boxes: Floats, groups: Ints, max_ratio: float) -> Pairs:
    """Pair boxes whose centres lie in neighbouring cells of a grid as coarse as the larger of the two.

    A box belongs to level L if its longer side is at most 2**L. Two boxes of level L or less that overlap have centres
    at most 2**L apart, so on a grid of that pitch their cells touch.
    """
    longer = np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0).max(axis=1)
    level = np.ceil(np.log2(longer)).astype(np.int64)
    depth = np.ceil(np.log2(max_ratio)) + 1 if np.isfinite(max_ratio) else 64
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    found: list[Pairs] = []
    for top in np.unique(level):
        large = np.flatnonzero(level == top)
        candidates = np.flatnonzero((level <= top) & (level >= top - depth))
        cell = np.floor(centres / 2.0**top).astype(np.int64) + 1
        pitch = int(cell.max(initial=0)) + 2
        key = (groups * pitch + cell[:, 1]) * pitch + cell[:, 0]
        candidates = candidates[np.argsort(key[candidates], kind="stable")]
        keys = key[candidates]
        for row in (-pitch, 0, pitch):
            start = np.searchsorted(keys, key[large] + row - 1, side="left")
            stop = np.searchsorted(keys, key[large] + row + 1, side="right")
            query, place = _ranges(start, stop)
            a, b = large[query], candidates[place]
            # Two boxes of this level find each other twice: keep the time the first of them asked.
            once = (level[b] < top) | (a < b)
            found.append((np.minimum(a, b)[once], np.maximum(a, b)[once]))
    return np.concatenate([pair[0] for pair in found]), np.concatenate([pair[1] for pair in found])


def _ranges(start: Ints, stop: Ints) -> Pairs:
    """Spell out ranges: for each i, the pairs (i, start[i]) … (i, stop[i] − 1)."""
    counts = stop - start
    query = np.repeat(np.arange(len(start), dtype=np.int64), counts)
    within = np.arange(len(query), dtype=np.int64) - np.repeat(np.cumsum(counts) - counts, counts)
    return query, np.repeat(start, counts) + within


def suppress(count: int, winners: Ints, losers: Ints) -> Ints:
    """Say which boxes greedy non-maximum suppression keeps, and by whom each other one falls.

    Equal to going through the boxes in order and dropping what conflicts with one that is kept, but in rounds over all
    pairs at once: in each, whoever is contested by nobody better is kept and drops the rest of its pairs.

    Args:
        count: How many boxes there are; their index is their rank, 0 the best.
        winners: Better box of each conflicting pair, by rank.
        losers: Other box of each pair.

    Returns:
        Shape (count,): the rank of the best kept box that dropped each, or its own where it is kept.
    """
    fallen_to = np.arange(count, dtype=np.int64)
    order = np.argsort(-winners, kind="stable")  # assigned last to a loser: its best winner
    winners, losers = winners[order], losers[order]
    settled: Flags = np.zeros(count, dtype=np.bool_)
    while len(winners):
        contested = np.zeros(count, dtype=np.bool_)
        contested[losers] = True
        wins = ~contested[winners]
        fallen_to[losers[wins]] = winners[wins]
        settled[losers[wins]] = True
        settled[winners[wins]] = True
        open_pairs = ~(settled[winners] | settled[losers])
        winners, losers = winners[open_pairs], losers[open_pairs]
    return fallen_to
