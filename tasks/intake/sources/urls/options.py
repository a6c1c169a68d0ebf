"""Which column of a list of addresses has what, and with which manners the web is asked."""

from pydantic import Field

from blocks.frozen import Frozen


class UrlOptions(Frozen):
    """How a list of addresses is read, and how pictures are fetched from there."""

    column: str | None = Field(
        default=None,
        description="Column of a CSV file, or field of a JSON line, with the address. Empty: one called `url`, "
        "`image_url`, `link` or the like; where columns have no names, the first that holds addresses.",
    )
    licence_column: str | None = Field(
        default=None, description="Column or field with the licence. Empty: one called `license` or `licence`, if any."
    )
    author_column: str | None = Field(
        default=None, description="Column or field with the author. Empty: one called `author` or `creator`, if any."
    )
    per_host: int = Field(default=4, ge=1, le=64, description="Files that one server sends at the same time, at most.")
    per_second: float = Field(
        default=20.0,
        gt=0,
        le=1000,
        description="Requests to one server in a second, at most; its rules may say less.",
    )
    robots: bool = Field(default=True, description="Obey each server's robots.txt. No: for servers that are your own.")
    timeout_s: float = Field(default=30.0, ge=0.1, le=600, description="Seconds that one file may take.")
    most_mb: int = Field(default=64, ge=1, le=1000, description="Megabytes of one file, at most.")
    tries: int = Field(default=4, ge=1, le=10, description="How often an address is asked for, where waiting may help.")
    longest_wait_s: float = Field(
        default=120.0,
        ge=0,
        le=3600,
        description="Seconds that a server may ask to wait; who asks for more is set aside.",
    )
