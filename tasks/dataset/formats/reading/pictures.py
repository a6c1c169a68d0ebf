"""What a reader yields: one picture of a dataset with its labels, and where each of them was found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blocks.shapes import Bounds, Shape


@dataclass(frozen=True, slots=True)
class RawLabel:
    """A label as its file has it, unchecked.

    Attributes:
        class_name: What is there.
        place: Corners x_min, y_min, x_max, y_max in pixels of the upright picture, or a shape.
        file: Label file, by its path in the dataset.
        number: Which line, annotation or object of that file, from 1.
        score: 0 to 1, where the file has one.
        kind: Exact kind, where the file has one.
        track: Which object of a video it is, where the file says so.
        attributes: What else the file says of it, by name.
    """

    class_name: str
    place: Bounds | Shape
    file: str
    number: int
    score: float | None = None
    kind: str | None = None
    track: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadLabel:
    """A label that can be used: its shape has an area and lies inside its picture. The rest is as in `RawLabel`."""

    class_name: str
    shape: Shape
    file: str
    number: int
    score: float | None = None
    kind: str | None = None
    track: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadPicture:
    """One picture of a dataset.

    Attributes:
        name: Its path in the dataset, with slashes; where the picture is not there, as its labels call it (YOLO and
            Pascal VOC: perhaps without a suffix).
        path: Where it is; None: only its labels are there.
        size_wh: Pixels, upright: of the file, else as the labels say, else None.
        labels: What is on it; (): known to be empty. None: nothing says what is on it, or what does cannot be used, and
            a problem says why.
        left_out: How many of its labels cannot be used: where there are some, `labels` is not all that is on it.
        split: Its part of the dataset, such as train, where a folder or a file says so.
        text: What it says, where it is a text, which stands in the label file itself; None: it is a picture.
        text_in: The file in which the text stands.
    """

    name: str
    path: Path | None
    size_wh: tuple[int, int] | None
    labels: tuple[ReadLabel, ...] | None
    left_out: int = 0
    split: str | None = None
    text: str | None = None
    text_in: str = ""
