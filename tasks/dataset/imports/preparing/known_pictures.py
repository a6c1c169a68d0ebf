"""Which picture of a collection labels mean by a name, where the picture does not lie beside them.

Labels often know a picture by its file name alone, or by a path on a machine that is long gone: so the ends of paths
are compared. What may be several pictures is none of them.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote_to_bytes

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading
from blocks.database.tables import Item, Source
from tasks.intake.sequences import readable

ROWS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class KnownPicture:
    """A picture of a collection: its item, its size, and the parts of its path."""

    item_id: str
    size_wh: tuple[int, int]
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NameMatch:
    """What a name may mean; no picture where there is none of that name, or where several are as likely.

    Attributes:
        picture: Which.
        agreed: How many parts of both paths agree, from the end on.
        candidates: Those that are as likely.
    """

    picture: KnownPicture | None = None
    agreed: int = 0
    candidates: tuple[str, ...] = ()


class KnownPictures:
    """The pictures of a collection by name, read once and when first asked.

    Memory: some 400 bytes a picture.
    """

    def __init__(self, engine: Engine, collection: str) -> None:
        self._engine = engine
        self._collection = collection
        self._by_name: dict[str, list[KnownPicture]] | None = None

    def find(self, name: str) -> NameMatch:
        """Return the picture that a name means: that whose path agrees with most of its end.

        Args:
            name: Such as `a.jpg`, `train/a.jpg` or one with backslashes; perhaps without a suffix.
        """
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if not parts:
            return NameMatch()
        best: dict[str, tuple[int, KnownPicture]] = {}
        for known in self._named(parts[-1]):
            agreed = _common_end(known.parts, parts)
            if agreed > best.get(known.item_id, (0, known))[0]:
                best[known.item_id] = (agreed, known)
        most = max((agreed for agreed, _ in best.values()), default=0)
        likely = [known for agreed, known in best.values() if agreed == most]
        if len(likely) == 1:
            return NameMatch(likely[0], most)
        return NameMatch(candidates=tuple("/".join(known.parts[-3:]) for known in likely))

    def size_of(self, name: str) -> tuple[int, int] | None:
        """Return the size of the picture that a name means; None where it means none."""
        found = self.find(name).picture
        return found.size_wh if found else None

    def _named(self, name: str) -> list[KnownPicture]:
        if self._by_name is None:
            self._by_name = defaultdict(list)
            for known in self._read():
                for each in {known.parts[-1], PurePosixPath(known.parts[-1]).stem}:  # some formats leave suffixes away
                    self._by_name[each].append(known)
        return self._by_name.get(name, [])

    def _read(self) -> Iterator[KnownPicture]:
        query = (
            select(Source.uri, Item.id, Item.width, Item.height)
            .join(Item, col(Item.id) == col(Source.item_id))
            .where(Source.collection == self._collection)
            .execution_options(yield_per=ROWS_AT_ONCE)
        )
        with reading(self._engine) as session:
            for uri, item_id, width, height in session.exec(query):
                path = readable(os.fsdecode(unquote_to_bytes(uri.removeprefix("file://"))))
                parts = PurePosixPath(path).parts
                if parts and width and height:
                    yield KnownPicture(item_id, (width, height), parts)


def _common_end(known: tuple[str, ...], said: tuple[str, ...]) -> int:
    count = 1  # the names themselves
    for left, right in zip(reversed(known[:-1]), reversed(said[:-1]), strict=False):
        if left != right:
            break
        count += 1
    return count
