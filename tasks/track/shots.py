"""Where the shots of a sequence begin: nothing is followed across a cut, and each shot has key frames of its own."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
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


def keep_cuts(
    store: Store, item_ids: Sequence[str], read: Callable[[int, int], Iterable[tuple[int, Pixels]]]
) -> list[int]:
    """Return where the shots of a sequence begin: of frames that were looked at before it is kept.

    A sequence that grew is looked at from where it ended. Of frames that cannot be read now, and of those after them,
    nothing is kept.

    Args:
        store: Where it is kept.
        item_ids: The frames of the sequence, in order; may be empty.
        read: Reads the frames from a place to another, both included, in order, those that can be read.
    """
    if not item_ids:
        return []
    key = f"cuts/{_hash_of(item_ids[:1])}.json"
    done, cuts = _kept(store, key, item_ids)
    if done == len(item_ids):
        return cuts
    begin = max(done - 1, 0)  # the last one again: the first of the new ones is compared with it
    unread = set(range(begin, len(item_ids)))
    cuts += find_cuts(_noting(read(begin, len(item_ids) - 1), unread))
    sure = min(unread, default=len(item_ids))
    if sure > done:
        kept = {"frames": sure, "of": _hash_of(item_ids[:sure]), "cuts": [cut for cut in cuts if cut < sure]}
        store.put(key, json.dumps(kept).encode(), "application/json")
    return cuts


def _kept(store: Store, key: str, item_ids: Sequence[str]) -> tuple[int, list[int]]:
    """Return how many of the first frames were looked at, and their cuts; 0, where others were."""
    if not store.has(key):
        return 0, []
    kept = json.loads(store.get(key))
    frames: int = kept["frames"]
    return (frames, kept["cuts"]) if kept["of"] == _hash_of(item_ids[:frames]) else (0, [])


def _noting(frames: Iterable[tuple[int, Pixels]], unread: set[int]) -> Iterator[tuple[int, Pixels]]:
    for place, pixels in frames:
        unread.discard(place)
        yield place, pixels


def _hash_of(item_ids: Sequence[str]) -> str:
    return hashlib.sha256("|".join(item_ids).encode()).hexdigest()[:16]
