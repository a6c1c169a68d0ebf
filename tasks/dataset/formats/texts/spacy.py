"""JSON lines of texts with spans, as spaCy's tools, Prodigy and doccano have them: any spans, overlapping ones too.

Written is `{"text": …, "spans": [{"start": 0, "end": 3, "label": "PER"}]}`. Read are also `entities` and `label` with
lists of `[start, end, "PER"]`. Places count code points, as Python does.

Source:
    https://prodi.gy/docs/api-interfaces#spans and https://spacy.io/api/data-formats (entities of a Doc, as JSON).
"""

import json
from collections.abc import Iterator
from typing import Any

from blocks.errors import BadTruth
from blocks.storage.outside_files import open_regular
from tasks.dataset.formats.reading.faults import Oddity
from tasks.dataset.formats.reading.look import LISTS_OF_SPANS
from tasks.dataset.formats.reading.pictures import ReadPicture
from tasks.dataset.formats.reading.reading import Reading
from tasks.dataset.formats.texts.labelled import LabelledText, TextPlace, TextTable, note_text, write_by_split
from tasks.dataset.formats.writing.holding import Room
from tasks.dataset.formats.writing.target import Target
from tasks.kinds.spans.scoring import ClassedSpan

MOST_BYTES = 16 << 30

MOST_LINE_BYTES = 64 << 20


class SpacyFormat:
    """`<split>.jsonl`."""

    name = "spacy"
    shapes = frozenset({"span"})
    unit = "line"
    holds_texts = True
    rooms: frozenset[Room] = frozenset({"overlap"})

    def read(self, reading: Reading) -> Iterator[ReadPicture]:
        """Read all files of lines; a line that is broken is left out, a span that is none alone."""
        table = TextTable(reading, self.unit)
        names = reading.files.with_suffix(".jsonl", ".ndjson")
        if not names:
            raise BadTruth(f"{reading.files.root} has no .jsonl file")
        for file in names:
            with open_regular(reading.files.path(file), BadTruth, MOST_BYTES) as lines:
                number = 0
                while data := lines.readline(MOST_LINE_BYTES):
                    number += 1
                    if data.strip():
                        _take_in(data, file, number, table, reading)
        yield from table.pictures.pictures()

    def write(self, target: Target) -> None:
        """Write one text after the other."""
        write_by_split(target, ".jsonl", as_line)


def as_line(said: LabelledText) -> str:
    """Return a text with its spans as a line."""
    spans = [{"start": span.start, "end": span.end, "label": span.class_name} for span in said.spans]
    row = {"text": said.text, "spans": spans, "meta": {"name": said.name, "split": said.split}}
    return json.dumps(row, ensure_ascii=False) + "\n"


def _take_in(data: bytes, file: str, number: int, table: TextTable, reading: Reading) -> None:
    place = f"line {number}"
    try:
        row = json.loads(data.decode("utf-8-sig" if number == 1 else "utf-8"))
    except (ValueError, RecursionError) as error:
        reading.problems.add(Oddity.BROKEN_LABEL, file, place, f"is no JSON ({str(error)[:100]})")
        return
    listed = next((row[name] for name in LISTS_OF_SPANS if name in row), None) if isinstance(row, dict) else None
    if not isinstance(row, dict) or not isinstance(row.get("text"), str) or not isinstance(listed, list):
        reading.problems.add(
            Oddity.BROKEN_LABEL, file, place, f"expected a 'text' and a list of {' or '.join(LISTS_OF_SPANS)}"
        )
        return
    spans = [_span(each) for each in listed]
    lost = spans.count(None)
    if lost:
        reading.problems.add(Oddity.BROKEN_LABEL, file, place, f"{lost} entries are no spans with start, end and label")
    meta = row["meta"] if isinstance(row.get("meta"), dict) else {}
    name = str(meta.get("name") or f"{file}-{number}")
    split = str(meta.get("split") or file.rpartition("/")[2].partition(".")[0])
    said = LabelledText(name, split, row["text"], [span for span in spans if span is not None])
    note_text(said, TextPlace(file, number, "line"), table, lost)


def _span(each: Any) -> ClassedSpan | None:
    if isinstance(each, dict):
        each = [each.get("start"), each.get("end"), each.get("label")]
    if not isinstance(each, list) or len(each) != 3 or type(each[0]) is not int or type(each[1]) is not int:
        return None
    return ClassedSpan(each[0], each[1], each[2]) if isinstance(each[2], str) and each[2] else None
