"""One video into a collection: each frame that is chosen ends as one source row, as files of pictures do.

A frame is kept as a JPEG picture; equal frames have equal bytes, so they are one item. The frames of a video are one
sequence, whatever else is said: they never part between training and test. What was taken in of a video is written
down, so that a file that has not changed is not decoded again, unless the store has lost a frame.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from sqlalchemy import Engine, func
from sqlmodel import col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Bookmark, Item, Source, utc_now
from blocks.errors import BadInput
from blocks.storage.stores import Store
from tasks.intake.files import Examined, uri_of, why_unread_file
from tasks.intake.images import encode_jpeg
from tasks.intake.reports import IntakeReport, RejectedFile
from tasks.intake.sequences import readable, sequence_of
from tasks.intake.source_rows import DUPLICATE, SET_ASIDE, TAKEN, write_sources
from tasks.intake.video.choosing import chooser_of
from tasks.intake.video.frames import Damage, Shown, read_frames
from tasks.intake.video.options import VideoOptions

LOG = logging.getLogger(__name__)

AT_ONCE = 64
"""Frames that are kept, and then written in one transaction."""

AT_ONCE_IN_STORE = 8
"""Frames that are looked for side by side: a bucket takes milliseconds for each."""

MOST_FRAMES = 100_000
"""Taken of one video; what comes after is left out, and said."""

QUALITY = 95
"""Of the JPEG pictures."""

KEPT_AS = f"frame of a video, kept as a JPEG of quality {QUALITY}"
TOO_MANY = f"its video has more frames: {MOST_FRAMES:,} are taken of one, cut it into parts for the others"


def take_in_video(
    engine: Engine,
    store: Store,
    collection: str,
    path: Path,
    relative: Path,
    options: VideoOptions,
    sequence_pattern: str | None = None,
) -> IntakeReport:
    """Take a video's frames into a collection.

    Args:
        engine: The catalogue.
        store: Where the frames' bytes go.
        collection: The set of sources that one line labels.
        path: The file.
        relative: Its path below the folder that is taken in.
        options: Which frames.
        sequence_pattern: Whose groups name the sequence in the video's path; None: the path itself.

    Raises:
        StoreUnavailable: The store cannot be reached or written.
        CatalogUnavailable: The catalogue cannot be written.
    """
    uri = uri_of(path)
    try:
        name, said = video_bookmark(collection, uri), _state_of(path, options, sequence_pattern)
        known = _known(engine, store, collection, uri, name, said)
        if known is not None:
            return known
        report = _take(engine, store, collection, path, sequence_of_video(relative, sequence_pattern), options)
    except (BadInput, OSError) as error:
        return write_sources(engine, collection, [Examined(uri, reason=why_unread_file(error))], utc_now())
    with writing(engine) as session:
        row = session.get(Source, (collection, uri))
        if row is not None:  # what could not be read before can be read now
            session.delete(row)
        upsert(session, Bookmark, [{"name": name, "value": said, "updated_at": utc_now()}], update=("value",))
    return report


def sequence_of_video(relative: Path, pattern: str | None) -> str:
    """Return the sequence of a video's frames: what a pattern finds in the video's path, or all of the path."""
    path = readable(relative.as_posix())
    return path if pattern is None else readable(sequence_of(relative, pattern))


def _take(
    engine: Engine, store: Store, collection: str, path: Path, sequence: str, options: VideoOptions
) -> IntakeReport:
    uri, damage, report = uri_of(path), Damage(), IntakeReport()
    frames = _chosen(path, damage, options)
    while True:
        seen_at = utc_now()
        some = [_kept(store, uri, path, sequence, shown) for shown in islice(frames, AT_ONCE)]
        if not some:
            break
        if report.offered + len(some) > MOST_FRAMES:
            some = some[: MOST_FRAMES - report.offered]
            report += with_note(write_sources(engine, collection, some, seen_at), TOO_MANY)
            break
        report += write_sources(engine, collection, some, seen_at)
        if report.offered % (AT_ONCE * 16) == 0:
            LOG.info("%s: %d frames taken, %s", path.name, report.offered, sequence)
    if damage.packets or damage.frames:
        report = with_note(report, "video with a broken part, of which frames were left out")
        LOG.warning("%s: %s; the last good frame is number %d", path.name, damage, damage.last_good)
    return report


def with_note(report: IntakeReport, note: str) -> IntakeReport:
    """Return a report that also says something of one video."""
    return report.model_copy(update={"notes": {**report.notes, note: report.notes.get(note, 0) + 1}})


def _chosen(path: Path, damage: Damage, options: VideoOptions) -> Iterator[Shown]:
    chooser = chooser_of(options)
    for shown in read_frames(path, damage, chooser.may_take):
        if chooser.takes(shown.seconds, shown.pixels):
            yield shown


def _kept(store: Store, uri: str, path: Path, sequence: str, shown: Shown) -> Examined:
    data = encode_jpeg(shown.pixels, QUALITY)
    item_id = hashlib.sha256(data).hexdigest()
    key = f"items/{item_id[:2]}/{item_id}.jpg"
    if not store.has(key):
        store.put(key, data, "image/jpeg")
    height, width = shown.pixels.shape[:2]
    item = Item(
        id=item_id,
        key=key,
        name=readable(f"{path.stem}-{shown.number:06d}.jpg"),
        sequence=sequence,
        media_type="image/jpeg",
        size_bytes=len(data),
        width=width,
        height=height,
        frame=shown.number,
        plain=True,
    )
    return Examined(f"{uri}#frame={shown.number:06d}", item_id, item=item, notes=(KEPT_AS, *shown.notes))


def video_bookmark(collection: str, uri: str) -> str:
    """Name the bookmark that holds what was said of a video of a collection as it was taken in."""
    return f"video of {collection}: {uri}"


def _state_of(path: Path, options: VideoOptions, pattern: str | None) -> str:
    now = path.lstat()
    return json.dumps([now.st_size, now.st_mtime_ns, now.st_ctime_ns, options.frames, pattern])


def _known(engine: Engine, store: Store, collection: str, uri: str, bookmark: str, said: str) -> IntakeReport | None:
    """Return the report on a video that is as it was when all of it was taken in; None: it must be read."""
    frames = (Source.collection == collection, col(Source.uri).startswith(f"{uri}#", autoescape=True))
    with reading(engine) as session:
        noted = session.get(Bookmark, bookmark)
        if noted is None or noted.value != said:
            return None
        counts = dict(session.exec(select(Source.state, func.count()).where(*frames).group_by(Source.state)).all())
        if not counts:  # its collection was deleted since
            return None
        aside = select(Source).where(*frames, Source.state == SET_ASIDE)
        set_aside = tuple(RejectedFile(uri=row.uri, reason=row.reason or "") for row in session.exec(aside))
        keys = session.exec(select(Item.key).join(Source, col(Source.item_id) == col(Item.id)).where(*frames)).all()
    with ThreadPoolExecutor(AT_ONCE_IN_STORE) as pool:
        if not all(pool.map(store.has, set(keys))):
            return None
    return IntakeReport(
        offered=sum(counts.values()),
        taken=counts.get(TAKEN, 0),
        duplicates=counts.get(DUPLICATE, 0),
        set_aside=set_aside,
    )
