"""The catalogue's tables of what becomes of classes while people work, beside `tables.py`, with the same rules."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from blocks.database.tables import UtcDateTime, utc_now


class QuietClass(SQLModel, table=True):
    """A class whose suggestions were shown to be no help, and are hidden since (natural key: collection, class).

    Once they help again it is not quiet any more, and what was measured before it went quiet says nothing of it now.
    """

    __tablename__ = "quiet_class"
    collection: str = Field(primary_key=True)
    class_name: str = Field(primary_key=True)
    reason: str = Field(description="what people's times and errors with and without suggestions said")
    since: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    back_since: datetime | None = Field(
        default=None, sa_type=UtcDateTime, description="since when it is suggested again; None: it is quiet"
    )


class ClassDecision(SQLModel, table=True):
    """What a class means that people wrote down as missing (natural key: collection, key)."""

    __tablename__ = "class_decision"
    collection: str = Field(primary_key=True)
    key: str = Field(primary_key=True, description="what people wrote, but for capitals and blanks")
    written: str = Field(description="as somebody wrote it")
    class_name: str | None = Field(description="the class that it stands for; None: none, so its items are asked again")
    is_new: bool = Field(description="whether the collection has that class since")
    decided_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
