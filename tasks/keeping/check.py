"""`fsck`: every object of the store against the catalogue, and back.

First what the catalogue names is looked for and re-hashed, a page of rows at a time; then what lies in the store is
looked up in the catalogue, and re-hashed where that was not done yet and its key tells the hash. Orphans, which nothing
refers to, are told and stay. The line may go on meanwhile: what looks wrong is looked at again before it is told.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from heapq import merge
from itertools import islice

from pydantic import Field
from sqlalchemy import Engine

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Bookmark, utc_now
from blocks.frozen import Frozen
from blocks.storage.stores import Store
from tasks.keeping.copies import Examination, RateLimit, examine
from tasks.keeping.named_objects import PAGE, TABLES, NamedObject, read_named, which_are_named
from tasks.keeping.report import CheckReport, ObjectFault, What
from tasks.keeping.spaces import UNKNOWN, digest_in, space_of

AT_ONCE = 4
"""Objects that are read side by side: hashing leaves the interpreter to others, reading waits."""

BOOKMARK_S = 2.0
"""How often is noted how far a check has come."""

UNREADABLE_AT_MOST = 20
"""Objects one after the other that cannot be read, before the store itself is taken for dead: a disk loses some."""

UNREADABLE = "nobody knows whether it is whole: the store did not give it"
LOOK_AT_STORE = "delete nothing: look at the disk or the network, and check again"

IN_STORE = "store"

Progress = Callable[[CheckReport, str], None]
"""Called with what there is so far, and where in it the check is."""


class CheckOptions(Frozen):
    """How a check goes about it."""

    mb_per_s: float | None = Field(default=None, gt=0, description="At most so many megabytes are read in a second.")
    for_s: float | None = Field(default=None, gt=0, description="It ends after so many seconds; the next one goes on.")
    mend: bool = Field(default=True, description="Whether a broken copy is written anew from one that is whole.")
    bookmark: str = Field(default="fsck", description="Under which name is noted how far it has come.")


class CheckPlace(Frozen):
    """How far a check has come."""

    table: str = TABLES[0]
    after: str = ""
    report: CheckReport = CheckReport()


def check_objects(
    engine: Engine,
    stores: Sequence[Store],
    options: CheckOptions = CheckOptions(),  # noqa: B008  (frozen)
    on_progress: Progress | None = None,
) -> CheckReport:
    """Compare every object with the catalogue, and the catalogue with every object; go on where a check was broken off.

    Args:
        engine: The catalogue.
        stores: Where objects are kept: the first is the one that the line reads, others are copies of it.
        options: How fast, for how long, and whether broken copies are mended.
        on_progress: Called after each page.

    Raises:
        StoreUnavailable: The store cannot be read: run again, it goes on.
        CatalogUnavailable: The catalogue cannot be read.
    """
    check = _Check(engine, stores, options, on_progress or (lambda _report, _where: None))
    return check.run()


def forget_check(engine: Engine, bookmark: str = "fsck") -> None:
    """Let the next check begin at the beginning."""
    with writing(engine) as session:
        if row := session.get(Bookmark, bookmark):
            session.delete(row)


class _Check:
    def __init__(self, engine: Engine, stores: Sequence[Store], options: CheckOptions, tell: Progress) -> None:
        self.engine, self.stores, self.options, self.tell = engine, stores, options, tell
        self.rate = RateLimit(options.mb_per_s and options.mb_per_s * 1e6)
        self.place = self._last_place()
        self.began, self.seconds_before = time.monotonic(), self.place.report.seconds
        self.noted_at, self.unreadable = self.began, 0

    def run(self) -> CheckReport:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for faults, looked_at in self._pages(pool):
                passed_s = time.monotonic() - self.began
                counted = self.place.report.with_faults(faults)
                update = {
                    "objects": counted.objects + len(looked_at),
                    "bytes": counted.bytes + sum(each.read_bytes for each in looked_at),
                    "seconds": self.seconds_before + passed_s,
                }
                self.place = self.place.model_copy(update={"report": counted.model_copy(update=update)})
                self.tell(self.place.report, f"{self.place.table} {self.place.after[:40]}")
                is_over = self.options.for_s is not None and passed_s >= self.options.for_s
                if is_over or time.monotonic() - self.noted_at >= BOOKMARK_S:
                    self._note()
                if is_over:
                    return self.place.report
        forget_check(self.engine, self.options.bookmark)
        return _without_named(self.engine, self.place.report).model_copy(update={"is_whole": True})

    def _pages(self, pool: ThreadPoolExecutor) -> Iterator[tuple[tuple[ObjectFault, ...], list[Examination]]]:
        """Yield faults and what was read, page by page; the place is set to each page's end before it is yielded."""
        tables = (*TABLES, IN_STORE)
        for table in tables[tables.index(self.place.table) :]:
            after = self.place.after if table == self.place.table else ""
            self.place = self.place.model_copy(update={"table": table, "after": after})
            pages = self._stored(pool, after) if table == IN_STORE else self._named(pool, table, after)
            for last, faults, looked_at in pages:
                self.place = self.place.model_copy(update={"after": last})
                yield faults, looked_at

    def _named(
        self, pool: ThreadPoolExecutor, table: str, after: str
    ) -> Iterator[tuple[str, tuple[ObjectFault, ...], list[Examination]]]:
        for last, named in read_named(self.engine, table, after):
            looked_at = list(pool.map(self._examine, named))
            self._refuse_dead_store(looked_at)
            wrong = [(each, self._once_more(each, found)) for each, found in zip(named, looked_at, strict=True)]
            wrong = [(each, found) for each, found in wrong if found.fault]
            # A collection may have been deleted since its rows were read.
            gone = self._gone([each for each, found in wrong if not found.mended]) if wrong else set()
            faults = tuple(_fault(found, f"{each.of}: ") for each, found in wrong if each.key not in gone)
            yield last, faults, looked_at

    def _stored(
        self, pool: ThreadPoolExecutor, after: str
    ) -> Iterator[tuple[str, tuple[ObjectFault, ...], list[Examination]]]:
        keys = (key for key in all_keys(self.stores) if key > after)
        while page := list(islice(keys, PAGE)):
            counted = [key for key in page if space_of(key).is_counted]
            known = which_are_named(self.engine, counted)
            orphans = tuple(_orphan(key) for key in counted if key not in known)
            others = [NamedObject(key, "", digest_in(key)) for key in page if not space_of(key).is_counted]
            looked_at = list(pool.map(self._examine, others))
            self._refuse_dead_store(looked_at)
            # What was deleted or written anew meanwhile is no fault: it is looked at once more.
            again = [self._once_more(each, found) for each, found in zip(others, looked_at, strict=True)]
            wrong = [found for found in again if found.mended or (found.fault and not found.is_lost)]
            yield page[-1], (*orphans, *(_fault(found, "") for found in wrong)), looked_at

    def _examine(self, each: NamedObject) -> Examination:
        return examine(self.stores, each.key, each.digest, each.size_bytes, self.rate, mend=self.options.mend)

    def _once_more(self, each: NamedObject, found: Examination) -> Examination:
        """Look again at what looks wrong: a network has its moments, and objects are deleted and written anew."""
        return self._examine(each) if found.fault and not found.mended else found

    def _gone(self, objects: list[NamedObject]) -> set[str]:
        """Return the keys of those that the catalogue does not name any more; imports are not deleted."""
        keys = [each.key for each in objects if space_of(each.key).is_counted]
        return set(keys) - which_are_named(self.engine, keys)

    def _refuse_dead_store(self, looked_at: list[Examination]) -> None:
        for each in looked_at:
            self.unreadable = self.unreadable + 1 if each.unreachable and not each.mended else 0
            if each.unreachable and self.unreadable >= UNREADABLE_AT_MOST:
                self._note()
                raise each.unreachable

    def _last_place(self) -> CheckPlace:
        with reading(self.engine) as session:
            row = session.get(Bookmark, self.options.bookmark)
        return CheckPlace.model_validate_json(row.value) if row else CheckPlace()

    def _note(self) -> None:
        row = {"name": self.options.bookmark, "value": self.place.model_dump_json(), "updated_at": utc_now()}
        with writing(self.engine) as session:
            upsert(session, Bookmark, [row], update=("value", "updated_at"))
        self.noted_at = time.monotonic()


