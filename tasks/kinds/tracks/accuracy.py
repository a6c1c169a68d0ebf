"""How well objects are followed: HOTA, MOTA and IDF1, as the package `trackers` computes them.

Source:
    Luiten et al., "HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking", 2021; Bernardin and Stiefelhagen,
    "Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics", 2008; Ristani et al., "Performance
    Measures and a Data Set for Multi-Target, Multi-Camera Tracking", 2016.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from blocks.errors import BadOption
from tasks.kinds.geometry import RIGHT_IOU, Floats, Ints, iou_of_all

WORDS = {"hota": "HOTA", "mota": "MOTA", "idf1": "IDF1", "id_switches": "identity switches", "truths": "boxes"}


@dataclass(frozen=True, slots=True)
class TrackedFrame:
    """The boxes of one frame.

    Attributes:
        edges_xyxy_px: Shape (n, 4). n may be 0.
        ids: Shape (n,): whose each is, each at most once in a frame.
    """

    edges_xyxy_px: Floats
    ids: Ints


def tracking_accuracy(predicted: Sequence[TrackedFrame], truth: Sequence[TrackedFrame]) -> dict[str, float]:
    """Return how well objects are followed through frames, given the truth of the same frames in the same order.

    Ids of a sequence are no other sequence's, in truth as in what is predicted.

    Raises:
        BadOption: The package `trackers` is not installed.
    """
    try:
        from trackers.eval import compute_clear_metrics, compute_hota_metrics, compute_identity_metrics
    except ImportError as error:
        raise BadOption("tracks are measured by the package `trackers`: pip install 'labelline[video]'") from error
    true, said = _numbered(frame.ids for frame in truth), _numbered(frame.ids for frame in predicted)
    alike = [iou_of_all(one.edges_xyxy_px, other.edges_xyxy_px) for one, other in zip(truth, predicted, strict=True)]
    hota: Mapping[str, Any] = compute_hota_metrics(true, said, alike)
    clear: Mapping[str, Any] = compute_clear_metrics(true, said, alike, threshold=RIGHT_IOU)
    identity: Mapping[str, Any] = compute_identity_metrics(true, said, alike, threshold=RIGHT_IOU)
    return {
        "hota": float(hota["HOTA"]),
        "mota": float(clear["MOTA"]),
        "idf1": float(identity["IDF1"]),
        "id_switches": float(clear["IDSW"]),
    }


def _numbered(ids: Iterable[Ints]) -> list[Ints]:
    """Return ids as numbers from 0 on, as the package wants them."""
    known: dict[int, int] = {}
    return [np.array([known.setdefault(int(each), len(known)) for each in frame], dtype=np.int64) for frame in ids]
