"""What an archive holds, member by member: names and sizes that somebody else wrote down, and bytes that are counted.

Nothing is written anywhere, so a name that leads outside could do no harm; it is refused all the same, as whoever
packed it meant some. What unpacks to many times its size is given up before it fills the machine.
"""

import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from posixpath import splitext
from typing import IO, Any, cast
from urllib.parse import quote

from blocks.errors import BadOption, ImageTooLarge, UnreadableImage
from tasks.intake.files import uri_of
from tasks.intake.folders import SIDECARS
from tasks.intake.images import MAX_FILE_BYTES
from tasks.intake.sources.archives.headers import EndingOnce, TarHeader, refuse_more_behind_the_end
from tasks.intake.video.containers import is_video_name

ZIPS = (".zip",)
TARS = (".tar", ".tar.gz", ".tgz")

MOST_MEMBERS = 2_000_000

MOST_TIMES = 100
"""To how many times its size something may unpack; deflate packs zeros a thousandfold, pictures hardly at all."""

FREE_BYTES = 64_000_000
"""That may come of whatever little."""

FAULTS = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError),
    *(NotImplementedError, RuntimeError, ValueError, OverflowError, IndexError, KeyError),
)
"""What the standard library raises over broken archives; `RuntimeError`, where a password is asked for."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive that is offered.

    Attributes:
        uri: The archive's address with the member's name behind it.
        name: Path in the archive.
        size_bytes: As the archive says.
        read: Returns its bytes; of a tar only before the next member is asked for.
        fault: Why it is not read; None: it is, as far as is known.
    """

    uri: str
    name: PurePosixPath
    size_bytes: int
    read: Callable[[], bytes]
    fault: str | None = None


def is_archive(place: Path) -> bool:
    """Say whether a path is an archive that is read, by its name."""
    return place.name.lower().endswith((*ZIPS, *TARS)) and place.is_file()


def is_zip(place: Path) -> bool:
    """Say whether an archive's members can be reached one by one."""
    return place.name.lower().endswith(ZIPS)


def members_of_zip(place: Path, archive: zipfile.ZipFile, start: int = 0) -> Iterator[Member]:
    """Yield the files of a zip that may be pictures, in the order in which they are listed, from one on."""
    found = _Named(place)
    offered = (
        each
        for each in archive.infolist()[:MOST_MEMBERS]
        if not each.filename.endswith("/") and _may_be_picture(each.filename)  # `is_dir` fails where a name is empty
    )
    for info in islice(offered, start):
        found.skip(info.filename)
    for info in offered:
        mode = info.external_attr >> 16
        fault = "a link: links are not followed; pack the file itself" if stat.S_ISLNK(mode) else None
        if info.flag_bits & 1:
            fault = "it is encrypted: pack it without a password"
        elif info.file_size > FREE_BYTES and info.file_size > MOST_TIMES * max(1, info.compress_size):
            fault = f"it would unpack to {info.file_size:,} bytes, more than {MOST_TIMES} times its size"
        yield found.member(info.filename, info.file_size, _reader(archive.open, info), fault)


def members_of_tar(place: Path) -> Iterator[Member]:
    """Yield the files of a tar that may be pictures, in order; each is read before the next one is asked for.

    Raises:
        UnreadableImage: It is broken, unpacks to too many times its size, or goes on behind its end; what came before
            is good.
    """
    found = _Named(place)
    try:
        with place.open("rb") as raw, _open_tar(place, raw) as archive:
            for count, info in enumerate(archive):
                if count >= MOST_MEMBERS:
                    raise UnreadableImage(f"more than {MOST_MEMBERS:,} members: cut the archive into several")
                archive.members = []  # type: ignore[attr-defined]  # else it keeps every header that it has seen
                if info.isdir() or not _may_be_picture(info.name):
                    continue
                yield found.member(info.name, info.size, _reader(archive.extractfile, info), _fault_in_tar(info))
            refuse_more_behind_the_end(archive)
    except (*FAULTS, OSError) as error:
        raise UnreadableImage(f"the archive cannot be read further: {error}") from error


