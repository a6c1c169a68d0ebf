"""The catalogue's table of classes whose suggestions are hidden, beside `tables.py`, with the same rules."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from blocks.database.tables import UtcDateTime, utc_now


class QuietClass(SQLModel, table=True):
    """A class whose suggestions were shown to be no help, and are hidden since (natural key: collection, class)."""

    __tablename__ = "quiet_class"
    collection: str = Field(primary_key=True)
    class_name: str = Field(primary_key=True)
    reason: str = Field(description="what people's times and errors with and without suggestions said")
    since: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
