"""What is followed and what a detector sees in one frame, as one set of boxes with trust.

Following knows whose a box is and loses who bends away; a detector that has learnt from the key frames finds who comes
in, and cannot tell one from another. Where both say the same a box is trusted more than either alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tasks.kinds.geometry import Floats, iou_of_all
from tasks.kinds.matching import match_optimally
from tasks.track.clip import FollowedBox

SAME_FROM = 0.4
"""IoU from which on a detection is of a followed box."""

BESIDE_FROM = 0.5
"""IoU with a followed box from which on a detection is nothing new, whatever its class: people have named that one."""

BESIDE_SCORE = 0.25
"""Score from which on who is seen beside what is followed is proposed, as pictures show people boxes from it on
(`tasks/detect/options.py`): a fainter one only steers what is followed, or all of its frame would be asked for it."""

SURE_FROM = 0.3
"""Score from which on a detection says how large a followed box has become."""


@dataclass(frozen=True, slots=True)
class SeenBox:
    """A box that a detector sees."""

    class_name: str
    box_xyxy_px: tuple[float, float, float, float]
    score: float


def join_seen(followed: Sequence[FollowedBox], seen: Sequence[SeenBox]) -> list[FollowedBox]:
    """Return all boxes of a frame, best first; who is seen alone has no track.

    Args:
        followed: From key frames; may be empty.
        seen: By a detector; of the same objects, and of others.
    """
    overlap = iou_of_all(_edges(followed), _edges(seen))
    same = np.array([[one.class_name == other.class_name for other in seen] for one in followed], dtype=bool)
    same = same.reshape(overlap.shape) & (overlap >= SAME_FROM)
    pairs = dict(match_optimally(np.where(same, overlap, 0.0)))
    found = [_both(one, seen[pairs[row]]) if row in pairs else one for row, one in enumerate(followed)]
    taken = set(pairs.values())
    for at, one in enumerate(seen):
        is_shown = one.score >= BESIDE_SCORE
        if is_shown and at not in taken and overlap[:, at].max(initial=0.0) < BESIDE_FROM:
            found.append(FollowedBox(one.class_name, one.box_xyxy_px, "", one.score))
    return sorted(found, key=lambda box: (-box.trust, box.track))


def _both(followed: FollowedBox, seen: SeenBox) -> FollowedBox:
    trust = 1 - (1 - followed.trust) * (1 - seen.score)
    if seen.score < SURE_FROM:
        return replace(followed, trust=trust)
    x_min, y_min, x_max, y_max = ((_edges([followed]) + _edges([seen]))[0] / 2).tolist()
    return replace(followed, trust=trust, box_xyxy_px=(x_min, y_min, x_max, y_max))


def _edges(boxes: Sequence[FollowedBox | SeenBox]) -> Floats:
    return np.array([one.box_xyxy_px for one in boxes], dtype=np.float64).reshape(-1, 4)
