"""A folder of images into the catalogue and the store: every file offered ends as one source row, with its reason.

Bytes go first and rows after, so what the catalogue names, the store has. A crash in between leaves bytes without a
row; the next run finds them in place.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

from pydantic import Field
from sqlalchemy import Engine

from blocks.database.tables import utc_now
from blocks.errors import BadInput, BadOption, NoImages
from blocks.frozen import Frozen
from blocks.naming.patterns import compile_pattern
from blocks.storage.stores import Store
from tasks.intake.files import examine, uri_of
from tasks.intake.reports import IntakeReport, RejectedFile
from tasks.intake.source_rows import known_sources, write_sources
from tasks.intake.texts.media import refuse_other_medium
from tasks.intake.video.containers import is_video_name
from tasks.intake.video.options import VideoOptions
from tasks.intake.video.take_in import take_in_video

__all__ = [
    "FileShard",
    "IntakeReport",
    "RejectedFile",
    "files_of",
    "find_images",
    "list_files",
    "paths_of",
    "take_in",
    "walk_images",
]

CHUNK = 256
"""Files that are examined, and then written in one transaction."""

THREADS = min(4, os.cpu_count() or 1)
"""Reading, hashing and decoding leave Python's lock. Each thread holds one file."""

SIDECARS = frozenset({".txt", ".xml", ".json", ".jsonl", ".ndjson", ".names", ".yaml", ".yml", ".csv", ".md", ".cache"})
"""What lies beside images and is none: truth, class names, certificates, notes, what ultralytics keeps of a folder."""


class FileShard(Frozen):
    """A run of files of a folder, listed in the object store: what one intake step works on."""

    folder: str
    listing: str = Field(description="key of the list of paths below the folder, as JSON")
    files: int = Field(ge=1)


