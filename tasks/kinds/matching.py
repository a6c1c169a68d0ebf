"""Which label is which of another list, given how alike each two are: the three ways of matching, and no other.

All take a matrix of similarities (or gains) and know nothing of what is compared.
"""

import numpy as np

from tasks.kinds.geometry import Floats, Ints

ALONE = -1
"""Stands for the partner of what has none."""


def match_in_order(similarity: Floats, least: float) -> Ints:
    """Let each row in turn take the free column that it is most like: how predictions, best first, find the truth.

    Args:
        similarity: Shape (n, m); n and m may be 0.
        least: From this similarity on they are a pair.

    Returns:
        Shape (n,): each row's column, or `ALONE`.
    """
    rows, columns = similarity.shape
    found = np.full(rows, ALONE, dtype=np.int64)
    if not columns:
        return found
    free = similarity.copy()
    for row in range(rows):
        best = int(free[row].argmax())
        if free[row, best] >= least:
            found[row] = best
            free[:, best] = -np.inf
    return found


def match_best_first(worth: Floats) -> Ints:
    """Pair rows and columns, the best pair first, as long as a pair is worth something.

    Args:
        worth: Shape (n, m), negative: never a pair; n and m may be 0. Of equals the first row and column come first.

    Returns:
        Shape (n,): each row's column, or `ALONE`.
    """
    rows, columns = worth.shape
    partner = np.full(rows, ALONE, dtype=np.int64)
    taken = np.zeros(columns, dtype=np.bool_)
    for flat in np.argsort(-worth, axis=None, kind="stable").tolist():
        row, column = divmod(flat, columns)
        if worth[row, column] < 0:
            break
        if partner[row] == ALONE and not taken[column]:
            partner[row] = column
            taken[column] = True
    return partner


def match_optimally(gain: Floats) -> list[tuple[int, int]]:
    """Return the one-to-one pairs (row, column) of largest total gain; only pairs that gain something."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(np.maximum(gain, 0), maximize=True)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(row, column) for row, column in pairs if gain[row, column] > 0]
