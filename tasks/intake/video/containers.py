"""A video file opened at arm's length: by its first bytes, never by its name, and without a way to any other file.

FFmpeg knows containers that are lists of other files or addresses. So the kind of container is told by its first bytes,
only those of `_CONTAINERS` are read, and the library is given an open file and no path.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from blocks.errors import UnreadableVideo

if TYPE_CHECKING:
    from av.container import InputContainer

SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi"})
"""Of files that are taken for videos; what is in them decides."""

_ATOMS = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")
_HEAD_BYTES = 12


def is_video_name(path: Path) -> bool:
    """Say whether a file is called as videos are."""
    return path.suffix.lower() in SUFFIXES


def container_of(head: bytes) -> str | None:
    """Return FFmpeg's name of the container that begins with these bytes (12 are enough); None: none that is read.

    Source:
        ISO/IEC 14496-12 (a box's size, then its type), RFC 8794 (EBML's magic number), Microsoft's RIFF.
    """
    if head[4:8] in _ATOMS:
        return "mov"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    return "avi" if head[:4] == b"RIFF" and head[8:12] == b"AVI " else None


def begins_as_video(path: Path) -> bool:
    """Say whether a file is called as videos are and begins as one."""
    if not is_video_name(path) or not path.is_file() or path.is_symlink():
        return False
    try:
        with path.open("rb") as file:
            return container_of(file.read(_HEAD_BYTES)) is not None
    except OSError:
        return False


@contextmanager
def opened(path: Path) -> "Iterator[InputContainer]":
    """Open a video file; links are not followed, and no pipe is waited for.

    Raises:
        UnreadableVideo: It is none that is read, it is cut off before its index, or PyAV is not installed.
        OSError: It cannot be opened or read.
    """
    av = library()
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123
        kind = _kind_of(file)
        try:
            container = av.open(file, format=kind, metadata_errors="replace")
        except av.FFmpegError as error:
            raise UnreadableVideo(f"no video that can be read ({kind}): {_why(error)}") from error
        with container:
            yield container


def library() -> Any:
    """Return PyAV, which is optional.

    Raises:
        UnreadableVideo: It is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise UnreadableVideo(
            "a video, and PyAV is not installed here: pip install 'labelline[video]', or make a folder of its frames"
        ) from error
    av.logging.set_level(None)
    return av


def _kind_of(file: BinaryIO) -> str:
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if not head:
        raise UnreadableVideo("the file is empty")
    kind = container_of(head)
    if kind is None:
        raise UnreadableVideo("does not begin as a video that is read (MP4, MOV, WebM, Matroska, AVI)")
    return kind


def _why(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return f"{text}; cut off before its index, perhaps" if "Invalid data" in text else text
