"""A list of addresses, cut into shards that are listed in the object store; what is named twice is found here."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from blocks.errors import BadInput, BadOption
from blocks.frozen import Frozen
from blocks.servers.web_files import NotFetched, check_address
from blocks.storage.stores import Store
from tasks.intake.files import uri_of
from tasks.intake.sources.urls.addresses import address_shown, plain_address
from tasks.intake.sources.urls.lists import rows_of_list
from tasks.intake.sources.urls.options import UrlOptions

SHARD = 1000
"""Addresses of a shard: a slow server among them keeps a shard open, and not the list."""


class OfferedUrl(NamedTuple):
    """An address that is offered.

    Attributes:
        uri: Of its source: the address without what in it may be a key, or its line in the list.
        url: As it is asked for; empty where there is none.
        credits: What the list says of who made it, by the names of `Credit`.
        fault: Why it is not asked for; None: it is.
        is_double: Whether that is because it was named before.
    """

    uri: str
    url: str = ""
    credits: dict[str, str] = {}  # noqa: RUF012  (never changed)
    fault: str | None = None
    is_double: bool = False


class UrlShard(Frozen):
    """A run of addresses, listed in the object store: what one intake step works on."""

    listing: str = Field(description="key of the list of addresses, as JSON")
    urls: int = Field(ge=1)


def offered_urls(place: Path, options: UrlOptions) -> Iterator[OfferedUrl]:
    """Yield what a list offers, in order; all but a fixed part of what was seen is kept on the disk.

    Raises:
        BadOption: It is no list, or not clear where in it the addresses are.
        BadInput: It cannot be read.
    """
    root = uri_of(place)
    with closing(sqlite3.connect("")) as seen:  # a file of its own that nobody sees, with a small cache in memory
        seen.execute("CREATE TABLE seen (uri TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")
        for row in rows_of_list(place, options):
            at = f"{root}#line={row.line}"
            if row.fault:
                yield OfferedUrl(at, fault=f"line {row.line}: {row.fault}")
                continue
            url = plain_address(row.url)
            try:
                check_address(url)
            except NotFetched as error:
                yield OfferedUrl(at, fault=f"line {row.line}: {error}")
                continue
            uri = address_shown(url)
            if seen.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (uri, row.line)).rowcount:
                yield OfferedUrl(uri, url, dict(row.credits))
                continue
            (first,) = seen.execute("SELECT line FROM seen WHERE uri = ?", (uri,)).fetchone()
            yield OfferedUrl(at, fault=f"the same address as in line {first}", is_double=True)


def list_urls(store: Store, place: Path, options: UrlOptions, size: int = SHARD) -> list[UrlShard]:
    """Cut a list of addresses into shards, listed in the store.

    Raises:
        BadOption: See `offered_urls`; or it is empty.
    """
    offered = offered_urls(place.expanduser().resolve(), options)
    shards = []
    while some := list(islice(offered, size)):
        content = json.dumps(some).encode()
        key = f"listings/{hashlib.sha256(content).hexdigest()[:32]}.json"
        store.put(key, content, "application/json")
        shards.append(UrlShard(listing=key, urls=len(some)))
    if not shards:
        raise BadOption(f"{place} names no addresses: write one in each line, or in a column called url")
    return shards


def urls_listed(store: Store, shard: UrlShard) -> Sequence[OfferedUrl]:
    """Return the addresses that a shard lists.

    Raises:
        ObjectMissing: The listing is not in the store any more.
        BadInput: It was tampered with.
    """
    try:
        return [OfferedUrl(*each) for each in json.loads(store.get(shard.listing))]
    except (ValueError, TypeError) as error:
        raise BadInput(f"the listing {shard.listing} is none of addresses: list them again") from error