def all_keys(stores: Sequence[Store]) -> Iterator[str]:
    """Yield the keys that any of the stores has, in order, each once."""
    last = ""
    for key in merge(*(store.keys() for store in stores)):
        if key != last:
            last = key
            yield key


def _fault(found: Examination, whose: str) -> ObjectFault:
    what: What = "mended" if found.mended else "missing" if found.is_lost else "damaged"
    if found.unreachable and not found.mended:
        return ObjectFault(
            key=found.key, what="unreadable", told=f"{whose}{found.fault}", means=UNREADABLE, do=LOOK_AT_STORE
        )
    fault = ObjectFault.of(found.key, what, f"{whose}{found.fault}", space_of(found.key))
    return fault.model_copy(update={"means": "", "do": ""}) if found.mended else fault


def _orphan(key: str) -> ObjectFault:
    space = space_of(key)
    if space is UNKNOWN:
        return ObjectFault.of(key, "unknown", "is no object of the line", UNKNOWN)
    return ObjectFault(key=key, what="orphan", told="no row of the catalogue names it", means=space.orphan, do="")


def _without_named(engine: Engine, report: CheckReport) -> CheckReport:
    """Take those from the orphans that the catalogue names by now: an intake writes bytes first, then rows."""
    orphans = [fault.key for fault in report.faults if fault.what == "orphan"]
    named = which_are_named(engine, orphans)
    counts = {**report.counts, "orphan": report.counts.get("orphan", 0) - len(named)}
    kept = tuple(fault for fault in report.faults if fault.key not in named)
    return report.model_copy(update={"faults": kept, "counts": {what: n for what, n in counts.items() if n}})
