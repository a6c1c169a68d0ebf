"""Which format a file or a folder of labels has, by its suffixes and the beginning of what is in it."""

import mmap
import re
from collections import defaultdict
from pathlib import Path

from blocks.errors import BadTruth
from blocks.storage.outside_files import open_regular
from tasks.dataset.formats.reading.files import DatasetFiles

PEEK_BYTES = 4096

FIRST_TAG = re.compile(r"<([A-Za-z_][\w.-]*)")
"""Declarations and comments begin with other signs."""

OF_ROOT = {"annotation": "voc"}
"""Formats of XML files by the name of their outermost element."""

MOST_BYTES = 8 << 30


def format_of(files: DatasetFiles) -> str:
    """Return the one format that the label files of a dataset have.

    Raises:
        BadTruth: They have none that is known, or several.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for name in files.with_suffix(".json", ".xml"):
        found[look_at(files.path(name))].append(name)
    found.pop("", None)
    if not found and files.with_suffix(".txt"):
        found["yolo"] = files.with_suffix(".txt")
    elif not found and files.with_suffix(".xml"):
        found["voc"] = files.with_suffix(".xml")  # broken ones: their reader says how
    if len(found) == 1:
        return next(iter(found))
    told = " and ".join(f"{fmt} ({names[0]})" for fmt, names in sorted(found.items()))
    what = f"labels of several formats: {told}" if found else "no labels of a known format"
    raise BadTruth(
        f"{files.root} has {what}: expected YOLO (.txt), COCO (.json with 'annotations') or VOC (.xml). "
        "Say which with the format option, or point to the folder that has one of them."
    )


def look_at(path: Path) -> str:
    """Return the format of a label file; empty: of none that is known. A file that cannot be read looks like none."""
    try:
        with open_regular(path, BadTruth, MOST_BYTES) as file:
            start = file.read(PEEK_BYTES)
            if path.suffix.lower() == ".xml":
                tag = FIRST_TAG.search(_text(start))
                return OF_ROOT.get(tag[1], "") if tag else ""
            if not start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
                return ""
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
                return "coco" if whole.find(b'"annotations"') >= 0 else ""
    except (BadTruth, OSError, ValueError):
        return ""


def _text(start: bytes) -> str:
    codec = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in start[:4] else "utf-8"
    return start.decode(codec, "replace")