def walk_images(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and its subfolders that may be images, in the order of their names.

    Every file counts whatever its suffix, but for hidden ones and `SIDECARS`. Links and subfolders that cannot be
    listed are yielded too, not followed, so that intake reports them. Memory holds one folder's names at a time.

    Raises:
        BadOption: The folder does not exist, is no folder, or cannot be listed.
        NoImages: It has no file that may be an image.
    """
    root = _checked_folder(folder)
    empty, texts = True, False
    folders = [root]
    while folders:
        here = folders.pop()
        try:
            with os.scandir(here) as entries:
                found = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda e: e.name)
        except OSError:
            empty = False
            yield here
            continue
        folders.extend(Path(entry) for entry in reversed(found) if entry.is_dir(follow_symlinks=False))
        for entry in found:
            suffix = Path(entry.name).suffix.lower()
            if not entry.is_dir(follow_symlinks=False) and suffix not in SIDECARS:
                empty = False
                yield Path(entry)
            texts |= suffix == ".txt"
    if empty:
        raise NoImages(
            f"the folder {folder} holds no images (hidden files and {', '.join(sorted(SIDECARS))} do not count): "
            "put images there, or name the folder that has them"
            + ("; if its .txt files are texts to label: --label-kind classes, multilabel or spans" if texts else "")
        )


def find_images(folder: Path) -> list[Path]:
    """Return what `walk_images` yields, and raise what it raises."""
    return list(walk_images(folder))


def list_files(store: Store, folder: Path, size: int = CHUNK) -> list[FileShard]:
    """Cut the files of a folder into shards, listed in the store, so that steps pass on a key and not the names.

    Raises:
        BadOption: See `walk_images`; or the size is not positive.
    """
    if size < 1:
        raise BadOption(f"shards of {size} files cannot be made: expected 64 to 512")
    root, files = files_of(folder)
    shards = []
    while names := [str(path.relative_to(root)) for path in islice(files, size)]:
        content = json.dumps(names).encode()
        key = f"listings/{hashlib.sha256(content).hexdigest()[:32]}.json"
        store.put(key, content, "application/json")
        shards.append(FileShard(folder=str(root), listing=key, files=len(names)))
    return shards


def paths_of(store: Store, shard: FileShard) -> list[Path]:
    """Return the paths that a shard lists.

    Raises:
        ObjectMissing: The listing is not in the store any more.
        BadInput: It was tampered with: it names what is not below the folder.
    """
    names = json.loads(store.get(shard.listing))
    if any(Path(name).is_absolute() or ".." in Path(name).parts for name in names):
        raise BadInput(f"the listing {shard.listing} names files outside of {shard.folder}: list the folder again")
    return [Path(shard.folder, name) for name in names]


def take_in(
    engine: Engine,
    store: Store,
    collection: str,
    paths: Iterable[Path],
    sequence_pattern: str | None = None,
    *,
    folder: Path | None = None,
    videos: VideoOptions | None = None,
) -> IntakeReport:
    """Take files into a collection: hash, decode in full, store, and write one source row for each.

    A file that was taken before and has not changed since costs one look at its size and times. One that was set aside
    is tried again.

    Args:
        engine: The catalogue.
        store: Where the bytes go.
        collection: The set of sources that one line labels.
        paths: Files; may be many, they are taken `CHUNK` by `CHUNK`.
        sequence_pattern: See `sequence_of`; None for its rule.
        folder: Below which the paths that `sequence_of` sees begin; None for each file's own folder.
        videos: Which frames of videos are taken; None: videos are set aside, as pictures alone are asked for.

    Raises:
        BadOption: The pattern is no regular expression, or the collection is one of texts.
        StoreUnavailable: The store cannot be reached or written.
        CatalogUnavailable: The catalogue cannot be written.
    """
    if sequence_pattern:
        compile_pattern(sequence_pattern)
    root = folder.resolve() if folder else None
    report = IntakeReport()
    remaining, films = _parted(paths, videos)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="intake") as pool:
        while chunk := {uri_of(path): path for path in islice(remaining, CHUNK)}:
            refuse_other_medium(engine, collection, "pictures")
            seen_at = utc_now()
            known = known_sources(engine, collection, list(chunk))
            names = [_relative(path, root) for path in chunk.values()]
            look = partial(examine, store=store, sequence_pattern=sequence_pattern)
            # map, unlike submit, drops what has not begun when one file finds the store unavailable
            examined = list(pool.map(look, chunk.values(), map(known.get, chunk), names))
            report += write_sources(engine, collection, examined, seen_at)
    for film in films:  # one by one: a decoder uses all cores by itself
        refuse_other_medium(engine, collection, "pictures")
        options = videos or VideoOptions()
        report += take_in_video(engine, store, collection, film, _relative(film, root), options, sequence_pattern)
    return report


def _parted(paths: Iterable[Path], videos: VideoOptions | None) -> tuple[Iterator[Path], list[Path]]:
    """Return pictures, and the videos among the paths, if they are wanted."""
    if videos is None:
        return iter(paths), []
    films: list[Path] = []

    def pictures() -> Iterator[Path]:
        for path in paths:
            if is_video_name(path):
                films.append(path)
            else:
                yield path

    return pictures(), films


def files_of(place: Path) -> tuple[Path, Iterator[Path]]:
    """Return a folder and its files, or of a path to one video its folder and the video.

    Raises:
        BadOption: See `walk_images`.
        NoImages: See `walk_images`, once the files are asked for.
    """
    if is_video_name(place) and not place.is_dir():
        root = _checked_folder(place.parent)
        return root, iter([root / place.name])
    root = _checked_folder(place)
    return root, walk_images(root)


def _relative(path: Path, root: Path | None) -> Path:
    return path.relative_to(root) if root and path.is_relative_to(root) else Path(path.name)


def _checked_folder(folder: Path) -> Path:
    try:
        root = folder.expanduser().resolve(strict=True)
        with os.scandir(root):
            return root
    except OSError as error:
        raise BadOption(
            f"cannot list the folder {folder}: {error.strerror or error}. Name an existing folder of images that this "
            "user may read."
        ) from error
