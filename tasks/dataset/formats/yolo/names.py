"""What numbers mean in a folder of YOLO labels: the list of class names, and which task its rows are of.

Source:
    https://docs.ultralytics.com/datasets/detect, /segment, /pose
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blocks.errors import BadTruth
from blocks.storage.outside_files import MOST_YAML_BYTES, decode_text, parse_yaml, read_bounded
from tasks.dataset.formats.reading.faults import Oddity
from tasks.dataset.formats.reading.reading import Reading

MAX_CLASSES = 10_000
"""As many as weights may name."""

TASKS = ("detect", "segment", "obb", "pose")


@dataclass(frozen=True, slots=True)
class YoloFacts:
    """What all label files of a folder stand on.

    Attributes:
        names: By class number.
        task: What a row is, where a `.yaml` says so by `task` or `kpt_shape`; empty: the rows must tell.
        keypoint_values: How many numbers the keypoints of a row have.
    """

    names: tuple[str, ...]
    task: str = ""
    keypoint_values: int = 0


def read_facts(reading: Reading) -> YoloFacts:
    """Read the list of names, and what `.yaml` files say of the rows.

    Raises:
        BadTruth: There is no list of names, or it is broken.
    """
    files = reading.files
    plain = [name for name in files.others if name.endswith(".names") or name.rpartition("/")[2] == "classes.txt"]
    found: dict[str, list[str]] = {name: _listed_names(files.path(name)) for name in plain}
    task, keypoint_values = "", 0
    for name in files.with_suffix(".yaml", ".yml"):
        path = files.path(name)
        document = parse_yaml(read_bounded(path, BadTruth, MOST_YAML_BYTES), str(path), BadTruth)
        if not isinstance(document, dict):
            continue
        task = task or _task_of(document, path)
        keypoint_values = keypoint_values or _keypoint_values(document, path)
        names = document.get("names")
        if isinstance(names, dict):
            found[name] = _names_by_number(names, path)
        elif isinstance(names, list):
            found[name] = _checked_names([_name(each, path) for each in names], path)
    if not found:
        raise BadTruth(
            f"{files.root} has no list of class names for its YOLO labels: expected a .yaml with 'names', a .names "
            "file or classes.txt, with one name a line in the order of the class numbers. If text files in a folder "
            "for each class are meant, say --format folders."
        )
    first = next(iter(found))
    for name, names in found.items():
        if names != found[first]:
            reading.problems.add(
                Oddity.CONTRADICTING_CLASSES, name, "", f"names other classes than {first}, which is taken", "note"
            )
    return YoloFacts(tuple(found[first]), task or ("pose" if keypoint_values else ""), keypoint_values)


def _listed_names(path: Path) -> list[str]:
    data = read_bounded(path, BadTruth, MOST_YAML_BYTES)
    return _checked_names([line.strip() for line in decode_marked(data, str(path)).splitlines() if line.strip()], path)


def decode_marked(data: bytes, name: str) -> str:
    """Return UTF-8 text, or UTF-16 where a byte order mark says so.

    Raises:
        BadTruth: It is neither.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise BadTruth(f"{name} is broken UTF-16 text ({error.reason}): save it as UTF-8") from error
    return decode_text(data, name, BadTruth)


def _task_of(document: dict[Any, Any], path: Path) -> str:
    task = document.get("task")
    if task is None:
        return ""
    if task not in TASKS:
        raise BadTruth(f"{path} says task: {task!r}, of which no label files are read: expected {', '.join(TASKS)}")
    return str(task)


def _keypoint_values(document: dict[Any, Any], path: Path) -> int:
    shape = document.get("kpt_shape")
    if shape is None:
        return 0
    is_shape = isinstance(shape, list) and len(shape) == 2 and all(isinstance(each, int) for each in shape)
    if not is_shape or not 0 < shape[0] <= 10_000 or shape[1] not in (2, 3):
        raise BadTruth(f"{path} says kpt_shape: {shape!r}: expected how many points, and 2 or 3 numbers for each")
    return int(shape[0] * shape[1])


def _names_by_number(names: dict[Any, Any], path: Path) -> list[str]:
    by_number: dict[int, str] = {}
    for key, name in names.items():
        number = key if isinstance(key, int) else int(key) if isinstance(key, str) and key.isdecimal() else -1
        if not 0 <= number < MAX_CLASSES:
            raise BadTruth(f"{path} names a class number {key!r}: expected whole numbers from 0 to {MAX_CLASSES - 1:,}")
        by_number[number] = _name(name, path)
    return [by_number.get(number, f"class {number}") for number in range(max(by_number, default=-1) + 1)]


def _name(name: Any, path: Path) -> str:
    if name is None or isinstance(name, bool):  # YAML takes no, off, yes and null for these
        raise BadTruth(f"{path} names a class that YAML reads as {name}, not as a word: put it in quotes, such as 'no'")
    return str(name)


def _checked_names(names: Sequence[str], path: Path) -> list[str]:
    if len(names) > MAX_CLASSES:
        raise BadTruth(f"{path} names {len(names):,} classes: at most {MAX_CLASSES:,} are read")
    return list(names)
