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
