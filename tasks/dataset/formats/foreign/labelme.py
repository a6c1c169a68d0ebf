"""LabelMe: a JSON file for each picture; read only.

Source:
    https://github.com/wkentaro/labelme
"""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from blocks.errors import BadTruth
from blocks.shapes import Bounds, Polygon
from blocks.storage.outside_files import parse_json, read_bounded
from tasks.dataset.formats.reading.faults import FaultyLabel, Oddity, fault_of
from tasks.dataset.formats.reading.look import look_at
from tasks.dataset.formats.reading.pictures import RawLabel, ReadPicture
from tasks.dataset.formats.reading.reading import Reading
from tasks.dataset.formats.reading.table import ListedPicture, PictureTable

SHAPE = "shape"

MOST_BYTES = 512 << 20
"""The picture itself may be inside, as text."""


class LabelMeReader:
    """Rectangles, polygons and circles; lines and points are no labels here, and are said."""

    name = "labelme"
    unit = SHAPE

    def read(self, reading: Reading) -> Iterator[ReadPicture]:
        """Read one JSON file after the other; the picture is the one of its `imagePath`, or of its own name."""
        table = PictureTable(reading, SHAPE)
        for name in reading.files.with_suffix(".json"):
            if look_at(reading.files.path(name)) != self.name:
                continue
            try:
                document = parse_json(read_bounded(reading.files.path(name), BadTruth, MOST_BYTES), "it", BadTruth)
            except BadTruth as error:
                broken = table.list(_beside(name, reading), name)
                broken.why_unknown, broken.fault = str(error), Oddity.UNREADABLE_FILE
                continue
            _take_in(document, name, table, reading)
        yield from table.pictures()


def _beside(name: str, reading: Reading) -> str:
    stem = name.removesuffix(".json")
    return next((picture for picture in reading.files.pictures if picture.rpartition(".")[0] == stem), stem)


def _take_in(document: dict[str, Any], name: str, table: PictureTable, reading: Reading) -> None:
    beside = _beside(name, reading)
    said = str(document.get("imagePath") or "").replace("\\", "/")
    sides = document.get("imageWidth"), document.get("imageHeight")
    size = (int(sides[0]), int(sides[1])) if all(type(side) is int for side in sides) else None  # type: ignore[arg-type]
    if said and not reading.files.has(beside):
        path = str(PurePosixPath(name).parent / said)
        beside = path if reading.files.has(path) else said
    picture = table.list(beside, name, "", size)
    shapes = document.get("shapes")
    for number, shape in enumerate(shapes if isinstance(shapes, list) else (), start=1):
        _add(shape, name, number, picture, table, reading)


def _add(shape: Any, name: str, number: int, picture: ListedPicture, table: PictureTable, reading: Reading) -> None:
    try:
        if not isinstance(shape, dict):
            raise ValueError("is no table")
        label = RawLabel(str(shape.get("label") or ""), _place(shape), name, number, attributes=_attributes(shape))
    except (ValueError, TypeError, OverflowError) as error:
        reading.problems.add(fault_of(error), name, f"{SHAPE} {number}", str(error).splitlines()[0])
        picture.lost += 1
        return
    table.add(picture, label)


def _attributes(shape: dict[str, Any]) -> dict[str, Any]:
    flags = shape.get("flags")
    kept = {str(key): value for key, value in flags.items() if value is True} if isinstance(flags, dict) else {}
    group = shape.get("group_id")
    return kept if group is None else {**kept, "group_id": str(group)}


def _place(shape: dict[str, Any]) -> Bounds | Polygon:
    kind = shape.get("shape_type") or "polygon"
    points = [(float(x), float(y)) for x, y in shape.get("points") or ()]
    if kind == "rectangle" and len(points) in (2, 4):
        across, down = zip(*points, strict=True)
        return min(across), min(down), max(across), max(down)
    if kind == "circle" and len(points) == 2:
        (x, y), (edge_x, edge_y) = points
        radius = ((edge_x - x) ** 2 + (edge_y - y) ** 2) ** 0.5
        return x - radius, y - radius, x + radius, y + radius
    if kind == "polygon":
        return Polygon(points=tuple(points))
    raise FaultyLabel(Oddity.UNREAD_SHAPE, f"a {kind} of {len(points)} points, which is not read")
