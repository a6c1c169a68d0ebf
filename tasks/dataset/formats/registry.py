"""Which formats of datasets there are. A new one is a file beside these and a line here."""

from blocks.errors import BadOption
from tasks.dataset.formats.coco.coco import CocoFormat
from tasks.dataset.formats.csv_table import CsvFormat
from tasks.dataset.formats.cvat import CvatFormat
from tasks.dataset.formats.fiftyone import FiftyOneFormat
from tasks.dataset.formats.folders import FoldersFormat
from tasks.dataset.formats.foreign.kitti import KittiReader
from tasks.dataset.formats.foreign.labelme import LabelMeReader
from tasks.dataset.formats.foreign.open_images import OpenImagesReader
from tasks.dataset.formats.json_lines import JsonLinesFormat
from tasks.dataset.formats.label_studio.tasks import LabelStudioFormat
from tasks.dataset.formats.mot import MotFormat
from tasks.dataset.formats.outlines.davis import DavisFormat
from tasks.dataset.formats.protocol import DatasetFormat, DatasetReader
from tasks.dataset.formats.texts.conll import ConllFormat
from tasks.dataset.formats.texts.spacy import SpacyFormat
from tasks.dataset.formats.voc import VocFormat
from tasks.dataset.formats.writing.holding import Room
from tasks.dataset.formats.yolo.yolo import YoloFormat
from tasks.intake.texts.media import Medium
from tasks.kinds.registry import label_kind

_ALL: tuple[DatasetFormat, ...] = (
    CocoFormat(),
    YoloFormat(),
    VocFormat(),
    CvatFormat(),
    LabelStudioFormat(),
    CsvFormat(),
    JsonLinesFormat(),
    FiftyOneFormat(),
    FoldersFormat(),
    MotFormat(),
    DavisFormat(),
    ConllFormat(),
    SpacyFormat(),
)

FORMATS: dict[str, DatasetFormat] = {each.name: each for each in _ALL}
"""What is read and written."""

_FOREIGN: tuple[DatasetReader, ...] = (LabelMeReader(), KittiReader(), OpenImagesReader())

READERS: dict[str, DatasetReader] = {each.name: each for each in (*_ALL, *_FOREIGN)}
"""What is read."""


def able_to_hold(room: Room, kind: str, medium: Medium) -> list[str]:
    """Return the names of the formats that hold a kind of label, and have room for something beside it."""
    return [name for name in _holding(kind, medium) if room in FORMATS[name].rooms]


def reader_named(name: str) -> DatasetReader:
    """Return a format that is read by its name.

    Raises:
        BadOption: There is none of this name.
    """
    if name not in READERS:
        raise BadOption(f"{name!r} is no format of datasets (known: {', '.join(READERS)})")
    return READERS[name]


def format_named(name: str) -> DatasetFormat:
    """Return a format by its name.

    Raises:
        BadOption: There is none of this name.
    """
    if name not in FORMATS:
        raise BadOption(f"{name!r} is no format that datasets are written in (known: {', '.join(FORMATS)})")
    return FORMATS[name]


def usual_format(kind: str, medium: Medium) -> str:
    """Return the format that is named where somebody asks for none, the first that holds such labels.

    Args:
        kind: Of the labels.
        medium: What their items are.
    """
    return _holding(kind, medium)[0]


def _holding(kind: str, medium: Medium) -> list[str]:
    """Return the names of the formats that hold such labels of such items."""
    shapes = label_kind(kind).shapes
    return [name for name, one in FORMATS.items() if shapes <= one.shapes and (one.holds_texts or medium == "pictures")]


def format_that_holds(name: str, kind: str, *, texts: bool = False) -> DatasetFormat:
    """Return a format by its name, once it is known to hold a kind of label.

    Args:
        name: Of the format.
        kind: Of the labels.
        texts: Whether their items are texts.

    Raises:
        BadOption: There is no such format, or it cannot hold these labels.
    """
    found = format_named(name)
    shapes = label_kind(kind).shapes
    able = _holding(kind, "texts" if texts else "pictures")
    if name not in able:
        what = f"{kind} of texts" if texts and shapes <= found.shapes else kind
        raise BadOption(f"{name} cannot hold {what} (formats that can: {', '.join(able) or 'none yet'})")
    return found
