"""In which folder of a format of videos an item's frame stands, and which number it has there."""

from collections import defaultdict

from tasks.dataset.manifest import Manifest, ManifestItem
from tasks.intake.sequences import frame_order

MOST_NAME = 100
"""Characters of a folder's name."""


def frame_places(manifest: Manifest) -> dict[str, tuple[str, str, int]]:
    """Return of each item its split, its sequence's folder, and its frame's number from 0.

    Frames of a video keep their numbers; of other sequences it is the place. No two sequences have one folder.
    """
    by_sequence: dict[str, list[ManifestItem]] = defaultdict(list)
    for item in manifest.items():
        by_sequence[item.sequence].append(item.model_copy(update={"labels": ()}))
    found: dict[str, tuple[str, str, int]] = {}
    taken: set[str] = set()
    for sequence, items in by_sequence.items():
        folder = _free(_clean(sequence), taken)
        ordered = sorted(items, key=lambda item: frame_order(item.frame, item.name, item.id))
        ranks = {item.id: at for at, item in enumerate(ordered)}
        by_frame = len({item.frame for item in items}) == len(items) and all(item.frame is not None for item in items)
        for item in items:
            found[item.id] = item.split, folder, item.frame or 0 if by_frame else ranks[item.id]
    return found


def _clean(sequence: str) -> str:
    clean = "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in sequence).strip(".") or "video"
    return clean[:MOST_NAME]


def _free(name: str, taken: set[str]) -> str:
    free, number = name, 1
    while free.casefold() in taken:
        number += 1
        free = f"{name}-{number}"
    taken.add(free.casefold())
    return free
