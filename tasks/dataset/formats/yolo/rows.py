"""One line of a YOLO label file: a class number, and a box, an outline or keypoints in shares of the picture.

A line does not say which of them it is, and some lengths are ambiguous: `data.yaml` may say the task. Without it, what
is no plain box is taken for an outline only if nothing speaks against it, and is left out, with the reason, if
something does.

Source:
    https://docs.ultralytics.com/datasets/detect, /segment, /obb, /pose
"""

from dataclasses import dataclass

from tasks.dataset.formats.reading.faults import FaultyLabel, Oddity
from tasks.dataset.formats.yolo.names import YoloFacts

SLACK = 0.5
"""How far outside of its picture a corner may lie, as a share: objects reach beyond the border, pixels lie far off."""


@dataclass(frozen=True, slots=True)
class YoloRow:
    """What a line says.

    Attributes:
        class_number: From 0.
        corners: x_min, y_min, x_max, y_max for a box (empty for an outline), in shares of the picture.
        points: Corners of an outline, else empty.
        score: 0 to 1; None without.
        track: Which object of a video; None without.
        has_keypoints: There were keypoints, which are not kept.
    """

    class_number: int
    corners: tuple[float, ...] = ()
    points: tuple[tuple[float, float], ...] = ()
    score: float | None = None
    track: str | None = None
    has_keypoints: bool = False


def parse_row(line: str, facts: YoloFacts) -> YoloRow:
    """Return what a line says.

    Raises:
        ValueError: It cannot be made sense of; the message says why.
    """
    first, *words = line.split()
    number, values = float(first), [float(word) for word in words]
    if number not in range(len(facts.names)):
        raise FaultyLabel(Oddity.UNKNOWN_CLASS, f"class number {number:g}, but there are {len(facts.names)} names")
    if facts.task == "pose":
        return _pose(int(number), values, facts.keypoint_values)
    if facts.task in ("segment", "obb") and len(values) > 5:
        return _outline(int(number), values)
    if len(values) in (4, 5):
        return YoloRow(int(number), _corners(values), score=_score(values[4:]))
    if len(values) == 6:
        return _six(int(number), values, words, facts.task)
    if facts.task == "detect" or len(values) < 6:
        raise ValueError(f"expected 'class x y w h', got {len(values) + 1} values")
    if len(values) % 2:
        raise FaultyLabel(
            Oddity.AMBIGUOUS_LABEL,
            f"{len(values) + 1} values are no box, and an outline with a score or keypoints only where a .yaml says "
            "'task: segment' or 'kpt_shape'",
        )
    return _outline(int(number), values)


def _six(number: int, values: list[float], words: list[str], task: str) -> YoloRow:
    """Return a box with its score and the number of its track, as trackers write it, or an outline of three points."""
    may_be_box = words[5].isdecimal() and 0 <= values[4] <= 1
    is_outline = all(-SLACK <= value <= 1 + SLACK for value in values)
    if task != "detect" and may_be_box and is_outline:
        raise FaultyLabel(
            Oddity.AMBIGUOUS_LABEL,
            "6 numbers may be a box with a score and an id, or an outline of three points: say 'task: detect' or "
            "'task: segment' in data.yaml",
        )
    if task != "detect" and is_outline:
        return _outline(number, values)
    if not may_be_box:
        raise ValueError(f"expected 'class x y w h score id', got a score of {values[4]:g} and an id of {words[5]}")
    return YoloRow(number, _corners(values), score=_score(values[4:5]), track=words[5])


def _outline(number: int, values: list[float]) -> YoloRow:
    score = _score(values[-1:] if len(values) % 2 else [])
    corners = values[: len(values) // 2 * 2]
    if len(corners) < 6:
        raise ValueError(f"an outline of {len(corners) // 2} points: expected three or more")
    for value in corners:
        if not -SLACK <= value <= 1 + SLACK:
            raise ValueError(f"{value:g} is no share of a picture: expected 0 to 1")
    return YoloRow(number, points=tuple(zip(corners[::2], corners[1::2], strict=True)), score=score)


def _pose(number: int, values: list[float], keypoint_values: int) -> YoloRow:
    if len(values) == 4:
        return YoloRow(number, _corners(values))
    rest = len(values) - 4 - keypoint_values
    if keypoint_values and rest not in (0, 1):
        raise ValueError(f"{len(values)} numbers: expected a box and {keypoint_values} numbers of keypoints")
    score = _score(values[-1:] if keypoint_values and rest else [])
    return YoloRow(number, _corners(values), score=score, has_keypoints=True)


def _corners(values: list[float]) -> tuple[float, ...]:
    x, y, width, height = values[:4]
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _score(values: list[float]) -> float | None:
    if values and not 0 <= values[0] <= 1:
        raise ValueError(f"{values[0]:g} is no score: expected 0 to 1")
    return values[0] if values else None
