"""A list of addresses: pictures that lie elsewhere in the web."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from blocks.frozen import Frozen
from blocks.storage.stores import Store
from tasks.intake.reports import IntakeReport
from tasks.intake.sources.protocol import AskedOfSource, SourceLook
from tasks.intake.sources.urls.lists import is_url_list
from tasks.intake.sources.urls.options import UrlOptions
from tasks.intake.sources.urls.preview import look_into_urls
from tasks.intake.sources.urls.shards import UrlShard, list_urls, urls_listed
from tasks.intake.sources.urls.take_in import take_in_urls


class UrlList:
    """A CSV file, JSON lines, or text with an address in each line."""

    shard: type[Frozen] = UrlShard

    def holds(self, place: Path, asked: AskedOfSource) -> bool:
        """What somebody calls a list of addresses, or reads like one where nobody calls it texts."""
        return asked.urls is not None or (asked.texts is None and is_url_list(place))

    def look_into(self, place: Path, asked: AskedOfSource) -> SourceLook:
        """See `look_into_urls`."""
        return look_into_urls(place, asked.urls or UrlOptions(), asked.sequence_pattern)

    def list_shards(self, store: Store, place: Path, asked: AskedOfSource, size: int) -> Sequence[Frozen]:
        """See `list_urls`; servers differ in speed, so shards are larger than those of files here."""
        return list_urls(store, place, asked.urls or UrlOptions(), 4 * size)

    def take_in(self, engine: Engine, store: Store, collection: str, shard: Any, asked: AskedOfSource) -> IntakeReport:
        """See `take_in_urls`."""
        offered, options = urls_listed(store, shard), asked.urls or UrlOptions()
        return take_in_urls(engine, store, collection, offered, options, asked.sequence_pattern)
