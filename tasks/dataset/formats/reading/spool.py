"""Labels sorted by picture on disk: some formats list them in any order, and a million of them need no memory."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from blocks.shapes import read_shape
from tasks.dataset.formats.reading.pictures import RawLabel

AT_ONCE = 2_000


class Spool:
    """Labels by the number of their picture; first all are put in, then they are asked for."""

    def __init__(self) -> None:
        # SQLite's own temporary file: it is gone with the connection, also after a crash.
        self._rows = sqlite3.connect("")
        self._rows.execute("CREATE TABLE label (picture INTEGER, row TEXT)")
        self._waiting: list[tuple[int, str]] = []
        self._is_sorted = False

    def add(self, picture: int, label: RawLabel) -> None:
        """Put a label in."""
        place: Any = label.place
        fields = [label.class_name, place if isinstance(place, tuple) else place.model_dump(mode="json")]
        fields += [label.file, label.number, label.score, label.kind, label.track, dict(label.attributes)]
        self._waiting.append((picture, json.dumps(fields)))
        if len(self._waiting) >= AT_ONCE:
            self._put()

    def of(self, picture: int) -> Iterator[RawLabel]:
        """Yield the labels of a picture, in the order in which they were put in."""
        if not self._is_sorted:
            self._put()
            self._rows.execute("CREATE INDEX by_picture ON label (picture)")
            self._is_sorted = True
        rows: Iterable[tuple[str]] = self._rows.execute(
            "SELECT row FROM label WHERE picture = ? ORDER BY rowid", (picture,)
        )
        for (text,) in rows:
            name, place, *rest = json.loads(text)
            yield RawLabel(name, read_shape(place) if isinstance(place, dict) else tuple(place), *rest)

    def close(self) -> None:
        """Give the disk back."""
        self._rows.close()

    def _put(self) -> None:
        self._rows.executemany("INSERT INTO label VALUES (?, ?)", self._waiting)
        self._waiting.clear()
