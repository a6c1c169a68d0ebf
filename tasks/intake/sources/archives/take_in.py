"""Members of an archive into a collection: each that is offered ends as one source row, as files of a folder do."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath

from pydantic import Field
from sqlalchemy import Engine

from blocks.database.tables import utc_now
from blocks.errors import BadInput, BadOption, NoImages, UnreadableImage
from blocks.frozen import Frozen
from blocks.naming.patterns import compile_pattern
from blocks.storage.stores import Store
from tasks.intake.decoding.budget import DECODING
from tasks.intake.files import CLOCK_GRAIN, LARGE_FILE_BYTES, Examined, Known, take_bytes, why_unread_file
from tasks.intake.folders import CHUNK, THREADS
from tasks.intake.preview import LOOK_AT_MOST, FolderLook
from tasks.intake.reports import IntakeReport
from tasks.intake.sequences import readable, sequence_of
from tasks.intake.source_rows import known_sources, write_sources
from tasks.intake.sources.archives.members import Member, is_zip, members_of_tar, members_of_zip, open_zip
from tasks.intake.texts.media import refuse_other_medium

MOST_SHARDS = 64
"""Of a zip; each of them reads its whole table of contents again."""


class ArchiveShard(Frozen):
    """A run of members of an archive: what one intake step works on."""

    archive: str
    start: int = Field(default=0, ge=0, description="the first one, from 0")
    stop: int | None = Field(default=None, description="behind the last one; empty: to the end")


def list_archive(place: Path, size: int) -> list[ArchiveShard]:
    """Cut an archive into shards; a tar is one, as it can only be read from its beginning.

    Args:
        place: The archive.
        size: Members in a shard; of a zip that would be more than `MOST_SHARDS`, more.

    Raises:
        BadOption: It cannot be read.
        NoImages: It has no file that may be a picture.
    """
    root = place.expanduser().resolve()
    with ExitStack() as opened, _as_option(place):
        count = sum(1 for _ in islice(_members(root, opened), None if is_zip(root) else 1))
    if not count:
        raise NoImages(f"the archive {place} holds no images: pack images, or name the archive that has them")
    if not is_zip(root):
        return [ArchiveShard(archive=str(root))]
    size = max(size, -(-count // MOST_SHARDS))
    return [ArchiveShard(archive=str(root), start=at, stop=at + size) for at in range(0, count, size)]


def look_into_archive(place: Path, pattern: str | None) -> FolderLook:
    """Look at the names in an archive, of which nothing is unpacked but what stands before them in a tar.

    Raises:
        BadOption: It cannot be read, or has no file that may be a picture; or the pattern is none.
    """
    compiled = compile_pattern(pattern) if pattern else None
    sequences: dict[str, None] = {}
    count = unmatched = 0
    with ExitStack() as opened, _as_option(place):
        found = _until_a_fault(_members(place, opened))
        for member in islice(found, LOOK_AT_MOST):
            count += 1
            if compiled is not None and compiled.search(readable(member.name.as_posix())) is None:
                unmatched += 1
            else:
                sequences[readable(sequence_of(Path(member.name), pattern))] = None
        is_all = next(found, None) is None
    if not count:
        raise NoImages(f"the archive {place} holds no images: pack images, or name the archive that has them")
    return FolderLook(count, count, is_all, tuple(sequences), unmatched)


def take_in_archive(
    engine: Engine, store: Store, collection: str, shard: ArchiveShard, sequence_pattern: str | None = None
) -> IntakeReport:
    """Take members of an archive into a collection: unpack into memory, hash, decode, store, write source rows.

    Raises:
        BadOption: The archive cannot be read, the pattern is no regular expression, or the collection is one of texts.
        StoreUnavailable: The store cannot be reached or written.
        CatalogUnavailable: The catalogue cannot be written.
    """
    if sequence_pattern:
        compile_pattern(sequence_pattern)
    refuse_other_medium(engine, collection, "pictures")
    place = Path(shard.archive)
    touched = datetime.fromtimestamp(place.stat().st_ctime, UTC) if place.is_file() else utc_now()
    report = IntakeReport()
    with ExitStack() as opened, ThreadPoolExecutor(THREADS, thread_name_prefix="intake") as pool:
        count = None if shard.stop is None else shard.stop - shard.start
        members = islice(_with_rest(place, opened, shard.start), count)
        at_once = CHUNK if is_zip(place) else 1
        chunk: list[Examined] = []
        seen_at = utc_now()
        while some := list(islice(members, at_once)):
            known = known_sources(engine, collection, [member.uri for member in some])
            look = partial(_examine, store=store, touched=touched, pattern=sequence_pattern)
            befores = [known.get(member.uri) for member in some]
            chunk += pool.map(look, some, befores) if is_zip(place) else map(look, some, befores)
            if len(chunk) >= CHUNK:
                report += write_sources(engine, collection, chunk, seen_at)
                chunk, seen_at = [], utc_now()
    return report + write_sources(engine, collection, chunk, seen_at)


@contextmanager
def _as_option(place: Path) -> Iterator[None]:
    try:
        yield
    except UnreadableImage as error:
        raise BadOption(f"{place}: {error}") from error


def _examine(member: Member, known: Known | None, *, store: Store, touched: datetime, pattern: str | None) -> Examined:
    if member.fault is not None:
        return Examined(member.uri, reason=member.fault)
    is_as_it_was = known and known.size_bytes == member.size_bytes and touched < known.seen_at - CLOCK_GRAIN
    if known and known.item_id and is_as_it_was and known.is_kept(store):
        return Examined(member.uri, known.item_id)
    large = member.size_bytes > LARGE_FILE_BYTES
    try:
        with DECODING.room(DECODING.total) if large else nullcontext():
            sequence = sequence_of(Path(member.name), pattern)
            return take_bytes(member.uri, member.read(), known, member.name.name, sequence, store=store)
    except (BadInput, OSError) as error:
        return Examined(member.uri, reason=why_unread_file(error))
    except MemoryError:
        return Examined(member.uri, reason="does not fit this machine's memory: cut the picture into parts")


def _members(place: Path, opened: ExitStack, start: int = 0) -> Iterator[Member]:
    """Yield the members from one on; those of a zip can be read as long as it is open."""
    if not is_zip(place):
        return islice(members_of_tar(place), start, None)
    return members_of_zip(place, opened.enter_context(open_zip(place)), start)


def _until_a_fault(members: Iterator[Member]) -> Iterator[Member]:
    """Yield what intake takes of an archive whose rest cannot be read, of which intake tells; the first one must be."""
    is_begun = False
    try:
        for member in members:
            is_begun = True
            yield member
    except UnreadableImage:
        if not is_begun:
            raise


def _with_rest(place: Path, opened: ExitStack, start: int) -> Iterator[Member]:
    """Yield the members, and one for all that cannot be read behind a fault."""
    try:
        yield from _members(place, opened, start)
    except BadOption:
        raise
    except (BadInput, OSError) as error:
        uri = f"{place.absolute().as_uri()}#rest"
        yield Member(uri, PurePosixPath(place.name), 0, bytes, f"the rest of the archive: {why_unread_file(error)}")
