"""What a format of datasets can do. One file each; `registry.py` lists them."""

from collections.abc import Iterator
from typing import Protocol

from tasks.dataset.formats.reading.pictures import ReadPicture
from tasks.dataset.formats.reading.reading import Reading
from tasks.dataset.formats.writing.holding import Room
from tasks.dataset.formats.writing.target import Target


class DatasetReader(Protocol):
    """A format that is read."""

    name: str
    """As the command line calls it."""

    unit: str
    """What the numbers of labels count in its files, such as "line"."""

    def read(self, reading: Reading) -> Iterator[ReadPicture]:
        """Yield all pictures, each once; what is odd in a file is noted, and never ends the reading of the others.

        Raises:
            BadTruth: A file that all else stands on is missing or broken.
        """
        ...


class DatasetFormat(DatasetReader, Protocol):
    """A format that is read and written."""

    shapes: frozenset[str]
    """`type` of the shapes of labels that it can hold."""

    holds_texts: bool
    """Whether items may be texts, which it holds with their labels."""

    rooms: frozenset[Room]
    """What it has room for beside class and shape; the rest is said before anything is written."""

    def write(self, target: Target) -> None:
        """Write all of a manifest into an empty folder."""
        ...
