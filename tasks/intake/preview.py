"""A quick look into a folder before it is taken in: are there pictures or videos, and what is made of their names?

Only names and first bytes are read, of some thousand files at most, so it costs a moment; whether a picture is whole is
found at intake.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from blocks.errors import BadOption
from blocks.naming.patterns import compile_pattern
from tasks.intake.folders import files_of
from tasks.intake.sequences import readable, sequence_of
from tasks.intake.video.containers import begins_as_video, is_video_name
from tasks.intake.video.take_in import sequence_of_video

LOOK_AT_MOST = 5_000
"""Files looked at; a folder of more is told by its first ones."""

SHOWN = 5

_BEGINNINGS = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"BM",
    b"GIF8",
    *(b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),  # TIFF and BigTIFF
    *(b"P%d" % number for number in range(1, 8)),  # PPM and its kin
)


@dataclass(frozen=True, slots=True)
class FolderLook:
    """What a quick look into a folder shows.

    Attributes:
        files: Files looked at, `LOOK_AT_MOST` at most.
        pictures: Those of them that begin as a picture or a video does.
        videos: Those that begin as a video does.
        is_all: Whether there are no more files.
        sequences: What a pattern makes of their paths, or the rule without a pattern.
        unmatched: Files in whose path the pattern finds nothing.
    """

    files: int
    pictures: int
    is_all: bool
    sequences: tuple[str, ...] = ()
    unmatched: int = 0
    videos: int = 0

    def about_one_sequence(self) -> str:
        """Say that none could be held out for testing, and what to do about it; empty: some could be."""
        if not self.is_all or len(self.sequences) != 1 or self.unmatched:
            return ""
        if self.videos == self.files:
            return (
                f"all frames are of one video ({self.sequences[0]!r}), and frames of one video never part between "
                "training and test. So none could be held out for testing, and no detector would be trained: put a "
                "second video, or pictures, into the folder."
            )
        return (
            f"all {self.files} pictures are one sequence ({self.sequences[0]!r}: their path without its last "
            "number), and pictures of one sequence never part between training and test. So none could be held out "
            "for testing, and no detector would be trained. If no two of them belong together, as frames of a "
            "video do, add --sequences '(.+)'; else say with it by which part of their paths they are told."
        )

    def about_sequences(self) -> str:
        """Say what the pattern finds, so that a slip is seen before thousands of pictures are split by it."""
        names = ", ".join(repr(name) for name in self.sequences[:SHOWN])
        more = f" and {len(self.sequences) - SHOWN} more" if len(self.sequences) > SHOWN else ""
        rest = f"; it finds nothing in {self.unmatched} of their paths" if self.unmatched else ""
        looked = f"{self.files} files" if self.is_all else f"the first {self.files} files"
        return f"the pattern makes {len(self.sequences)} sequences of {looked}: {names}{more}{rest}"


def look_into(folder: Path, pattern: str | None = None) -> FolderLook:
    """Look into a folder.

    Args:
        folder: Searched with its subfolders, as intake does; or one video.
        pattern: See `sequence_of`.

    Raises:
        BadOption: The folder cannot be listed, has no file or no picture; the pattern is none, or finds nothing.
    """
    compiled = compile_pattern(pattern) if pattern else None
    root, files = files_of(folder)
    pictures = videos = unmatched = count = 0
    suffixes: Counter[str] = Counter()
    sequences: dict[str, None] = {}
    for path in islice(files, LOOK_AT_MOST):
        count += 1
        is_video = begins_as_video(path)
        videos += is_video
        begins = is_video or _begins_as_picture(path)
        pictures += begins
        suffixes[path.suffix.lower() or "no suffix"] += not begins
        relative = path.relative_to(root)
        if compiled is not None and compiled.search(readable(relative.as_posix())) is None:
            unmatched += 1
        else:
            sequences[_sequence_of(relative, pattern)] = None
    is_all = next(files, None) is None
    if is_all and not pictures:
        kinds = ", ".join(f"{number} {suffix}" for suffix, number in suffixes.most_common(SHOWN) if number)
        raise BadOption(
            f"the folder {folder} has {count} files ({kinds}) and none is a picture or video that is read (JPEG, PNG, "
            "WebP, BMP, GIF, TIFF, PPM, MP4, MOV, WebM, Matroska, AVI): name the folder that has them, or "
            "convert them"
        )
    if is_all and compiled is not None and not sequences:
        raise BadOption(
            f"the pattern {pattern!r} finds nothing in any of the {count} paths in {folder}, such as "
            f"{readable(next(files_of(folder)[1]).relative_to(root).as_posix())!r}: correct it, or leave it out, and "
            "the path without its last number names the sequence"
        )
    return FolderLook(count, pictures, is_all, tuple(sequences), unmatched, videos)


def _sequence_of(relative: Path, pattern: str | None) -> str:
    if is_video_name(relative):
        return sequence_of_video(relative, pattern)
    return readable(sequence_of(relative, pattern))


def _begins_as_picture(path: Path) -> bool:
    if not path.is_file() or path.is_symlink():
        return False
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError:
        return False
    return start.startswith(_BEGINNINGS) or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")
