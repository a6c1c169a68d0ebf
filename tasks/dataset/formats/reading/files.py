"""The files of a dataset, listed once: which are pictures, and which one a label file means by a name."""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

PICTURE_SUFFIXES = frozenset(
    {".apng", ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo", ".pbm", ".pfm", ".pgm", ".png", ".pnm"}
    | {".ppm", ".tif", ".tiff", ".webp"}
)
"""Of all formats that intake decodes; intake itself takes a file whatever its suffix."""

SPLIT_NAMES = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
"""How folders and files call the parts of a dataset."""


class DatasetFiles:
    """A folder with all its visible files, as paths with slashes below it; hidden folders are not looked into.

    Links to files are followed, as exports that link to their pictures have them; links to folders are not.
    """

    def __init__(self, root: Path, only: str | None = None) -> None:
        """List a folder.

        Args:
            root: The folder.
            only: The one label file to read, by its path below it; None: all.
        """
        self.root = root
        self.pictures: list[str] = []
        self.others: list[str] = []
        self.closed: list[str] = []
        """Folders that this user may not list."""
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self._walk()):
            is_picture = PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES
            if is_picture or only is None or name == only:
                (self.pictures if is_picture else self.others).append(name)
            self._by_name[name.rpartition("/")[2]].append(name)

    def _walk(self) -> Iterator[str]:
        folders = [""]
        while folders:
            here = folders.pop()
            try:
                with os.scandir(self.root / here) as entries:
                    found = [entry for entry in entries if not entry.name.startswith(".")]
            except OSError:
                self.closed.append(here)
                continue
            for entry in found:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{here}{entry.name}/")
                else:
                    yield f"{here}{entry.name}"

    def with_suffix(self, *suffixes: str) -> list[str]:
        """Return the files that are no pictures and have one of some suffixes (lower case, with their dot)."""
        return [name for name in self.others if PurePosixPath(name).suffix.lower() in suffixes]

    def path(self, name: str) -> Path:
        """Return where a file is."""
        return self.root / name

    def has(self, name: str) -> bool:
        """Whether there is such a file, by its path below the folder."""
        return name in self._by_name.get(name.rpartition("/")[2], ())

    def meant_by(self, said: str, beside: str = "", split: str | None = None) -> list[str]:
        r"""Return the files that a label file may mean by a path that was true somewhere else.

        Args:
            said: Such as `a.jpg`, `train/a.jpg`, `..\images\a.jpg` or `/home/somebody/photos/a.jpg`.
            beside: The folder of the label file.
            split: The picture's part of the dataset, where that is known.

        Returns:
            The one that lies under that path in a usual folder, else those of the same name whose path agrees with most
            of the said one's end: several where that does not tell them apart, none where there is no such file.
        """
        parts = [part for part in said.replace("\\", "/").split("/") if part not in ("", ".", "..")]
        if not parts:
            return []
        path = "/".join(parts)
        of_split = (f"images/{split}", f"{split}/images", split) if split else ()
        for folder in (*of_split, beside, f"{beside}/images", "", "images", "JPEGImages"):
            name = f"{folder}/{path}".lstrip("/")
            if self.has(name):
                return [name]
        found = self._by_name.get(parts[-1], [])
        agreed = [_common_end(name.split("/"), parts) for name in found]
        return [name for name, count in zip(found, agreed, strict=True) if count == max(agreed)]


def split_of(name: str) -> str | None:
    """Return the part of a dataset that a path speaks of: train, val or test; None where it names none."""
    parts = (part.lower() for part in PurePosixPath(name).parts[:-1])
    return next((SPLIT_NAMES[part] for part in parts if part in SPLIT_NAMES), None)


def _common_end(one: list[str], other: list[str]) -> int:
    count = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        count += 1
    return count
