"""Tables of texts with a class for each: CSV, TSV, and JSON lines as other tools have them.

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


def take_in_texts_with_classes(file: str, table: TextTable, reading: Reading) -> None:
    """Note the texts of a table with their classes; a row that cannot be read is a problem, and voids no other.

    Args:
        file: The table, by its path in the dataset.
        table: Where they are noted.
        reading: Says where in it the texts are.

    Raises:
        BadOption: It is not clear which column has the texts, or which one the classes.
        UnreadableText: The file cannot be opened.
    """
    names, short = set[str](), PurePosixPath(file).name
    for row in rows_of(reading.files.path(file), reading.texts, CLASS_NAMES):
        place = TextPlace(file, row.line, ROW)
        if row.fault:
            table.problem(Oddity.BROKEN_LABEL, place, row.fault)
            continue
        name = row.id if row.id and row.id not in names else f"{short}:{row.line}"
        if row.id in names:
            table.problem(Oddity.AMBIGUOUS_PICTURE, place, f"the id {row.id[:80]!r} is that of another text", "note")
        names.add(name)
        listed = table.list(name, row.text, row.split, place)
        if listed is None:
            continue
        if row.class_name:
            listed.add(RawLabel(row.class_name, Whole(), file, row.line))
        else:
            listed.listed.fault = Oddity.PICTURE_WITHOUT_LABELS
            listed.listed.why_unknown = f"{place} of {file} has no class"
