"""Which format a file or a folder of labels has, by its suffixes and the beginning of what is in it."""

import csv
import json
import mmap
import re
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from blocks.errors import BadTruth
from blocks.storage.outside_files import open_regular
from tasks.dataset.formats.reading.files import DatasetFiles
from tasks.intake.texts.columns import USUAL_NAMES, TextOptions, delimiter_of

PEEK_BYTES = 4096

NEEDED = ("picture", "class")

ALIASES = {
    "picture": ("picture", "filename", "file_name", "image", "image_name", "image_path", "img", "path"),
    "split": ("split", "subset"),
    "width": ("width", "image_width"),
    "height": ("height", "image_height"),
    "class": ("class", "class_name", "label", "category", "name", "cell_type"),
    "x_min": ("x_min", "xmin", "left", "x1"),
    "y_min": ("y_min", "ymin", "top", "y1"),
    "x_max": ("x_max", "xmax", "right", "x2"),
    "y_max": ("y_max", "ymax", "bottom", "y2"),
    "score": ("score", "confidence"),
    "kind": ("kind",),
    "track": ("track", "track_id"),
}
"""What a column is called, here and elsewhere; compared without capitals."""

CLASS_NAMES = ("class", "class_name", "label", "category", "sentiment", "topic", "target", "intent")
"""Of the column with the class of a text, in the order in which they are looked for."""

LISTS_OF_SPANS = ("spans", "entities", "label", "labels")
"""Where spans stand in a line of JSON, here and elsewhere."""

OF_NAME = {b'"data"': "label-studio", b'"annotations"': "coco", b'"imagePath"': "labelme"}
"""Formats of JSON files by a name that they have anywhere."""

OF_SAMPLES = re.compile(rb'\s*\{\s*"samples"\s*:\s*\[')
"""How FiftyOne's samples begin."""

OF_TAGS = (".conll", ".iob", ".bio")
"""Endings of CoNLL files."""

LOOKED_AT = 20
"""Text files whose first line is looked at, and lines of JSON until one can be read."""

MOST_FIRST_LINE = 64 << 20

FIRST_TAG = re.compile(r"<([A-Za-z_][\w.-]*)")
"""Declarations and comments begin with other signs."""

OF_ROOT = {"annotation": "voc", "annotations": "cvat"}
"""Formats of XML files by the name of their outermost element."""

MOST_BYTES = 8 << 30

EXPECTED = (
    "YOLO, KITTI or MOT (.txt), COCO, LabelMe, Label Studio or FiftyOne (.json), VOC or CVAT (.xml), CSV, OpenImages "
    "(.csv), JSON lines (.jsonl) or DAVIS (Annotations/*/*.png); of texts CoNLL (.conll), JSON lines, or a table with "
    "columns for texts and classes"
)


def format_of(files: DatasetFiles, texts: TextOptions | None = None) -> str:
    """Return the one format that the label files of a dataset have.

    Args:
        files: Of the dataset.
        texts: Where somebody says that in tables the texts and their classes are.

    Raises:
        BadTruth: They have none that is known, or several.
    """
    is_said = texts is not None and (texts.class_column or texts.column)
    if is_said and (tables := files.with_suffix(".csv", ".tsv", ".jsonl", ".ndjson")):
        return "jsonl" if tables[0].lower().endswith(("jsonl", "ndjson")) else "csv"
    found: dict[str, list[str]] = defaultdict(list)
    for name in files.with_suffix(".json", ".xml", ".csv", ".tsv", ".jsonl", ".ndjson"):
        found[look_at(files.path(name))].append(name)
    found.pop("", None)
    if len(found) > 1:
        found.pop("csv", None)  # a table beside the labels: bccd, for one, has its test set as one, too
    plain = files.with_suffix(".txt")
    if not found and any(is_frame_of_numbers(name) for name in files.pictures):
        found["davis"] = files.pictures
    elif not found and any(name.endswith("gt/gt.txt") for name in plain):
        found["mot"] = plain
    elif not found and plain:
        found["kitti" if any(_looks_like_kitti(files.path(name)) for name in plain[:LOOKED_AT]) else "yolo"] = plain
    elif not found and files.with_suffix(*OF_TAGS):
        found["conll"] = files.with_suffix(*OF_TAGS)
    elif not found and files.with_suffix(".xml"):
        found["voc"] = files.with_suffix(".xml")  # broken ones: their reader says how
    if len(found) == 1:
        return next(iter(found))
    told = " and ".join(f"{fmt} ({names[0]})" for fmt, names in sorted(found.items()))
    what = f"labels of several formats: {told}" if found else "no labels of a known format"
    raise BadTruth(
        f"{files.root} has {what}: expected {EXPECTED}. "
        "Say which with the format option, or point to the folder or file that has one of them."
    )


