"""All rows of one collection: counted, written to a file, deleted; found by the tables' own foreign keys.

So a table that comes later goes along: what belongs to a batch, a snapshot or a question of the collection, to any
depth, belongs to it. Items and what detectors saw on them stay as long as another collection has them.
"""

import gzip
import json
from pathlib import Path
from typing import IO, Any, cast

from sqlalchemy import ColumnElement, Engine, Table, func, or_, select
from sqlalchemy import delete as delete_from
from sqlmodel import Session, SQLModel

from blocks.database import (
    audit_tables,
    import_tables,
    origin_tables,
    people_tables,
    suggestion_tables,
    tables,
    vector_tables,
)
from blocks.database.engine import reading, writing

ALL = (audit_tables, import_tables, origin_tables, people_tables, suggestion_tables, tables, vector_tables)
"""Whose import makes the metadata whole."""


def count_rows(engine: Engine, collection: str) -> dict[str, int]:
    """Count the rows that a deletion of a collection would take, by table; those with none are not in it."""
    with reading(engine) as session:
        counts = {
            table.name: session.execute(select(func.count()).select_from(table).where(condition)).scalar_one()
            for table, condition in _of_collection(collection).items()
        }
    return {name: count for name, count in counts.items() if count}


def write_rows(engine: Engine, collection: str, file: Path) -> int:
    """Write all rows of a collection into a new file: gzipped JSON lines, `{"table": …, "row": {…}}`.

    Returns:
        How many.

    Raises:
        OSError: The file is there already, or cannot be written.
    """
    count = 0
    with reading(engine) as session, gzip.open(file, "xt", encoding="utf-8") as out:
        for table, condition in _of_collection(collection).items():
            rows = session.execute(select(table).where(condition).execution_options(yield_per=500)).mappings()
            for row in rows:
                line = json.dumps({"table": table.name, "row": dict(row)}, ensure_ascii=False, default=_as_json)
                cast(IO[str], out).write(line + "\n")
                count += 1
    return count


def delete_rows(engine: Engine, collection: str) -> list[str]:
    """Delete all rows of a collection, and items that no collection has any more; all of it or nothing.

    Returns:
        The keys under which the bytes of these items are in the object store.
    """
    with writing(engine) as session:
        for table, condition in reversed(_of_collection(collection).items()):
            session.execute(delete_from(table).where(condition))
        return _delete_orphans(session)


def _of_collection(collection: str) -> dict[Table, ColumnElement[bool]]:
    """Return which rows of each table belong to a collection, tables that others refer to first."""
    found: dict[Table, ColumnElement[bool]] = {}
    for table in SQLModel.metadata.sorted_tables:
        mine = [table.c.collection == collection] if "collection" in table.c else []
        for column in table.c:
            named = {key.column.table: key.column for key in column.foreign_keys}
            if column.name == "batch_id":  # also where nothing holds the database to it
                named |= {batch: batch.c.id for batch in found if batch.name == "batch"}
            mine += [column.in_(select(key).where(found[other])) for other, key in named.items() if other in found]
        if mine:
            found[table] = or_(*mine)
    return found


def _delete_orphans(session: Session) -> list[str]:
    known = SQLModel.metadata.tables
    items = known["item"]
    places = [known[name].c.item_id for name in ("source", "batch_item")]
    orphans = [~select(place).where(place == items.c.id).exists() for place in places]
    keys = [str(key) for key in session.execute(select(items.c.key).where(*orphans)).scalars()]
    for table in reversed(SQLModel.metadata.sorted_tables):
        for column in table.c:
            if any(key.column.table is items for key in column.foreign_keys):
                session.execute(delete_from(table).where(column.in_(select(items.c.id).where(*orphans))))
    session.execute(delete_from(items).where(*orphans))
    return keys


def _as_json(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
