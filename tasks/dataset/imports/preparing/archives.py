"""Labels in an archive: unpacked beside the state, never outside of its own folder, whatever its members are called."""

import hashlib
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from blocks.errors import BadTruth
from tasks.dataset.formats.reading.faults import Oddity
from tasks.dataset.formats.reading.problems import Problems

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

MOST_MEMBERS = 2_000_000

ROOM_LEFT_BYTES = 1 << 30
"""Of the disk, which stay free for databases."""

DIGITS = 12

CHUNK = 1 << 20

FAULTS = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What the libraries raise over an archive that is broken, encrypted, or packed in a way that they do not know."""

Member = tuple[str, int, "IO[bytes] | None", str]
"""Name, size, content, and why it is left out; empty: it is not."""


def is_archive(path: Path) -> bool:
    """Say whether a path is a file that is called like an archive."""
    return path.name.lower().endswith(SUFFIXES) and path.is_file()


def unpack(archive: Path, into: Path, problems: Problems) -> Path:
    """Unpack an archive into a folder of its own, named by its content; one that is there already is taken as it is.

    Args:
        archive: A zip or tar file.
        into: Where the folder is made.
        problems: Where is noted what leads outside, is a link or a device, or cannot be read.

    Raises:
        BadTruth: It is no archive, is broken or encrypted as a whole, or would fill the disk.
    """
    with archive.open("rb") as file:
        place = into / hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS]
    if place.is_dir():
        return place
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="unpacking-", dir=into) as room:
        try:
            count = _write_all(archive, Path(room) / "all", problems)
        except (*FAULTS, OSError) as error:
            raise BadTruth(f"{archive} cannot be unpacked ({error}): pack it again, as zip or tar") from error
        if not count:
            raise BadTruth(f"{archive} holds no file that can be used")
        (Path(room) / "all").rename(place)
    return place


def _write_all(archive: Path, root: Path, problems: Problems) -> int:
    root.mkdir()
    room, count = shutil.disk_usage(root).free - ROOM_LEFT_BYTES, 0
    for number, (name, size, content, why) in enumerate(_members(archive), start=1):
        place = _inside(name)
        if number > MOST_MEMBERS:
            raise BadTruth(f"{archive} holds more than {MOST_MEMBERS:,} files: cut it into several")
        if why or place is None:
            problems.add(
                Oddity.OUTSIDE_NAME, archive.name, name[:200], why or "a name that leads outside of the archive"
            )
            continue
        if content is None or any(part.startswith(".") or part == "__MACOSX" for part in place.parts):
            continue
        room -= size
        if room < 0:
            raise BadTruth(f"{archive} does not fit on the disk of {root.parent.parent}: make room there")
        try:
            _write(root / place, content, size)
            count += 1
        except FAULTS as error:
            problems.add(Oddity.UNREADABLE_FILE, archive.name, name[:200], f"cannot be unpacked ({error})")
    return count


def _write(path: Path, content: IO[bytes], size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    left = size
    with path.open("xb") as out:
        while chunk := content.read(CHUNK):
            left -= len(chunk)
            if left < 0:
                raise EOFError("it is longer than it says")
            out.write(chunk)


def _inside(name: str) -> PurePosixPath | None:
    path = PurePosixPath(name.replace("\\", "/"))
    is_strange = path.is_absolute() or ".." in path.parts or "\0" in name or name[1:2] == ":"
    return None if is_strange or not path.parts else path


def _members(archive: Path) -> Iterator[Member]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            for info in file.infolist():
                if stat.S_ISLNK(info.external_attr >> 16):
                    yield info.filename, 0, None, "a link: links are not followed"
                elif info.is_dir():
                    continue
                elif info.flag_bits & 1:
                    yield info.filename, 0, None, "encrypted"
                else:
                    with file.open(info) as content:
                        yield info.filename, info.file_size, content, ""
        return
    with tarfile.open(archive) as packed:
        for member in packed:
            if member.isfile():
                yield member.name, member.size, packed.extractfile(member), ""
            elif not member.isdir():
                yield member.name, 0, None, "a link or a device: only files are unpacked"
