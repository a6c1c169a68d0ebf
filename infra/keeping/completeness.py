"""Whether a backup has what its catalogue names: a store that is not mounted looks like one with nothing in it."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine

from blocks.storage.stores import Store
from infra.keeping.objects import read_listing
from tasks.keeping.named_objects import TABLES, read_named

MOST_TOLD = 1000


def missing_objects(engine: Engine, stores: Sequence[Store], listing: Path, where: str) -> list[str]:
    """Return what the catalogue names, and neither a backup's list nor any store has, in words.

    What came after the list was begun is in a store; what a collection's deletion took along is named no more.

    Args:
        engine: The catalogue.
        stores: Where objects are.
        listing: The backup's list of objects.
        where: What a person calls the place of the backup.
    """
    told: list[str] = []
    more = 0
    # On a disk, not in memory: there may be a hundred million.
    with closing(sqlite3.connect(listing.with_name("listed.sqlite"), isolation_level=None)) as listed:
        listed.execute("CREATE TABLE listed (key TEXT PRIMARY KEY) WITHOUT ROWID")
        listed.execute("BEGIN")
        listed.executemany(
            "INSERT OR IGNORE INTO listed VALUES (?)", ((key,) for key, _ in read_listing(listing, where))
        )
        for table in TABLES:
            for _, named in read_named(engine, table, ""):
                for each in named:
                    is_listed = listed.execute("SELECT 1 FROM listed WHERE key = ?", (each.key,)).fetchone()
                    if is_listed or any(store.has(each.key) for store in stores):
                        continue
                    if len(told) < MOST_TOLD:
                        told.append(f"{each.key}: {each.of}: is not there (is its disk mounted?)")
                    else:
                        more += 1
    return [*told, f"and {more:,} more that are not there"] if more else told
