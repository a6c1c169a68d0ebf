"""What simulated people see on a picture: the boxes of a truth folder, and exact kinds where the folder has them.

Pictures are known by the SHA-256 of their bytes, as items are: a question's picture link names the item, so no file
name has to travel through Label Studio.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from blocks.errors import BadTruth
from blocks.shapes import Bounds, Box, Shape
from blocks.storage.outside_files import parse_json, read_bounded
from tasks.dataset.formats.published import TruthBox, TruthFormat, read_truth
from tasks.dataset.formats.reading.problems import Problems
from tasks.intake.images import upright_size
from tasks.intake.texts.text_items import clean_text
from tasks.kinds.spans.scoring import ClassedSpan

KINDS_FILE = "kinds.json"
"""Beside the pictures and labels: file name of a picture to a list, parallel to its boxes, of kind or null."""

MAX_KINDS_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class AnnotatorBox:
    """An object of the truth: its class, pixels x_min, y_min, x_max, y_max, and its exact kind where one is known."""

    class_name: str
    xyxy: Bounds
    kind: str | None = None
    shape: Shape | None = None
    """Its outline or pixels; None: a box is all that is known."""

    @property
    def seen_shape(self) -> Shape:
        """Its shape as far as that is known."""
        return self.shape or Box(**dict(zip(("x_min", "y_min", "x_max", "y_max"), self.xyxy, strict=True)))


@dataclass(frozen=True, slots=True)
class TruePicture:
    """One picture of the truth."""

    name: str
    size_wh: tuple[int, int]
    boxes: tuple[AnnotatorBox, ...]
    class_name: str | None = None
    """Of the whole of it, where the truth has classes of whole items; of several, the first."""
    class_names: tuple[str, ...] = ()
    """All classes of the whole of it."""
    spans: tuple[ClassedSpan, ...] = ()
    """Of a text, which has no size."""


@dataclass(frozen=True, slots=True)
class KnownWorld:
    """Everything that simulated people know: pictures by the SHA-256 of their bytes, class names, what was odd."""

    pictures: Mapping[str, TruePicture]
    classes: tuple[str, ...]
    problems: Problems = field(default_factory=Problems, compare=False)


def read_world(place: Path, fmt: TruthFormat = "auto", *, outlines: bool = False) -> KnownWorld:
    """Read a folder or file of truth: boxes, classes of whole items or spans of texts; `kinds.json` where there is one.

    Args:
        place: Pictures and labels, or a label file.
        fmt: The format; "auto" finds it out.
        outlines: Whether outlines and masks are wanted where a format has boxes beside them.

    Raises:
        BadTruth: It cannot be read, or its kinds are not parallel to its boxes.
    """
    truth = read_truth(place, fmt, outlines=outlines)
    kinds = _read_kinds(place / KINDS_FILE)
    pictures = {
        _text_id(known.text): TruePicture(name, (0, 0), (), next(iter(known.classes), None), known.classes, known.spans)
        for name, known in truth.texts.items()
    }
    for name, path in truth.pictures.items():
        with path.open("rb") as file:
            item_id = hashlib.file_digest(file, "sha256").hexdigest()
        boxes = _with_kinds(name, truth.boxes.get(name, ()), kinds)
        pictures[item_id] = TruePicture(
            name, upright_size(path), boxes, truth.wholes.get(name), truth.class_sets.get(name, ())
        )
    return KnownWorld(pictures, truth.classes, truth.problems)


def _text_id(text: str) -> str:
    return hashlib.sha256(clean_text(text).text.encode()).hexdigest()


def _read_kinds(path: Path) -> dict[str, list[str | None]]:
    if not path.exists():
        return {}
    kinds = parse_json(read_bounded(path, BadTruth, MAX_KINDS_BYTES), str(path), BadTruth)
    if not isinstance(kinds, dict) or not all(isinstance(names, list) for names in kinds.values()):
        raise BadTruth(f"{path} is not a table of file name → list of kinds or null")
    return kinds


def _with_kinds(
    name: str, boxes: tuple[TruthBox, ...], kinds: Mapping[str, list[str | None]]
) -> tuple[AnnotatorBox, ...]:
    named = kinds.get(name, [None] * len(boxes))
    if len(named) != len(boxes):
        raise BadTruth(
            f"{KINDS_FILE} has {len(named)} kinds for {name}, which has {len(boxes)} boxes: give one for each, or null"
        )
    return tuple(
        AnnotatorBox(box.class_name, box.box_xyxy_px, kind, box.shape) for box, kind in zip(boxes, named, strict=True)
    )
