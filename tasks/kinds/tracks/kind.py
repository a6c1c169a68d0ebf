"""Tracks as a kind of label: boxes whose `track` says whose they are over the frames of a sequence.

A track is no shape: each label is a box in a frame, alike, fused and drawn as boxes are. What is predicted with tracks
is measured by how well objects are followed as well; a detector, which knows none, by its boxes alone.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.kinds.boxes.kind import BoxesKind
from tasks.kinds.metrics import Metrics
from tasks.kinds.protocol import LabelKind
from tasks.kinds.tracks.accuracy import WORDS, TrackedFrame, tracking_accuracy


class TracksKind(BoxesKind):
    """Upright rectangles around objects that keep their identity from frame to frame."""

    name = "tracks"
    has_identity = True

    def is_same(self, one: Any, other: Any) -> bool:
        """Whether class, edges and track are the same."""
        return super().is_same(one, other) and getattr(one, "track", None) == getattr(other, "track", None)

    def metrics(self, predicted: Sequence[Any], truth: Sequence[Any], classes: Sequence[str]) -> Metrics:
        """Return average precision, of `supervision.Detections` for each item; with `tracker_id` in all, HOTA first."""
        boxes = super().metrics(predicted, truth, classes)
        if any(len(each) and each.tracker_id is None for each in (*predicted, *truth)):
            return boxes
        followed = tracking_accuracy([_frame(each) for each in predicted], [_frame(each) for each in truth])
        return boxes.model_copy(
            update={"headline": "hota", "numbers": {**followed, **boxes.numbers}, "words": {**boxes.words, **WORDS}}
        )


def _frame(detections: Any) -> TrackedFrame:
    ids = np.zeros(0) if detections.tracker_id is None else detections.tracker_id
    return TrackedFrame(np.asarray(detections.xyxy, dtype=np.float64).reshape(-1, 4), np.asarray(ids, dtype=np.int64))


TRACKS: LabelKind = TracksKind()
