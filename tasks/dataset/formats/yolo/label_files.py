"""Which text file has the labels of which picture, and what is in it."""

from pathlib import PurePosixPath

from blocks.errors import BadTruth
from blocks.shapes import Bounds, Polygon, Shape
from blocks.storage.outside_files import read_bounded
from tasks.dataset.formats.reading.faults import Oddity, fault_of
from tasks.dataset.formats.reading.files import DatasetFiles
from tasks.dataset.formats.reading.pictures import RawLabel, ReadPicture
from tasks.dataset.formats.reading.reading import MAX_LABEL_BYTES, Reading, Sight
from tasks.dataset.formats.yolo.names import YoloFacts, decode_marked
from tasks.dataset.formats.yolo.rows import YoloRow, parse_row

LINE = "line"

PEEK_BYTES = 4096


def label_file_of(picture: str, files: DatasetFiles) -> str | None:
    """Return the text file of a picture: in `labels/` where it lies in `images/`, or beside it; None: there is none."""
    parts = PurePosixPath(picture).with_suffix(".txt").parts
    for at in range(len(parts) - 2, -1, -1):
        if parts[at].lower() == "images":
            mirrored = "/".join((*parts[:at], "labels", *parts[at + 1 :]))
            if files.has(mirrored):
                return mirrored
            break
    beside = "/".join(parts)
    return beside if files.has(beside) and beside.rpartition("/")[2] != "classes.txt" else None


def picture_of(labels: str) -> str:
    """Return how the picture of a text file would be called, without its suffix, which nothing tells."""
    parts = list(PurePosixPath(labels).with_suffix("").parts)
    for at in range(len(parts) - 2, -1, -1):
        if parts[at].lower() == "labels":
            parts[at] = "images"
            break
    return "/".join(parts)


def is_label_file(name: str, files: DatasetFiles) -> bool:
    """Whether a text file without a picture is one of labels: in `labels/`, or with a row in its first line."""
    path = PurePosixPath(name)
    if path.name == "classes.txt":
        return False
    if any(part.lower() == "labels" for part in path.parts[:-1]):
        return True
    try:
        start = read_bounded(files.path(name), BadTruth, MAX_LABEL_BYTES)[:PEEK_BYTES].decode("utf-8-sig", "replace")
        words = next((line.split() for line in start.splitlines() if line.strip()), [])
        return len([float(word) for word in words]) >= 5
    except (BadTruth, ValueError):
        return False


def picture_with(reading: Reading, sight: Sight, labels: str | None, facts: YoloFacts) -> ReadPicture:
    """Return a picture with the rows of its text file."""
    if labels is None:
        return reading.picture(sight, None, LINE)
    if sight.size_wh is None:
        reading.problems.add(
            Oddity.MISSING_PICTURE, labels, "", "its picture is not there, and shares say nothing without its size"
        )
        return ReadPicture(sight.name, None, None, None)
    try:
        data = read_bounded(reading.files.path(labels), BadTruth, MAX_LABEL_BYTES)
        text = (
            decode_marked(data, labels)
            if data[:2] in (b"\xff\xfe", b"\xfe\xff")
            else data.decode("utf-8-sig", "replace")
        )
    except BadTruth as error:
        reading.problems.add(Oddity.UNREADABLE_FILE, labels, "", f"{error}; so what {sight.name} shows is not known")
        return ReadPicture(sight.name, sight.path, sight.size_wh, None)
    raw, lost, keypoints = [], 0, 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = parse_row(line, facts)
            place = _place(row, sight.size_wh)
        except ValueError as error:
            reading.problems.add(fault_of(error), labels, f"{LINE} {number}", str(error).splitlines()[0])
            lost += 1
            continue
        keypoints += row.has_keypoints
        raw.append(RawLabel(facts.names[row.class_number], place, labels, number, row.score, track=row.track))
    if keypoints:
        reading.problems.add(
            Oddity.UNREAD_SHAPE, labels, "", f"keypoints of {keypoints} objects are not read; their boxes are", "note"
        )
    return reading.picture(sight, raw, LINE, lost=lost)


def _place(row: YoloRow, size_wh: tuple[int, int]) -> Bounds | Shape:
    width, height = size_wh
    if row.points:
        points = [(x * width, y * height) for x, y in row.points]
        while len(points) > 3 and points[0] == points[-1]:  # some repeat the first corner at the end
            points.pop()
        return Polygon(points=tuple(points))
    left, top, right, bottom = row.corners
    return left * width, top * height, right * width, bottom * height
