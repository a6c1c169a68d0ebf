"""The entries of a JSON list, one at a time, from a file that may be larger than memory.

The standard library's decoder reads each entry, as it stops at a stated depth and is quick; streaming libraries that
were tried take time with the square of the depth, which somebody who means harm may choose.
"""

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from blocks.errors import BadTruth
from blocks.storage.outside_files import open_regular

MOST_BYTES = 8 << 30
"""Of a file; COCO's own largest has 449 MB."""

MOST_ENTRY = 64 << 20
"""Characters of one entry, or of a value beside the list: a picture has fewer."""

CHUNK_BYTES = 1 << 20


def entries(path: Path, key: str | None) -> Iterator[tuple[int, Any]]:
    """Yield the entries of a list with their numbers, from 1.

    Args:
        path: A JSON file.
        key: The list's name in the table that the file holds; None: the file is the list.

    Raises:
        BadTruth: The file cannot be read, is broken as far as the list goes, or has no such list.
    """
    try:
        with open_regular(path, BadTruth, MOST_BYTES) as file:
            text = _Text(file)
            if key is not None and not text.goes_to(key):
                raise BadTruth(f"{path} has no list of {key}")
            yield from enumerate(text.entries(), start=1)
    except RecursionError as error:
        raise BadTruth(f"{path} is nested too deep to be read: expected a few levels. Export it again.") from error
    except (ValueError, OSError) as error:
        raise BadTruth(f"{path} is broken JSON ({str(error)[:200]}): export it again") from error


class _Text:
    """What is read of a file and not yet used."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._letters = codecs.getincrementaldecoder("utf-8-sig")()
        self._value = json.JSONDecoder()
        self._text, self._at, self._is_whole = "", 0, False

    def goes_to(self, key: str) -> bool:
        """Go behind the colon of a key of the table that begins here; False: it has no such list."""
        self._expect("{")
        while self._peek() != "}":
            name = self._take()
            self._expect(":")
            if name == key:
                return self._peek() == "["
            if self._peek() == "[":
                for _ in self.entries():
                    pass
            else:
                self._take()
            if self._peek() != "}":
                self._expect(",")
        return False

    def entries(self) -> Iterator[Any]:
        """Yield the entries of the list that begins here."""
        self._expect("[")
        while self._peek() != "]":
            yield self._take()
            if self._peek() != "]":
                self._expect(",")
        self._expect("]")

    def _take(self) -> Any:
        self._peek()
        while True:
            try:
                value, end = self._value.raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                if self._is_whole or len(self._text) - self._at > MOST_ENTRY:
                    raise
            else:
                if end < len(self._text) or self._is_whole:  # else it may be the first half of a number
                    self._at = end
                    return value
            self._fill()

    def _expect(self, sign: str) -> None:
        found = self._peek()
        if found != sign:
            raise ValueError(f"expected {sign!r}, found {found!r}" if found else f"it ends where {sign!r} is expected")
        self._at += 1

    def _peek(self) -> str:
        while True:
            while self._at < len(self._text):
                sign = self._text[self._at]
                if sign not in " \t\r\n":
                    return sign
                self._at += 1
            if self._is_whole:
                return ""
            self._fill()

    def _fill(self) -> None:
        rest = self._text[self._at :]
        data = self._file.read(max(CHUNK_BYTES, len(rest)))  # twice as much each time, so that no entry takes long
        self._is_whole = not data
        self._text, self._at = rest + self._letters.decode(data, final=self._is_whole), 0
