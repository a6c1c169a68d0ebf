"""Four clicks of a simulated person, and the outline that comes back for them, asked for as a browser does.

Source:
    `label_studio/ml/api.py` of Label Studio 1.23.2, `interactive-annotating`: the clicks so far go to the back end of
    the project, and what it answers comes back as `data`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from blocks.errors import LabelStudioRefused
from blocks.servers.annotation_server import AnnotationServer
from tasks.kinds.outlines.raster import Raster
from tasks.review.questions.kinds.controls import IMAGE
from tasks.review.questions.kinds.outlines.four_clicks import CLICKED, TYPE

Point = tuple[float, float]

HAND_PX = 1.5
"""By how much a click is off (standard deviation). Ours, unpublished: the hand of `tests/bench/outlines.py`."""


@dataclass(slots=True)
class LiveOutlines:
    """What Label Studio makes of clicks in one of its projects.

    Attributes:
        server: Label Studio.
        project_id: The project.
    """

    server: AnnotationServer
    project_id: int
    _back_end: int | None = field(default=None, init=False)

    def outlined(self, task_id: int, clicks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the regions that come back for clicks in a question; none where nothing comes of them."""
        if self._back_end is None:
            found = self.server.call("GET", "api/ml", params={"project": self.project_id})
            self._back_end = next((int(one["id"]) for one in found if one.get("is_interactive")), None)
            if self._back_end is None:
                return []
        body = {"task": task_id, "context": {"result": list(clicks)}}
        try:
            told = self.server.call("POST", f"api/ml/{self._back_end}/interactive-annotating", body=body)
        except LabelStudioRefused:
            return []  # as in a browser: the clicks stay
        answer = (told or {}).get("data") or {}
        regions: list[dict[str, Any]] = answer.get("result") or []
        return regions


def extremes_of(raster: Raster, rng: np.random.Generator, off_px: float, size_wh: tuple[int, int]) -> list[Point]:
    """Return where a hand clicks on an object: its topmost, rightmost, bottommost and leftmost point, about.

    Args:
        raster: Of the object; at least one pixel.
        rng: The hand's chance.
        off_px: By how much a click is off, as a standard deviation.
        size_wh: Of the picture: nobody clicks beside it.
    """
    rows, columns = np.nonzero(raster.pixels)
    top, bottom, left, right = rows.min(), rows.max(), columns.min(), columns.max()
    exact = (
        (np.median(columns[rows == top]) + 0.5, top),
        (right + 1, np.median(rows[columns == right]) + 0.5),
        (np.median(columns[rows == bottom]) + 0.5, bottom + 1),
        (left, np.median(rows[columns == left]) + 0.5),
    )
    moved = np.add(exact, (raster.left, raster.top)) + rng.normal(0, off_px, (4, 2))
    return [(float(x), float(y)) for x, y in np.clip(moved, 0, size_wh)]


def click_regions(
    points: Sequence[Point], class_name: str, size_wh: tuple[int, int], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Return clicks as the browser has them in an answer."""
    return [
        {
            "id": f"{rng.integers(16**10):010x}",
            "type": TYPE,
            "from_name": CLICKED,
            "to_name": IMAGE,
            "original_width": size_wh[0],
            "original_height": size_wh[1],
            "image_rotation": 0,
            "value": {
                "x": x * 100 / size_wh[0],
                "y": y * 100 / size_wh[1],
                "width": 0.3,
                "keypointlabels": [class_name],
            },
            "origin": "manual",
        }
        for x, y in points
    ]
