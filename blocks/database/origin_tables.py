"""The catalogue's table of who made what comes from elsewhere, beside `tables.py`, with the same rules."""

from sqlmodel import Field, SQLModel


class Origin(SQLModel, table=True):
    """Where a source lies in the world, who made it and under which licence (natural key: collection, uri).

    Only sources that were named by an address have one; what their list or service does not say is null.
    """

    collection: str = Field(primary_key=True)
    uri: str = Field(primary_key=True, description="that of its `Source`")
    item_id: str | None = Field(default=None, foreign_key="item.id", index=True)
    url: str = Field(description="where the bytes came from, without what in it may be a key")
    page_url: str | None = Field(default=None, description="where people see it")
    title: str | None = None
    author: str | None = None
    licence: str | None = None
    licence_url: str | None = None
