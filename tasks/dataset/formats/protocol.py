"""What a format of datasets can do. One file each; `registry.py` lists them."""

from pathlib import Path
from typing import Protocol

from tasks.dataset.formats.reading import TruthReading
from tasks.dataset.formats.target import Target


class DatasetFormat(Protocol):
    """A format that is read and written."""

    name: str
    """As the command line calls it."""

    shapes: frozenset[str]
    """`type` of the shapes of labels that it can hold."""

    def read(self, folder: Path) -> TruthReading:
        """Read a folder; what is odd in a file becomes a sentence.

        Raises:
            BadTruth: A file that all else stands on is missing or broken.
        """
        ...

    def write(self, target: Target) -> None:
        """Write all of a manifest into an empty folder."""
        ...