def is_frame_of_numbers(name: str) -> bool:
    """Say whether a file's path is where DAVIS and YouTube-VOS have a PNG for each frame."""
    return name.lower().endswith(".png") and "Annotations" in PurePosixPath(name).parts[:-1]


def look_at(path: Path) -> str:
    """Return the format of a label file; empty: of none that is known. A file that cannot be read looks like none."""
    suffix = path.suffix.lower()
    try:
        with open_regular(path, BadTruth, MOST_BYTES) as file:
            if suffix in (".jsonl", ".ndjson"):
                return _of_lines(file)
            start = file.read(PEEK_BYTES)
            if suffix == ".xml":
                tag = FIRST_TAG.search(_text(start))
                return OF_ROOT.get(tag[1], "") if tag else ""
            if suffix in (".csv", ".tsv"):
                return _of_table(path, _text(start))
            return _of_json(start, file)
    except (BadTruth, OSError, ValueError):
        return ""


def _of_lines(file: BinaryIO) -> str:
    """Return the format of JSON lines: of texts with spans, if the first one that can be read is such a text.

    A list of names is one of classes, and an empty list says neither: then the line behind it is looked at.
    """
    found = "jsonl"
    for _ in range(LOOKED_AT):
        try:
            row = json.loads(file.readline(MOST_FIRST_LINE))
        except (ValueError, RecursionError):
            continue
        of_texts = isinstance(row, dict) and isinstance(row.get("text"), str) and "picture" not in row
        lists = [row[name] for name in LISTS_OF_SPANS if isinstance(row.get(name), list)] if of_texts else []
        if not lists:
            return "jsonl"
        entries = [one for some in lists for one in some]
        if entries:
            return "jsonl" if all(isinstance(one, str) for one in entries) else "spacy"
        found = "spacy"
    return found


def _of_json(start: bytes, file: BinaryIO) -> str:
    sign = start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if sign not in (b"{", b"["):
        return ""
    if OF_SAMPLES.match(start):
        return "fiftyone"
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        names = (b'"data"',) if sign == b"[" else (b'"annotations"', b'"imagePath"')
        return next((OF_NAME[name] for name in names if whole.find(name) >= 0), "")


def columns_of(head: list[str]) -> dict[str, int]:
    """Return where each thing stands in the rows of a table of labels, by its head; empty: it is none."""
    said = [name.strip().lower() for name in head]
    found = {
        thing: next((said.index(alias) for alias in aliases if alias in said), -1) for thing, aliases in ALIASES.items()
    }
    places = {thing: at for thing, at in found.items() if at >= 0}
    return places if all(name in places for name in NEEDED) else {}


def _of_table(path: Path, start: str) -> str:
    first = start.splitlines()[:1]
    head = next(csv.reader(first), [])
    if {"ImageID", "LabelName", "XMin"} <= set(head):
        return "openimages"
    if columns_of(head):
        return "csv"
    names = {name.strip().casefold() for name in next(csv.reader(first, delimiter=delimiter_of(path, start)), [])}
    return "csv" if names.intersection(USUAL_NAMES) and names.intersection(CLASS_NAMES) else ""


def _looks_like_kitti(path: Path) -> bool:
    try:
        with open_regular(path, BadTruth, MOST_BYTES) as file:
            words = _text(file.read(PEEK_BYTES)).split("\n", maxsplit=1)[0].split()
        return len(words) in (15, 16) and not words[0][:1].isdigit() and bool([float(word) for word in words[1:]])
    except (BadTruth, ValueError):
        return False


def _text(start: bytes) -> str:
    codec = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in start[:4] else "utf-8-sig"
    return start.decode(codec, "replace")
