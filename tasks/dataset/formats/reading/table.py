"""Pictures that label files list by name, each once, with its labels on disk until all files are read."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from tasks.dataset.formats.reading.faults import Oddity
from tasks.dataset.formats.reading.pictures import RawLabel, ReadPicture
from tasks.dataset.formats.reading.reading import Reading, Sight
from tasks.dataset.formats.reading.spool import Spool
from tasks.intake.sequences import readable


@dataclass(slots=True)
class ListedPicture:
    """A picture that at least one label file lists.

    Attributes:
        number: From 0, in the order in which they were met.
        name: Its path in the dataset where it is there, else what the label file calls it.
        said: What the label file calls it.
        said_in: The first label file that lists it.
        said_wh: Its size by that file.
        why_unknown: Why what it shows is not known, whatever labels it has; empty: it is.
        why_not_empty: Why it is not known to be empty if it has no labels; empty: it would be.
        lost: How many labels of it could not be made sense of.
        split: As its file says; None: as its path says.
        fault: Of which kind that is why it is not known.
        text: What it says, where it is a text; None: it is a picture.
    """

    number: int
    name: str
    said: str
    said_in: str
    said_wh: tuple[int, int] | None = None
    why_unknown: str = ""
    why_not_empty: str = ""
    lost: int = 0
    split: str | None = None
    fault: Oddity = Oddity.NOT_KNOWN
    text: str | None = None


class PictureTable:
    """All pictures that label files list; fill it, then take the pictures from it."""

    def __init__(self, reading: Reading, unit: str) -> None:
        self._reading = reading
        self._unit = unit
        self._spool = Spool()
        self._pictures: list[ListedPicture] = []
        self._by_name: dict[str, ListedPicture] = {}
        self._by_said: dict[str, ListedPicture] = {}

    def list(
        self,
        said: str,
        file: str,
        place: str = "",
        said_wh: tuple[int, int] | None = None,
        split: str | None = None,
    ) -> ListedPicture:
        """Return the picture of a name, which is new or was listed before.

        Args:
            said: What the label file calls it.
            file: The label file.
            place: Where in it.
            said_wh: Its size by that file; of sides of 0: none.
            split: Its part of the dataset by that file.
        """
        said, said_wh = said.replace("\\", "/"), said_wh if said_wh and min(said_wh) > 0 else None
        picture = self._by_said.get(said) or self._new(said, file, place, split)
        if said_wh and picture.said_wh and said_wh != picture.said_wh:
            picture.fault = picture.fault if picture.why_unknown else Oddity.OTHER_SIZE
            picture.why_unknown = picture.why_unknown or (
                f"{picture.said_in} says {picture.said_wh[0]}×{picture.said_wh[1]}, {file} {said_wh[0]}×{said_wh[1]}"
            )
        picture.said_wh = picture.said_wh or said_wh
        picture.split = picture.split or split
        return picture

    def _new(self, said: str, file: str, place: str, split: str | None) -> ListedPicture:
        name = self._reading.find(said, file, place, split) or said
        picture = self._by_name.get(name)
        if picture is not None and not _may_be_one(said, picture.said):
            name = self._told_apart(said, picture, file, place)
            picture = self._by_name.get(name)
        if picture is None:
            picture = ListedPicture(len(self._pictures), name, said, file)
            self._pictures.append(picture)
            self._by_name[name] = picture
        self._by_said[said] = picture
        return picture

    def add(self, picture: ListedPicture, label: RawLabel) -> None:
        """Note a label of a picture."""
        self._spool.add(picture.number, label)

    def pictures(self, *, unlisted: bool = True) -> Iterator[ReadPicture]:
        """Yield all pictures with their labels, in the order in which they were listed.

        Args:
            unlisted: Yield the pictures that no file lists, too: nothing says what is on them.
        """
        for listed in self._pictures:
            if listed.text is None:
                sight = self._reading.see(listed.name, listed.said_wh, listed.said_in)
            else:
                sight = Sight(readable(listed.name), None, None)
            if sight is None:
                continue
            raw = list(self._spool.of(listed.number))
            why = listed.why_unknown or (listed.why_not_empty if not raw else "")
            if why:
                self._reading.problems.add(listed.fault, sight.name, "", f"{why}, so what it shows is not known")
                lost = len(raw) + listed.lost
                unknown = ReadPicture(sight.name, sight.path, sight.size_wh, None, lost, listed.split)
                yield _with_text(unknown, listed)
                continue
            picture = self._reading.picture(sight, raw, self._unit, lost=listed.lost, split=listed.split)
            yield _with_text(picture, listed)
        self._spool.close()
        is_of_texts = any(listed.text is not None for listed in self._pictures)  # what lies beside them is not theirs
        for name in self._reading.files.pictures if unlisted and not is_of_texts else ():
            if name not in self._by_name and (sight := self._reading.see(name)) is not None:
                yield self._reading.picture(sight, None, self._unit)

    def _told_apart(self, said: str, other: ListedPicture, file: str, place: str) -> str:
        """Return the name for one of two that would be the same file, and are listed in different folders."""
        if _may_be_one(said, other.name) and not _may_be_one(other.said, other.name):
            name = other.name  # the file is this one's, and the other's is not there
            self._by_name[other.said] = other
            del self._by_name[name]
            other.name = other.said
            said, file = other.said, other.said_in
        else:
            name = said
        self._reading.problems.add(
            Oddity.AMBIGUOUS_PICTURE, file, place, f"{said!r} is not there, only a namesake in another folder", "note"
        )
        return name


def _with_text(picture: ReadPicture, listed: ListedPicture) -> ReadPicture:
    return picture if listed.text is None else replace(picture, text=listed.text, text_in=listed.said_in)


def _may_be_one(one: str, other: str) -> bool:
    """Whether two paths agree as far as the shorter one goes, from their ends."""
    left, right = PurePosixPath(one).parts, PurePosixPath(other).parts
    count = min(len(left), len(right))
    return left[-count:] == right[-count:]
