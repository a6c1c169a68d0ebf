"""One reading of a dataset: what every reader is given, and how it turns what it found into pictures."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from blocks.errors import BadInput
from tasks.dataset.formats.reading.checking import usable_labels
from tasks.dataset.formats.reading.faults import Oddity
from tasks.dataset.formats.reading.files import DatasetFiles, split_of
from tasks.dataset.formats.reading.pictures import RawLabel, ReadPicture
from tasks.dataset.formats.reading.problems import Problems
from tasks.intake.images import upright_size
from tasks.intake.sequences import readable
from tasks.intake.texts.columns import TextOptions

SizeOf = Callable[[str], tuple[int, int] | None]
"""Width and height of a picture that is not among the files, by the name that its labels have for it; None: unknown."""

MAX_LABEL_BYTES = 16 << 20
"""A label file of one picture is never larger; what is larger was made to hurt."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A picture that labels speak of.

    Attributes:
        name: See `ReadPicture`.
        path: Where it is; None: not here.
        size_wh: Pixels, upright; None: nobody knows.
        is_contradicted: Its label file says another size.
    """

    name: str
    path: Path | None
    size_wh: tuple[int, int] | None
    is_contradicted: bool = False


@dataclass(slots=True)
class Reading:
    """What a reader works with; `classes`, `met`, `said` and `problems` grow while pictures pass.

    Attributes:
        files: Of the dataset.
        size_of: Asked for the size of pictures that are not there.
        classes: Names in the order of the dataset's own list; none where it has none.
        met: Names of the labels that passed.
        problems: What was odd.
        renames: What classes of the dataset are called here, where it is not the same.
        said: Names of the labels that passed, as the dataset has them.
        texts: Where in tables the texts are, and how their letters are written.
        outlines: Whether outlines and masks are wanted where a format has boxes beside them (COCO).
    """

    files: DatasetFiles
    size_of: SizeOf = lambda _name: None
    classes: dict[str, None] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)
    problems: Problems = field(default_factory=Problems)
    renames: Mapping[str, str] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)
    texts: TextOptions = field(default_factory=TextOptions)
    outlines: bool = False

    def find(self, said: str, file: str, place: str = "", split: str | None = None) -> str | None:
        """Return the picture that a label file means, by its path in the dataset; None: it is not there.

        Args:
            said: How the label file calls it.
            file: The label file.
            place: Where in it, for the problem where several pictures may be meant: then the said name stands.
            split: Its part of the dataset, where the label file says so.
        """
        found = self.files.meant_by(said, file.rpartition("/")[0], split)
        if len(found) > 1:
            self.problems.add(
                Oddity.AMBIGUOUS_PICTURE,
                file,
                place,
                f"{said!r} may be {' or '.join(found[:3])}; taken for neither",
                "note",
            )
        return found[0] if len(found) == 1 else None

    def size(self, name: str) -> tuple[int, int] | None:
        """Return the size of a picture, upright, and note nothing; None: it is unknown, or cannot be read."""
        if not self.files.has(name):
            return self.size_of(name)
        try:
            return upright_size(self.files.path(name))
        except BadInput:
            return None

    def see(self, name: str, said_wh: tuple[int, int] | None = None, said_in: str = "") -> Sight | None:
        """Look at a picture; None: it is there and cannot be read, which is noted.

        Args:
            name: Its path in the dataset, or what its labels call it.
            said_wh: The size that its labels say; None or 0: none.
            said_in: The label file that says so.
        """
        said = said_wh if said_wh and min(said_wh) > 0 else None
        if not self.files.has(name):
            return Sight(readable(name), None, said or self.size_of(name))
        path = self.files.path(name)
        try:
            size = upright_size(path)
        except BadInput as error:
            self.problems.add(Oddity.UNREADABLE_PICTURE, readable(name), "", f"not a readable picture ({error})")
            return None
        if said and said != size:
            self.problems.add(
                Oddity.OTHER_SIZE,
                said_in or readable(name),
                "",
                f"says that {readable(name)} is {said[0]}×{said[1]}, and upright it is {size[0]}×{size[1]}: its labels "
                "may be of another version of the picture, so what it shows is not known",
            )
        return Sight(readable(name), path, size, is_contradicted=bool(said and said != size))

    def picture(
        self, sight: Sight, raw: Iterable[RawLabel] | None, unit: str, *, lost: int = 0, split: str | None = None
    ) -> ReadPicture:
        """Return a picture with those of its labels that can be used.

        Args:
            sight: Which.
            raw: Its labels; None: nothing says what is on it, which is noted here.
            unit: What `number` of a label counts.
            lost: How many labels the reader could not even make sense of.
            split: Its part of the dataset; None: as its path says.
        """
        split = split or split_of(sight.name)
        if raw is None:
            self.problems.add(
                Oddity.PICTURE_WITHOUT_LABELS,
                sight.name,
                "",
                "no labels; an empty label file would say that it shows nothing",
            )
        if raw is None or sight.is_contradicted:
            return ReadPicture(sight.name, sight.path, sight.size_wh, None, lost, split)
        labels, left_out = usable_labels(self._renamed(raw), sight.size_wh, unit, self.problems)
        left_out += lost
        self.met.update(label.class_name for label in labels)
        if left_out and not labels:
            self.problems.add(
                Oddity.NOT_KNOWN, sight.name, "", "none of its labels can be used, so what it shows is not known"
            )
        known = tuple(labels) if labels or not left_out else None
        return ReadPicture(sight.name, sight.path, sight.size_wh, known, left_out, split)

    def _renamed(self, raw: Iterable[RawLabel]) -> Iterator[RawLabel]:
        for label in raw:
            self.said.add(label.class_name)
            name = self.renames.get(label.class_name)
            yield label if name is None else replace(label, class_name=name)
