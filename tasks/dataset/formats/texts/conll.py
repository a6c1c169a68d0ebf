"""CoNLL: a token and its tag on each line (BIO), an empty line behind each text; flat spans and nothing else.

Tokens do not say what stood between them. So each text is written before its tokens, as CoNLL-U does (`# text = `, as
a JSON string), and tokens are found in it again when they are read: blanks and line breaks stay as they were. Files of
others have no such line: there, tokens are parted by one blank. Tags of IOB1, BIOES and BILOU are read as well.

Source:
    https://www.clips.uantwerpen.be/conll2003/ner/ and https://universaldependencies.org/format.html (comments).
"""

import json
from collections.abc import Iterator, Sequence

from blocks.errors import BadTruth
from blocks.storage.outside_files import open_regular
from tasks.dataset.formats.reading.faults import Oddity
from tasks.dataset.formats.reading.look import OF_TAGS
from tasks.dataset.formats.reading.pictures import ReadPicture
from tasks.dataset.formats.reading.reading import Reading
from tasks.dataset.formats.texts.labelled import LabelledText, TextPlace, TextTable, note_text, write_by_split
from tasks.dataset.formats.writing.holding import Room
from tasks.dataset.formats.writing.target import Target
from tasks.detect.tagging.tokens import BEGIN, INSIDE, OUTSIDE, Token, spans_of_tags, tags_of, tokens_of
from tasks.kinds.spans.extents import without_overlaps
from tasks.kinds.spans.scoring import ClassedSpan

TEXT_IS, NAME_IS = "# text = ", "# name = "
"""How the comments begin that tell a text and its name, each as a JSON string."""

OF_TABLES = (".txt", ".tsv")
"""Endings under which files of tags lie, too, where they are asked for by name."""

MOST_BYTES = 4 << 30

MOST_LINE_BYTES = 8 << 20
"""A text of a mebibyte in JSON's words, six bytes a sign at most."""

_AS_BIO = {"S": BEGIN, "U": BEGIN, "B": BEGIN, "E": INSIDE, "L": INSIDE, "I": INSIDE, "M": INSIDE}


class ConllFormat:
    """`<split>.conll`."""

    name = "conll"
    shapes = frozenset({"span"})
    unit = "text"
    holds_texts = True
    rooms: frozenset[Room] = frozenset()

    def read(self, reading: Reading) -> Iterator[ReadPicture]:
        """Read all files of tags; what is no line of a token is left out, with its reason."""
        table = TextTable(reading, self.unit)
        names = reading.files.with_suffix(*OF_TAGS) or reading.files.with_suffix(*OF_TABLES)
        if not names:
            raise BadTruth(f"{reading.files.root} has no file of tags ({', '.join((*OF_TAGS, *OF_TABLES))})")
        for file in names:
            for number, lines in enumerate(_blocks(file, reading), 1):
                _take_in(lines, file, number, table, reading)
        yield from table.pictures.pictures()

    def write(self, target: Target) -> None:
        """Write one text after the other."""
        write_by_split(target, ".conll", as_conll)


def as_conll(said: LabelledText) -> str:
    """Return a text in tags. Spans that are no whole words part these, so nothing of a span is lost or added.

    Of spans that overlap, that with the most characters is written, however many words they are.
    """
    flat = [said.spans[at] for at in without_overlaps([(span.start, span.end) for span in said.spans])]
    edges = sorted({edge for span in flat for edge in (span.start, span.end)})
    tokens = [part for token in tokens_of(said.text) for part in _parted(token, edges)]
    tags, _ = tags_of(tokens, flat)
    head = f"{NAME_IS}{_quoted(said.name)}\n{TEXT_IS}{_quoted(said.text)}\n"
    return head + "".join(f"{token.text}\t{tag}\n" for token, tag in zip(tokens, tags, strict=True)) + "\n"


def text_of_tags(words: Sequence[str], tags: Sequence[str], text: str | None) -> tuple[str, list[ClassedSpan]] | None:
    """Return the text of some tokens, and its spans; None: the tokens are not those of the text.

    Args:
        words: Tokens, in order; none is empty.
        tags: Theirs, in BIO.
        text: Where they stand; None: they are parted by one blank.
    """
    text, at, tokens = " ".join(words) if text is None else text, 0, list[Token]()
    for word in words:
        start = text.find(word, at)
        if start < 0 or text[at:start].strip():
            return None
        at = start + len(word)
        tokens.append(Token(word, start, at))
    return text, [span for span, _, _ in spans_of_tags(tokens, tags)]


def _parted(token: Token, edges: Sequence[int]) -> Iterator[Token]:
    start = token.start
    for edge in [*(edge for edge in edges if token.start < edge < token.end), token.end]:
        yield Token(token.text[start - token.start : edge - token.start], start, edge)
        start = edge


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _blocks(file: str, reading: Reading) -> Iterator[list[tuple[int, str]]]:
    """Yield the lines of each text, with their numbers."""
    block: list[tuple[int, str]] = []
    with open_regular(reading.files.path(file), BadTruth, MOST_BYTES) as lines:
        number = 0
        while data := lines.readline(MOST_LINE_BYTES):
            number += 1
            line = data.decode("utf-8-sig" if number == 1 else "utf-8", "replace").rstrip("\r\n")
            if line.strip():
                block.append((number, line))
            elif block:
                yield block
                block = []
    if block:
        yield block


def _take_in(lines: Sequence[tuple[int, str]], file: str, number: int, table: TextTable, reading: Reading) -> None:
    text, name, lost = None, f"{file}-{number}", 0
    words, tags = list[str](), list[str]()
    for at, line in lines:
        if not words and line.startswith((TEXT_IS, NAME_IS)):
            said = _unquoted(line.partition(" = ")[2])
            text, name = (said, name) if line.startswith(TEXT_IS) else (text, said or name)
            continue
        columns = [part.strip() for part in line.split("\t")] if "\t" in line else line.split()
        if columns[0] == "-DOCSTART-":
            continue
        tag = _as_bio(columns[-1]) if len(columns) > 1 and columns[0] else None
        if tag is None:
            reading.problems.add(Oddity.BROKEN_LABEL, file, f"line {at}", f"is no token with a tag: {line[:80]!r}")
            lost += 1
        words.append(columns[0] or "�")
        tags.append(tag or OUTSIDE)
    if not words and text is None:
        return
    found = text_of_tags(words, tags, text)
    if found is None:
        what = "its tokens are not those of its `# text`, so they are read without it"
        reading.problems.add(Oddity.AMBIGUOUS_LABEL, file, f"line {lines[0][0]}", what, "note")
        found = text_of_tags(words, tags, None)
    assert found is not None  # joined tokens are always found
    note_text(LabelledText(name, _split_of(file), *found), TextPlace(file, number, "text"), table, lost)


def _as_bio(tag: str) -> str | None:
    """Return a tag in BIO; None: it is none."""
    if tag in (OUTSIDE, "_"):
        return OUTSIDE
    mark, dash, name = tag.partition("-")
    return _AS_BIO[mark] + name if dash and name and mark in _AS_BIO else None


def _unquoted(said: str) -> str:
    try:
        text = json.loads(said)
    except ValueError:
        return said  # of others, who do not quote
    return text if isinstance(text, str) else said


def _split_of(file: str) -> str:
    return file.rpartition("/")[2].partition(".")[0]
