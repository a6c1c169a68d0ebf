"""Where the shots of a sequence begin: nothing is followed across a cut, and each shot has key frames of its own."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from blocks.storage.stores import Store
from tasks.intake.images import Pixels
from tasks.intake.video.choosing import is_cut, seen_small

Shot = tuple[int, int]
"""Places of its first and its last frame."""


def find_cuts(frames: Iterable[tuple[int, Pixels]]) -> list[int]:
    """Return the places at which another shot begins, in order; the first frame is none.

    Args:
        frames: Places that go up, and pixels of shape (height, width, 3), uint8. Frames that cannot be read may lack.
    """
    cuts: list[int] = []
    before = None
    for place, pixels in frames:
        now = seen_small(pixels)
        if before is not None and is_cut(before, now):
            cuts.append(place)
        before = now
    return cuts


def shots_between(frames: int, cuts: Sequence[int]) -> list[Shot]:
    """Return the shots of a sequence, in order.

    Args:
        frames: Of the sequence; 0: there is no shot.
        cuts: Places at which another shot begins, in order.
    """
    starts = sorted({0, *cuts}) if frames else []
    return [(start, stop - 1) for start, stop in pairwise([*starts, frames])]


def keep_cuts(store: Store, item_ids: Sequence[str], read: Callable[[], Iterable[tuple[int, Pixels]]]) -> list[int]:
    """Return where the shots of a sequence begin; found once, and kept.

    Args:
        store: Where it is kept.
        item_ids: The frames of the sequence, in order: another one has other shots.
        read: Reads all frames.
    """
    key = f"shots/{hashlib.sha256('|'.join(item_ids).encode()).hexdigest()[:16]}.json"
    if not store.has(key):
        store.put(key, json.dumps(find_cuts(read())).encode(), "application/json")
    found: list[int] = json.loads(store.get(key))
    return found
