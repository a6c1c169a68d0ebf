"""Truth from a folder of pictures, for simulated annotators and benchmarks: all of it at once, by file name."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from blocks.errors import BadTruth
from blocks.shapes import Box, Shape, Span, Whole
from tasks.dataset.formats.opened import open_dataset
from tasks.dataset.formats.reading.faults import Oddity
from tasks.dataset.formats.reading.pictures import ReadLabel, ReadPicture
from tasks.dataset.formats.reading.problems import Problems
from tasks.kinds.spans.scoring import ClassedSpan

TruthFormat = Literal[
    "auto",
    "coco",
    "yolo",
    "voc",
    "cvat",
    "label-studio",
    "csv",
    "jsonl",
    "fiftyone",
    "folders",
    "mot",
    "davis",
    "labelme",
    "kitti",
    "openimages",
    "conll",
    "spacy",
]


@dataclass(frozen=True, slots=True)
class TruthBox:
    """One true object: pixels x_min, y_min, x_max, y_max of the upright picture."""

    class_name: str
    box_xyxy_px: tuple[float, float, float, float]
    shape: Shape | None = None
    """Its outline or pixels; None: it is a box."""


@dataclass(frozen=True, slots=True)
class TrueText:
    """A text, and what is in it."""

    text: str
    spans: tuple[ClassedSpan, ...]
    classes: tuple[str, ...] = ()
    """Of the whole of it."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What a folder says about its pictures.

    Attributes:
        boxes: By file name of the picture, or by its path in the folder where several have one name. A picture that is
            known to be empty has (); one of which nothing is known is not here, and is named in `problems`.
        classes: All class names, in the order of the folder's own list where it has one.
        pictures: Where each picture of `boxes` and `wholes` is, by its name there.
        problems: What was odd.
        wholes: Class of a whole picture, by its path below the folder; of several, the first.
        class_sets: All classes of a whole picture, by the same.
        texts: Texts with their spans, by the name that their file gives them.
    """

    boxes: dict[str, tuple[TruthBox, ...]]
    classes: tuple[str, ...]
    pictures: dict[str, Path]
    problems: Problems
    wholes: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, TrueText] = field(default_factory=dict)
    class_sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_truth(place: Path, fmt: TruthFormat = "auto", *, outlines: bool = False) -> Truth:
    """Read what is true of pictures or texts.

    Args:
        place: A label file, such as a table of texts; or a folder of pictures and label files, in the usual layouts of
            their format: `images/` and `labels/` or side by side with a list of names (YOLO), `JPEGImages/` and
            `Annotations/` (VOC), a `.json` with categories (COCO).
        fmt: The format; "auto" finds it out from the label files. Folders per class have none, and must be named.
        outlines: Whether outlines and masks are wanted where a format has boxes beside them (COCO).

    Returns:
        Boxes by picture. Degenerate boxes are left out and reported, boxes over the border are cut at it; of outlines
        the box around them is taken.

    Raises:
        BadTruth: No such place, no label file of a known format, several formats, or a file that all else stands on
            (names, JSON) is missing or broken.
    """
    if not place.exists():
        raise BadTruth(f"{place} does not exist: expected a folder with pictures and label files, or a label file")
    known: list[ReadPicture] = []
    texts: dict[str, TrueText] = {}
    with open_dataset(place, fmt, outlines=outlines) as dataset:
        for picture in dataset.pictures():
            if picture.text is not None:
                texts[picture.name] = TrueText(picture.text, _spans_of(picture), _classes_of(picture))
            elif picture.path is None:
                dataset.problems.add(
                    Oddity.MISSING_PICTURE, picture.name, "", "has labels, but there is no such picture"
                )
            elif picture.labels is not None:
                known.append(picture)
    known.sort(key=lambda picture: picture.name)
    names = [PurePosixPath(picture.name).name for picture in known]
    count = Counter(names)
    boxes, class_sets, pictures = {}, {}, {}
    for picture, name in zip(known, names, strict=True):
        labels, path = picture.labels or (), picture.path
        of_whole = _classes_of(picture)
        if of_whole:
            class_sets[picture.name] = of_whole
            key = picture.name
        else:
            key = name if count[name] == 1 else picture.name
            edges = ((label, label.shape.bounds()) for label in labels)
            boxes[key] = tuple(TruthBox(label.class_name, found, _outline(label)) for label, found in edges if found)
        assert path is not None
        pictures[key] = path
    wholes = {name: names[0] for name, names in class_sets.items()}
    return Truth(boxes, dataset.classes, pictures, dataset.problems, wholes, texts, class_sets)


def _outline(label: ReadLabel) -> Shape | None:
    return None if isinstance(label.shape, Box) else label.shape


def _classes_of(picture: ReadPicture) -> tuple[str, ...]:
    return tuple(label.class_name for label in picture.labels or () if isinstance(label.shape, Whole))


def _spans_of(picture: ReadPicture) -> tuple[ClassedSpan, ...]:
    found = [(label.shape, label.class_name) for label in picture.labels or ()]
    return tuple(ClassedSpan(shape.start, shape.end, name) for shape, name in found if isinstance(shape, Span))