def open_zip(place: Path) -> zipfile.ZipFile:
    """Open a zip.

    Raises:
        BadOption: It is none, or is cut off.
    """
    try:
        return zipfile.ZipFile(place)
    except (*FAULTS, OSError) as error:
        raise BadOption(f"{place} is no zip that can be read ({error}): pack it again") from error


def _open_tar(place: Path, raw: IO[bytes]) -> tarfile.TarFile:
    return tarfile.open(fileobj=_unpacked(place, raw), mode="r|", tarinfo=TarHeader)


def _fault_in_tar(info: tarfile.TarInfo) -> str | None:
    if info.issparse():  # whose holes are zeros without end, at the cost of a line
        return "a sparse file: pack it without --sparse"
    return None if info.isreg() else "a link, a pipe or a device, and no file: pack the file itself"


def _unpacked(place: Path, raw: IO[bytes]) -> IO[bytes]:
    if place.name.lower().endswith(".tar"):
        return cast(IO[bytes], EndingOnce(raw))
    return cast(IO[bytes], EndingOnce(_Counted(gzip.GzipFile(fileobj=raw), raw)))


class _Counted(io.RawIOBase):
    """What comes out of a packed stream, until it is too much for what went in."""

    def __init__(self, stream: gzip.GzipFile, raw: IO[bytes]) -> None:
        self._stream = stream
        self._raw = raw
        self._read = 0

    def read(self, size: int = -1) -> bytes:
        """Return some of it.

        Raises:
            UnreadableImage: It is too much.
        """
        data = self._stream.read(size)
        self._read += len(data)
        if self._read > FREE_BYTES + MOST_TIMES * self._raw.tell():
            raise UnreadableImage(
                f"the archive unpacks to more than {MOST_TIMES} times its size, and is read no further"
            )
        return data


class _Named:
    """Gives each member an address of its own, also where two have one name."""

    def __init__(self, place: Path) -> None:
        self._root = uri_of(place)
        self._seen: Counter[str] = Counter()

    def skip(self, name: str) -> None:
        """Count a member that others see to."""
        self._seen[name] += 1

    def member(self, name: str, size_bytes: int, read: Callable[[], bytes], fault: str | None) -> Member:
        """Return a member, or why it is not read."""
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name:
            fault = "a name that leads outside of the archive: pack it under a plain one"
        elif size_bytes > MAX_FILE_BYTES:
            fault = f"{size_bytes:,} bytes are more than the {MAX_FILE_BYTES:,} that are taken in"
        elif is_video_name(Path(name)):
            fault = "a video in an archive: unpack it, and label its folder"
        uri = f"{self._root}/{quote(name.encode('utf-8', 'surrogateescape'), safe='/')}"
        self._seen[name] += 1
        times = self._seen[name]
        return Member(uri if times == 1 else f"{uri}#{times}", path, size_bytes, read, fault)


def _may_be_picture(name: str) -> bool:
    """Whether a file counts, by the rules for folders: not hidden, and not what lies beside pictures."""
    parts = name.rstrip("/").split("/")  # each shard asks this of all members before its own, so no path is made of it
    is_hidden = any(part.startswith(".") and part not in (".", "..") for part in parts)
    return not is_hidden and splitext(parts[-1])[1].lower() not in SIDECARS and "__MACOSX" not in parts


def _reader(open_: Callable[[Any], Any], info: Any) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            with open_(info) as file:
                data: bytes = file.read(MAX_FILE_BYTES + 1)
        except FAULTS as error:
            raise UnreadableImage(f"broken in the archive: {error}") from error
        if len(data) > MAX_FILE_BYTES:
            raise ImageTooLarge(f"more than the {MAX_FILE_BYTES:,} bytes that are taken in")
        return data

    return read
