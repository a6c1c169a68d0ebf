"""Tables of texts with classes: CSV, TSV, and JSON lines as other tools have them.

A text with several classes has a row for each, or a list of them where the table is JSON lines.

Which column has the texts, the class, an id and the split is read off the names of columns, unless somebody says so.
"""

from pathlib import PurePosixPath

from blocks.shapes import Whole
from tasks.dataset.formats.reading.faults import Oddity
from tasks.dataset.formats.reading.look import CLASS_NAMES
from tasks.dataset.formats.reading.pictures import RawLabel
from tasks.dataset.formats.reading.reading import Reading
from tasks.dataset.formats.texts.labelled import TextPlace, TextTable
from tasks.intake.texts.rows import rows_of

ROW = "line"


def take_in_texts_with_classes(file: str, table: TextTable, reading: Reading, *, is_settled: bool = False) -> None:
    """Note the texts of a table with their classes; a row that cannot be read is a problem, and voids no other.

    Args:
        file: The table, by its path in the dataset.
        table: Where they are noted.
        reading: Says where in it the texts are.
        is_settled: Whether a row without a class says that none holds; else nobody has said it yet.

    Raises:
        BadOption: It is not clear which column has the texts, or which one the classes.
        UnreadableText: The file cannot be opened.
    """
    names, short = set[str](), PurePosixPath(file).name
    said: dict[int, tuple[str, set[str]]] = {}  # by the hash of a text: its name, and its classes
    for row in rows_of(reading.files.path(file), reading.texts, CLASS_NAMES):
        place = TextPlace(file, row.line, ROW)
        if row.fault:
            table.problem(Oddity.BROKEN_LABEL, place, row.fault)
            continue
        name = row.id if row.id and row.id not in names else f"{short}:{row.line}"
        before, known = said.setdefault(hash(row.text), (name, set()))
        if known and not known.issuperset(row.class_names):
            name = before  # one more class of it
        elif row.id in names:
            table.problem(Oddity.AMBIGUOUS_PICTURE, place, f"the id {row.id[:80]!r} is that of another text", "note")
        known.update(row.class_names)
        names.add(name)
        listed = table.list(name, row.text, row.split, place)
        if listed is None:
            continue
        for class_name in row.class_names:
            listed.add(RawLabel(class_name, Whole(), file, row.line))
        if not row.class_names and not row.is_known and not is_settled:
            listed.listed.fault = Oddity.PICTURE_WITHOUT_LABELS
            listed.listed.why_unknown = f"{place} of {file} has no class"
