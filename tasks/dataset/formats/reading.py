"""What every format is read into: boxes by picture, and a sentence for whatever is odd in a file."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from blocks.errors import BadInput, BadTruth
from blocks.shapes import Bounds
from tasks.intake.images import upright_size

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm"})

MAX_LABEL_BYTES = 16 << 20
"""A label file of one picture is never larger; what is larger was made to hurt."""


@dataclass(slots=True)
class TruthReading:
    """What was read so far: boxes by picture name, unchecked corners in pixels, and what could not be used."""

    classes: list[str] = field(default_factory=list)
    boxes: dict[str, list[tuple[str, Bounds]]] = field(default_factory=dict)
    wholes: dict[str, str] = field(default_factory=dict)
    """Class of a whole picture, by its path below the folder."""
    sizes_wh: dict[str, tuple[int, int]] = field(default_factory=dict)
    pictures: dict[str, Path] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, path: Path, boxes: list[tuple[str, Bounds]] | None) -> bool:
        """Note a picture with its boxes, or that its labels are missing; False: it cannot be used."""
        if boxes is None:
            self.problems.append(f"{path.name}: no labels; an empty label file would say that it shows nothing")
            return False
        if not self._can_use(path.name, path):
            return False
        self.boxes[path.name] = boxes
        return True

    def add_whole(self, name: str, path: Path, class_name: str) -> bool:
        """Note a picture with the class of all of it; False: it cannot be used."""
        if not self._can_use(name, path):
            return False
        self.wholes[name] = class_name
        return True

    def _can_use(self, name: str, path: Path) -> bool:
        try:
            self.sizes_wh[name] = upright_size(path)
        except BadInput as error:
            self.problems.append(f"{name}: not a readable picture ({error})")
            return False
        self.pictures[name] = path
        return True


def pictures_in(folder: Path) -> list[Path]:
    """Return all pictures below a folder; of one name there may be one only.

    Raises:
        BadTruth: Two have one name.
    """
    found = [path for path in visible(folder.rglob("*")) if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()]
    twice = [name for name, count in Counter(path.name for path in found).items() if count > 1]
    if twice:
        raise BadTruth(
            f"{folder} has several pictures named {twice[0]} (and {len(twice) - 1} more such names), and truth is "
            "found by name: read the folders below it one by one."
        )
    return found


def visible(paths: Iterable[Path]) -> list[Path]:
    """Return paths in order, without hidden files."""
    return sorted(path for path in paths if not path.name.startswith("."))
