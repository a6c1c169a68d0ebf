"""The catalogue's table about labels that come in from elsewhere: which import brought what, from where.

Split from `tables.py`, which is about what the line itself makes; the same rules hold here.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from blocks.database.tables import UtcDateTime, utc_now


class LabelImport(SQLModel, table=True):
    """Labels of one content that were brought in for a collection (natural key: id).

    The id is made of what was read, so the same labels again are the same import, and changed ones another.
    """

    __tablename__ = "label_import"
    id: str = Field(primary_key=True, description="first 12 hex digits of the SHA-256 of what was read")
    collection: str = Field(index=True)
    name: str = Field(description="what people call it")
    purpose: str = Field(description="truth or proposals")
    path: str = Field(description="file or folder that was read")
    format: str
    classes: list[str] = Field(sa_column=Column(JSON, nullable=False))
    plan_key: str = Field(description="where in the object store the list of what was read is")
    problems_key: str | None = Field(default=None, description="where in the object store all problems are")
    counts: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False), description="what became of it")
    begun_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime, description="None: it was interrupted")
