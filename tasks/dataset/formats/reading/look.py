"""Which format a file or a folder of labels has, by its suffixes and the beginning of what is in it."""

import csv
import mmap
import re
from collections import defaultdict
from pathlib import Path
from typing import BinaryIO

from blocks.errors import BadTruth
from blocks.storage.outside_files import open_regular
from tasks.dataset.formats.reading.files import DatasetFiles

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

FIRST_TAG = re.compile(r"<([A-Za-z_][\w.-]*)")
"""Declarations and comments begin with other signs."""

OF_ROOT = {"annotation": "voc", "annotations": "cvat"}
"""Formats of XML files by the name of their outermost element."""

MOST_BYTES = 8 << 30

EXPECTED = (
    "YOLO (.txt), COCO (.json with 'annotations'), VOC (.xml), CVAT (.xml), Label Studio (.json), CSV or JSON lines"
)


def format_of(files: DatasetFiles) -> str:
    """Return the one format that the label files of a dataset have.

    Raises:
        BadTruth: They have none that is known, or several.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for name in files.with_suffix(".json", ".xml", ".csv", ".jsonl", ".ndjson"):
        found[look_at(files.path(name))].append(name)
    found.pop("", None)
    if len(found) > 1:
        found.pop("csv", None)  # a table beside the labels: bccd, for one, has its test set as one, too
    if not found and files.with_suffix(".txt"):
        found["yolo"] = files.with_suffix(".txt")
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


def look_at(path: Path) -> str:
    """Return the format of a label file; empty: of none that is known. A file that cannot be read looks like none."""
    suffix = path.suffix.lower()
    if suffix in (".jsonl", ".ndjson"):
        return "jsonl"
    try:
        with open_regular(path, BadTruth, MOST_BYTES) as file:
            start = file.read(PEEK_BYTES)
            if suffix == ".xml":
                tag = FIRST_TAG.search(_text(start))
                return OF_ROOT.get(tag[1], "") if tag else ""
            if suffix == ".csv":
                return "csv" if _is_table_of_labels(_text(start)) else ""
            return _of_json(start, file)
    except (BadTruth, OSError, ValueError):
        return ""


def _of_json(start: bytes, file: BinaryIO) -> str:
    sign = start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if sign not in (b"{", b"["):
        return ""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        if sign == b"[":
            return "label-studio" if whole.find(b'"data"') >= 0 else ""
        return "coco" if whole.find(b'"annotations"') >= 0 else ""


def columns_of(head: list[str]) -> dict[str, int]:
    """Return where each thing stands in the rows of a table of labels, by its head; empty: it is none."""
    said = [name.strip().lower() for name in head]
    found = {
        thing: next((said.index(alias) for alias in aliases if alias in said), -1) for thing, aliases in ALIASES.items()
    }
    places = {thing: at for thing, at in found.items() if at >= 0}
    return places if all(name in places for name in NEEDED) else {}


def _is_table_of_labels(start: str) -> bool:
    return bool(columns_of(next(csv.reader(start.splitlines()), [])))


def _text(start: bytes) -> str:
    codec = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in start[:4] else "utf-8"
    return start.decode(codec, "replace")
