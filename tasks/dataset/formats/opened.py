"""The one way in for labels from outside: a folder of any format that is known, opened and read picture by picture."""

import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from blocks.errors import BadTruth
from tasks.dataset.formats.reading.faults import Oddity
from tasks.dataset.formats.reading.files import DatasetFiles
from tasks.dataset.formats.reading.look import format_of
from tasks.dataset.formats.reading.pictures import ReadPicture
from tasks.dataset.formats.reading.problems import Problems
from tasks.dataset.formats.reading.reading import Reading, SizeOf
from tasks.dataset.formats.registry import reader_named
from tasks.intake.texts.columns import TextOptions


@dataclass(frozen=True, slots=True)
class OpenDataset:
    """A dataset that can be read once.

    Attributes:
        format: Its format, by name.
        unit: What `number` of its labels counts, such as "line".
    """

    format: str
    unit: str
    _reading: Reading

    @property
    def classes(self) -> tuple[str, ...]:
        """All class names: the dataset's own list in its order, then others; whole after all pictures have passed."""
        renames = self._reading.renames
        listed = dict.fromkeys(renames.get(name, name) for name in self._reading.classes)
        return (*listed, *sorted(self._reading.met - listed.keys()))

    @property
    def own_classes(self) -> tuple[str, ...]:
        """The same before any was renamed: as the dataset has them."""
        listed = self._reading.classes
        return (*listed, *sorted(self._reading.said - listed.keys()))

    @property
    def problems(self) -> Problems:
        """What was odd so far."""
        return self._reading.problems

    def pictures(self) -> Iterator[ReadPicture]:
        """Yield all pictures, each once, those without labels too.

        Raises:
            BadTruth: A file that all else stands on is missing or broken.
        """
        yield from reader_named(self.format).read(self._reading)


@contextmanager
def open_dataset(
    path: Path,
    fmt: str = "auto",
    size_of: SizeOf | None = None,
    renames: Mapping[str, str] | None = None,
    texts: TextOptions | None = None,
    *,
    outlines: bool = False,
) -> Iterator[OpenDataset]:
    """Open a dataset for reading.

    Args:
        path: A folder in the usual layout of its format, or a label file; pictures may lie there too, or not.
        fmt: The format; "auto" finds it out from the label files. Folders per class have none, and must be named.
        size_of: Asked for the size of pictures that are not there, by the name that their labels have for them.
        renames: What classes of the dataset are to be called, where it is not the same; two may become one.
        texts: Where in tables the texts and their classes are; None: by the names of the columns.
        outlines: Whether outlines and masks are wanted where a format has boxes beside them (COCO).

    Raises:
        BadTruth: There is no such place, it is an archive, or it has no label file of a known format, or of several.
        BadOption: There is no such format.
    """
    if not path.exists():
        raise BadTruth(f"{path} is not there: expected a folder of labels, with or without their pictures, or a file")
    if path.is_file() and (zipfile.is_zipfile(path) or tarfile.is_tarfile(path)):
        raise BadTruth(f"{path} is an archive, whose names may lead anywhere: unpack it, and name the folder")
    files = DatasetFiles(path) if path.is_dir() else DatasetFiles(path.parent, only=path.name)
    reading = Reading(files, renames=renames or {}, texts=texts or TextOptions())
    reading.outlines = outlines
    if size_of is not None:
        reading.size_of = size_of
    for folder in files.closed:
        reading.problems.add(Oddity.UNREADABLE_FILE, folder, "", "a folder that this user may not list")
    form = reader_named(format_of(files, reading.texts) if fmt == "auto" else fmt)
    yield OpenDataset(form.name, form.unit, reading)
