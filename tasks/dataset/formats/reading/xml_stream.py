"""The large elements of an XML file, one at a time, from a file that may be larger than memory.

Without a document type, as with one entities could stand for anything; nested a few levels deep.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from blocks.errors import BadTruth
from blocks.storage.outside_files import MOST_DEPTH, open_regular

MOST_BYTES = 8 << 30

MOST_INSIDE = 1_000_000
"""Elements in one that is yielded: shapes of a picture."""

MOST_TEXT = 1 << 20
"""Characters between two tags."""

CHUNK_BYTES = 1 << 20


@dataclass(slots=True)
class Element:
    """One element: its name, its attributes, its text, and what is inside."""

    tag: str
    facts: dict[str, str]
    text: str = ""
    inside: list["Element"] = field(default_factory=list)


def elements(path: Path, tags: Sequence[str]) -> Iterator[Element]:
    """Yield elements of some names, wherever they stand; those within one of them belong to it.

    Raises:
        BadTruth: The file is broken, nested too deep, or has a document type.
    """
    parts = _Parts(path, tags)
    try:
        with open_regular(path, BadTruth, MOST_BYTES) as file:
            while chunk := file.read(CHUNK_BYTES):
                parts.parser.Parse(chunk, False)
                yield from parts.done
                parts.done.clear()
            parts.parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, LookupError, OSError) as error:
        yield from parts.done
        raise BadTruth(f"{path} is broken XML ({error}): export it again") from error


class _Parts:
    def __init__(self, path: Path, tags: Sequence[str]) -> None:
        self.done: list[Element] = []
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._open
        self.parser.EndElementHandler = self._close
        self.parser.CharacterDataHandler = self._write
        self.parser.StartDoctypeDeclHandler = self._refuse
        self._path, self._tags = path, tags
        self._depth = self._inside = 0
        self._above: list[Element] = []

    def _open(self, tag: str, facts: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise BadTruth(f"{self._path} is nested more than {MOST_DEPTH} deep: expected a few levels")
        if not self._above and tag not in self._tags:
            return
        element = Element(tag, facts)
        self._inside = self._inside + 1 if self._above else 0
        if self._inside > MOST_INSIDE:
            raise BadTruth(f"{self._path} has more than {MOST_INSIDE:,} elements in one <{self._above[0].tag}>")
        if self._above:
            self._above[-1].inside.append(element)
        self._above.append(element)

    def _close(self, _tag: str) -> None:
        self._depth -= 1
        if self._above:
            element = self._above.pop()
            element.text = element.text.strip()
            if not self._above:
                self.done.append(element)

    def _write(self, text: str) -> None:
        if self._above:
            self._above[-1].text += text
            if len(self._above[-1].text) > MOST_TEXT:
                raise BadTruth(f"{self._path} has more than {MOST_TEXT:,} characters in one <{self._above[-1].tag}>")

    def _refuse(self, *_what: object) -> None:
        raise BadTruth(f"{self._path} has a document type: refused, as with entities it could stand for anything")
