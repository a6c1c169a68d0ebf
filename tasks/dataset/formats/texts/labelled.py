"""Texts as formats have them: read from the store to be written, and noted with their spans when they are read."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import NamedTuple, TextIO

from blocks.errors import BadInput
from blocks.shapes import Span
from tasks.dataset.formats.reading.faults import Oddity
from tasks.dataset.formats.reading.files import SPLIT_NAMES
from tasks.dataset.formats.reading.pictures import RawLabel
from tasks.dataset.formats.reading.problems import Severity
from tasks.dataset.formats.reading.reading import Reading
from tasks.dataset.formats.reading.table import ListedPicture, PictureTable
from tasks.dataset.formats.writing.target import Target, WrittenPicture
from tasks.intake.texts.text_items import clean_text, read_text
from tasks.kinds.spans.scoring import ClassedSpan
from tasks.review.questions.kinds.texts.text_regions import trimmed


class LabelledText(NamedTuple):
    """A text with its spans, under a name."""

    name: str
    split: str
    text: str
    spans: list[ClassedSpan]


def labelled_texts(target: Target) -> Iterator[LabelledText]:
    """Yield the texts that are written, one at a time, and count them.

    Raises:
        ObjectMissing: A text is not in the store any more.
    """
    for written in target.pictures():
        name = target.put_in_split(written).as_posix()
        yield LabelledText(name, written.item.split, read_text(target.store, written.item.key), spans_of(written))


def write_by_split(target: Target, suffix: str, as_text: Callable[[LabelledText], str]) -> None:
    """Write one text after the other into a file of its split.

    Args:
        target: Where, and which.
        suffix: Of the files.
        as_text: What is written of one.

    Raises:
        ObjectMissing: A text is not in the store any more.
    """
    files: dict[str, TextIO] = {}
    with ExitStack() as opened:
        for each in labelled_texts(target):
            if each.split not in files:
                path = target.place / f"{each.split}{suffix}"
                files[each.split] = opened.enter_context(path.open("w", encoding="utf-8", newline="\n"))
            files[each.split].write(as_text(each))


def spans_of(written: WrittenPicture) -> list[ClassedSpan]:
    """Return the spans of a text, from its beginning."""
    found = [(each.label.shape, each.label.class_name) for each in written.labels]
    return sorted(ClassedSpan(shape.start, shape.end, name) for shape, name in found if isinstance(shape, Span))


@dataclass(frozen=True, slots=True)
class TextPlace:
    """Where in the files of a dataset a text stands.

    Attributes:
        file: Label file, by its path in the dataset.
        number: Of the text, line or task in it, from 1.
        unit: What is counted.
    """

    file: str
    number: int
    unit: str

    def __str__(self) -> str:
        return f"{self.unit} {self.number}"


class TextTable:
    """The texts that label files have, each once, with what is said of it; fill it, then take the texts from it.

    Args:
        reading: Whose problems are noted.
        unit: What `number` of a label counts.
    """

    def __init__(self, reading: Reading, unit: str) -> None:
        self.pictures = PictureTable(reading, unit)
        self._problems = reading.problems

    def list(self, name: str, text: str, split: str | None, place: TextPlace) -> "ListedText | None":
        """Return a text that is new or was listed before; None: no item can be such a text, which is noted.

        Of two texts with one name the second gets another one, with its place.
        """
        try:
            clean = clean_text(text).text
        except BadInput as error:
            self._problems.add(Oddity.UNREADABLE_PICTURE, place.file, str(place), str(error))
            return None
        split = SPLIT_NAMES.get((split or "").lower())
        listed = self.pictures.list(name, place.file, str(place), None, split)
        if listed.text not in (None, clean):
            what = f"another text is called {name[:80]!r}, too"
            self._problems.add(Oddity.AMBIGUOUS_PICTURE, place.file, str(place), what, "note")
            listed = self.pictures.list(f"{name} ({place.file}, {place})", place.file, str(place), None, split)
        listed.text = clean
        return ListedText(listed, text, place, self)

    def problem(self, fault: Oddity, place: TextPlace, what: str, severity: Severity = "left out") -> None:
        """Note what is odd about a text."""
        self._problems.add(fault, place.file, str(place), what, severity)


@dataclass(frozen=True, slots=True)
class ListedText:
    """A text that label files have."""

    listed: ListedPicture
    said: str
    """Its text as the file has it, which places count."""
    place: TextPlace
    table: TextTable

    def lose(self, count: int) -> None:
        """Note that so many labels could not even be made sense of."""
        self.listed.lost += count

    def add(self, label: RawLabel) -> None:
        """Note a label, in the places of the text as it is kept; one that is beyond it is left out, and told."""
        if isinstance(label.place, Span):
            shape = self._kept(label.class_name, label.place)
            if shape is None:
                self.lose(1)
                return
            label = replace(label, place=shape)
        self.table.pictures.add(self.listed, label)

    def add_span(self, span: ClassedSpan) -> None:
        """Note a span that may be none: without a character, or beyond the text."""
        try:
            shape = Span(start=span.start, end=span.end)
        except ValueError:
            what = f"a {span.class_name} from {span.start} to {span.end}: expected 0 ≤ start < end"
            self.table.problem(Oddity.BEYOND_FRAME, self.place, what)
            self.lose(1)
            return
        self.add(RawLabel(span.class_name, shape, self.place.file, self.place.number))

    def _kept(self, class_name: str, span: Span) -> Span | None:
        text = self.listed.text or ""
        if span.end > len(self.said):
            what = f"a {class_name} from {span.start} to {span.end} is not in a text of {len(self.said)} characters"
            self.table.problem(Oddity.BEYOND_FRAME, self.place, what)
            return None
        before = (span.start, span.end)
        if text != self.said:  # carriage returns are gone from it
            before = (self._without_returns(span.start), self._without_returns(span.end))
        start, end = trimmed(text, *before)
        if start >= end:
            self.table.problem(Oddity.WITHOUT_AREA, self.place, f"a {class_name} that is nothing but blanks")
            return None
        if (start, end) != before:
            what = f"the blanks at the ends of a {class_name}, {text[start:end][:40]!r}, are no part of it"
            self.table.problem(Oddity.BEYOND_FRAME, self.place, what, "changed")
        return Span(start=start, end=end)

    def _without_returns(self, at: int) -> int:
        return at - self.said.count("\r\n", 0, at)


def note_text(said: LabelledText, place: TextPlace, table: TextTable, lost: int = 0) -> None:
    """Note a text that was read, with those of its spans that are in it.

    Args:
        said: What the file says.
        place: Where it stands.
        table: Of all texts.
        lost: Spans that the reader could not even make sense of.
    """
    listed = table.list(said.name, said.text, said.split, place)
    if listed is None:
        return
    listed.lose(lost)
    for span in said.spans:
        listed.add_span(span)
