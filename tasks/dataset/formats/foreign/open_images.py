"""OpenImages' boxes: tables in shares of the picture, whose classes are codes that another table names; read only.

Source:
    https://storage.googleapis.com/openimages/web/download_v7.html
"""

from collections.abc import Iterator, Mapping

from blocks.errors import BadTruth
from blocks.shapes import Bounds
from tasks.dataset.formats.csv_table import opened_table
from tasks.dataset.formats.reading.faults import Oddity, fault_of
from tasks.dataset.formats.reading.files import SPLIT_NAMES
from tasks.dataset.formats.reading.look import look_at
from tasks.dataset.formats.reading.pictures import RawLabel, ReadPicture
from tasks.dataset.formats.reading.reading import Reading
from tasks.dataset.formats.reading.table import ListedPicture, PictureTable

ROW = "row"

EDGES = ("XMin", "YMin", "XMax", "YMax")

FLAGS = ("IsOccluded", "IsTruncated", "IsDepiction", "IsInside")


class OpenImagesReader:
    """`*-annotations-bbox.csv` with `class-descriptions.csv`, and `<ImageID>.jpg` anywhere below."""

    name = "openimages"
    unit = ROW

    def read(self, reading: Reading) -> Iterator[ReadPicture]:
        """Read all tables of boxes; a picture in none of them is not known to be empty."""
        table = PictureTable(reading, ROW)
        names = reading.files.with_suffix(".csv")
        words = _class_names(reading, [name for name in names if "class-descriptions" in name])
        stems = {name.rpartition("/")[2].rpartition(".")[0]: name for name in reading.files.pictures}
        boxes = [name for name in names if look_at(reading.files.path(name)) == self.name]
        if not boxes:
            raise BadTruth(f"{reading.files.root} has no table with ImageID, LabelName, XMin, XMax, YMin, YMax (.csv)")
        sizes = _Sizes(reading)
        for name in boxes:
            split = next(
                (SPLIT_NAMES[part] for part in name.rpartition("/")[2].split("-") if part in SPLIT_NAMES), None
            )
            with opened_table(reading.files.path(name)) as rows:
                head = next(rows, [])
                for number, cells in enumerate(rows, start=2):
                    row = dict(zip(head, cells, strict=False))
                    if row.get("ImageID"):
                        said = stems.get(row["ImageID"], row["ImageID"])
                        picture = table.list(said, name, f"{ROW} {number}", split=split)
                        _add(row, name, number, picture, table, sizes, words)
        yield from table.pictures()


class _Sizes:
    """Sizes of pictures, each looked at once."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self._known: dict[str, tuple[int, int] | None] = {}

    def of(self, name: str) -> tuple[int, int] | None:
        if name not in self._known:
            self._known[name] = self.reading.size(name)
        return self._known[name]


def _class_names(reading: Reading, names: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        with opened_table(reading.files.path(name)) as rows:
            found |= {cells[0]: cells[1] for cells in rows if len(cells) == 2 and cells[0] != "LabelName"}
    return found


def _add(
    row: Mapping[str, str],
    name: str,
    number: int,
    picture: ListedPicture,
    table: PictureTable,
    sizes: "_Sizes",
    words: Mapping[str, str],
) -> None:
    place, reading = f"{ROW} {number}", sizes.reading
    if row.get("IsGroupOf") == "1":
        reading.problems.add(Oddity.CROWD, name, place, "a group, not one object")
        picture.lost += 1
        return
    size = sizes.of(picture.name)
    if size is None:
        reading.problems.add(
            Oddity.MISSING_PICTURE, name, place, "its picture is not there, and shares say nothing without its size"
        )
        picture.lost += 1
        return
    try:
        edges = _edges(row, size)
    except ValueError as error:
        reading.problems.add(fault_of(error), name, place, str(error))
        picture.lost += 1
        return
    code = row.get("LabelName", "")
    attributes = {flag: "1" for flag in FLAGS if row.get(flag) == "1"}
    table.add(picture, RawLabel(words.get(code, code), edges, name, number, attributes=attributes))


def _edges(row: Mapping[str, str], size_wh: tuple[int, int]) -> Bounds:
    left, top, right, bottom = (float(row.get(edge) or "nan") for edge in EDGES)
    return left * size_wh[0], top * size_wh[1], right * size_wh[0], bottom * size_wh[1]
