"""Addresses into a collection: each that is offered ends as one source row, with its reason, as files do.

What was taken in before is not asked for again, so a run that was killed goes on where it was: only what was under way
at that moment is fetched twice. What the store has lost since is fetched again, and is back if it is the same still.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue

from sqlalchemy import Engine

from blocks.database.tables import utc_now
from blocks.errors import BadInput
from blocks.naming.patterns import compile_pattern
from blocks.storage.stores import Store
from tasks.intake.credits import Credit, cut_to_fit
from tasks.intake.decoding.budget import DECODING
from tasks.intake.files import Examined, Known, take_bytes
from tasks.intake.reports import IntakeReport
from tasks.intake.sequences import sequence_of
from tasks.intake.source_rows import known_sources, write_sources
from tasks.intake.sources.urls.addresses import address_shown, path_of
from tasks.intake.sources.urls.fetching import FileOnItsWay, PictureFetcher
from tasks.intake.sources.urls.options import UrlOptions
from tasks.intake.sources.urls.shards import OfferedUrl
from tasks.intake.texts.media import refuse_other_medium

WRITTEN_AT_ONCE = 64
WRITTEN_AFTER_S = 1.0
"""A row is written when so many have come, or after so long: what a kill takes back is no more than that."""

KNOWN_AT_ONCE = 256

LARGE_BYTES = 8_000_000
"""Larger files are held in memory one at a time; each thread holds one, so what is smaller takes no more than all."""

NOT_BACK = "is lost from the store, and its address does not give the same picture any more"

SHARDS_AT_ONCE = threading.BoundedSemaphore(4)
"""In this process: their addresses wait in one queue, and more of them would only take memory."""


def take_in_urls(
    engine: Engine,
    store: Store,
    collection: str,
    offered: Sequence[OfferedUrl],
    options: UrlOptions,
    sequence_pattern: str | None = None,
) -> IntakeReport:
    """Take pictures of the web into a collection: fetch, hash, decode, store, and write one source row for each.

    Args:
        engine: The catalogue.
        store: Where bytes go.
        collection: The collection.
        offered: Addresses, no uri twice.
        options: With which manners they are fetched.
        sequence_pattern: See `sequence_of`, which sees host and path of an address.

    Raises:
        BadOption: The pattern is no regular expression, or the collection is one of texts.
        StoreUnavailable: The store cannot be reached or written.
        CatalogUnavailable: The catalogue cannot be written.
    """
    if sequence_pattern:
        compile_pattern(sequence_pattern)
    refuse_other_medium(engine, collection, "pictures")
    fetcher = PictureFetcher(options)
    report = IntakeReport()
    with SHARDS_AT_ONCE:
        seen_at, last, found = utc_now(), time.monotonic(), list[Examined]()
        try:
            for examined in _examined(engine, store, collection, offered, fetcher, sequence_pattern):
                found += [examined] if examined else []
                if len(found) >= WRITTEN_AT_ONCE or time.monotonic() - last > WRITTEN_AFTER_S:
                    report += write_sources(engine, collection, found, seen_at)
                    found, last = [], time.monotonic()
        finally:  # also where the store is away: what has come is not asked for again
            report += write_sources(engine, collection, found, seen_at)
    return report


def _examined(
    engine: Engine,
    store: Store,
    collection: str,
    offered: Sequence[OfferedUrl],
    fetcher: PictureFetcher,
    pattern: str | None,
) -> Iterator[Examined | None]:
    """Yield what becomes of each address, in the order in which it comes; None where nothing has come for a while."""
    under_way: dict[Future[Examined], OfferedUrl] = {}
    lost: dict[str, str] = {}
    come: SimpleQueue[Future[Examined]] = SimpleQueue()
    try:
        for start in range(0, len(offered), KNOWN_AT_ONCE):
            some = offered[start : start + KNOWN_AT_ONCE]
            known = known_sources(engine, collection, [each.uri for each in some])
            for each in some:
                if each.fault is not None:
                    yield Examined(each.uri, reason=each.fault, is_double=each.is_double)
                elif (before := known.get(each.uri)) and before.item_id and before.is_kept(store):
                    yield Examined(each.uri, before.item_id, credit=_credit(each))
                else:
                    look = partial(_look, each, known.get(each.uri), store, pattern)
                    fetched = fetcher.fetch(each.url, look)
                    under_way[fetched] = each
                    lost |= {each.uri: before.item_id} if before and before.item_id else {}
                    fetched.add_done_callback(come.put)
        while under_way:
            try:
                done = come.get(timeout=WRITTEN_AFTER_S)
            except Empty:
                yield None
                continue
            offer = under_way.pop(done)
            found, item_id = _outcome(done, offer), lost.get(offer.uri)
            if item_id and found.item_id != item_id:  # its labels and its place in batches stay
                found = Examined(offer.uri, item_id, notes=(NOT_BACK,), credit=_credit(offer))
            yield found
    finally:
        for left in under_way:
            left.cancel()


def _outcome(done: "Future[Examined]", offered: OfferedUrl) -> Examined:
    try:
        return done.result()
    except BadInput as error:
        return Examined(offered.uri, reason=cut_to_fit(str(error)) or "cannot be fetched")
    except MemoryError:
        return Examined(offered.uri, reason="does not fit this machine's memory: cut the picture into parts")


def _look(offered: OfferedUrl, known: Known | None, store: Store, pattern: str | None, file: FileOnItsWay) -> Examined:
    path = Path(path_of(offered.url))
    large = file.size() > LARGE_BYTES
    with DECODING.room(DECODING.total) if large else nullcontext():
        sequence = sequence_of(path, pattern)
        found = take_bytes(
            offered.uri, file.read(), known, path.name.partition("?")[0] or path.name, sequence, store=store
        )
    return replace(found, credit=_credit(offered))


def _credit(offered: OfferedUrl) -> Credit:
    pages = {name: address_shown(url) for name, url in offered.credits.items() if name in ("page_url", "licence_url")}
    return Credit(offered.uri, **{**offered.credits, **pages})
