"""What is usual of a batch's boxes (size, shape, place, number by class), learned in one pass, and what is odd by it.

Triage and the frame from which audits draw both ask here, so that they agree to the box on what is odd.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tasks.triage.boxes import Boxes
from tasks.triage.options import TriageOptions
from tasks.triage.outliers.box_place import ClassCounts, Places, UsualPlace, odd_place_reasons
from tasks.triage.outliers.box_shape import Usual, learn_usual, odd_box_reasons
from tasks.triage.outliers.track_motion import by_proposal
from tasks.triage.thresholds import thresholds_of


@dataclass(frozen=True, slots=True)
class UsualBoxes:
    """What is usual of the boxes of a batch, by class."""

    sizes: Mapping[str, Usual]
    places: Mapping[str, UsualPlace]
    counts: ClassCounts
    tracks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Why followed boxes are odd, by proposal id."""


def learn_boxes(parts: Iterable[Boxes], options: TriageOptions) -> UsualBoxes:
    """Learn what is usual from the boxes of a batch that are not dropped. Memory: 20 bytes a box.

    Args:
        parts: The batch's proposals, part by part.
        options: The thresholds, and what is judged.
    """
    places, counts = Places(), ClassCounts()

    def seen() -> Iterator[Boxes]:
        for boxes in parts:
            kept = not_dropped(boxes.where(boxes.has_place), options)
            places.see(kept)
            counts.see(kept)
            yield boxes

    sizes = learn_usual(seen(), options)
    return UsualBoxes(sizes, places.learn() if options.place_outliers else {}, counts)


def odd_reasons(boxes: Boxes, usual: UsualBoxes, options: TriageOptions) -> list[list[str]]:
    """Say of each of n boxes why its size, shape, place or motion is odd; empty for a box that is not."""
    sizes = odd_box_reasons(boxes, usual.sizes, options.outlier_z)
    places = odd_place_reasons(boxes, usual.places, options.outlier_z)
    of_tracks = by_proposal(usual.tracks, boxes.ids)
    return [[*size, *place, *track] for size, place, track in zip(sizes, places, of_tracks, strict=True)]


def not_dropped(boxes: Boxes, options: TriageOptions) -> Boxes:
    """Return the boxes that are not under the drop score of their class."""
    drop = np.array([threshold.drop for threshold in thresholds_of(boxes, options)], dtype=np.float64)
    return boxes.where(boxes.scores >= drop)
