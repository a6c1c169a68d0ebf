"""Texts as formats have them: read from the store to be written, and noted with their spans when they are read."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NamedTuple, TextIO

from blocks.errors import BadInput, BadShape
from blocks.shapes import Span, check_inside
from tasks.dataset.formats.reading.faults import Oddity
from tasks.dataset.formats.reading.files import SPLIT_NAMES
from tasks.dataset.formats.reading.pictures import RawLabel
from tasks.dataset.formats.reading.reading import Reading
from tasks.dataset.formats.reading.table import PictureTable
from tasks.dataset.formats.writing.target import Target, WrittenPicture
from tasks.intake.texts.text_items import clean_text, read_text
from tasks.kinds.spans.scoring import ClassedSpan


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


def note_text(
    said: LabelledText, file: str, number: int, place: str, table: PictureTable, reading: Reading, lost: int = 0
) -> None:
    """Note a text that was read, with those of its spans that are in it.

    Args:
        said: What the file says.
        file: Which.
        number: Of the text, line or task in it, from 1.
        place: The same in words.
        table: Of all texts.
        reading: Whose problems it is.
        lost: Spans that the reader could not even make sense of.
    """
    try:
        clean_text(said.text)
    except BadInput as error:
        reading.problems.add(Oddity.UNREADABLE_PICTURE, file, place, str(error))
        return
    listed = table.list(said.name, file, place, None, SPLIT_NAMES.get(said.split.lower()))
    listed.text = said.text
    listed.lost += lost
    for span in said.spans:
        try:
            shape = Span(start=span.start, end=span.end)
            check_inside(shape, None, len(said.text))
        except (ValueError, BadShape) as error:
            reading.problems.add(Oddity.BEYOND_FRAME, file, place, f"a {span.class_name}: {str(error).splitlines()[0]}")
            listed.lost += 1
            continue
        table.add(listed, RawLabel(span.class_name, shape, file, number))
