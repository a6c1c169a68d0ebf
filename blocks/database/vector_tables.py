"""The catalogue's table of vectors of items, beside `tables.py`, with the same rules.

A scan keeps the vector of the detector that made it; these belong to an embedder, whatever is learnt from them.
"""

from datetime import datetime

from sqlmodel import Field, SQLModel

from blocks.database.tables import UtcDateTime, utc_now


class ItemVector(SQLModel, table=True):
    """What an embedder makes of an item (natural key: item, embedder); computed once."""

    __tablename__ = "item_vector"
    item_id: str = Field(primary_key=True, foreign_key="item.id")
    embedder: str = Field(primary_key=True, description="its name, with the version of what it computes")
    vector: bytes = Field(description="float16; may hold what is no number, which teaches nothing")
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class Fingerprint(SQLModel, table=True):
    """What an item looks like, in a few bytes that alike items have nearly alike (natural key: item)."""

    __tablename__ = "fingerprint"
    item_id: str = Field(primary_key=True, foreign_key="item.id")
    bits: bytes = Field(description="see `tasks/intake/near_duplicates/fingerprints.py`")


class NearDuplicate(SQLModel, table=True):
    """An item that was compared with those of its collection before it (natural key: collection, item)."""

    __tablename__ = "near_duplicate"
    collection: str = Field(primary_key=True)
    item_id: str = Field(primary_key=True, foreign_key="item.id")
    of_item_id: str | None = Field(default=None, foreign_key="item.id", description="it is alike; null: none is")
    bits: int | None = Field(default=None, description="by how many of 256 their fingerprints differ")
