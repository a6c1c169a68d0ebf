"""Rows of tables: what stands in them comes out letter by letter, and what is wrong with one is said with its line."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.errors import BadOption, UnreadableText
from tasks.intake.texts.columns import TextOptions
from tasks.intake.texts.letters import read_letters
from tasks.intake.texts.rows import TextRow, rows_of
from tasks.intake.texts.text_items import MOST_BYTES

PLAIN = TextOptions()


def read(path: Path, data: str | bytes, options: TextOptions = PLAIN) -> list[TextRow]:
    """Write a table and return its rows."""
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return list(rows_of(path, options))


def test_a_table_gives_texts_with_the_lines_in_which_they_begin(tmp_path: Path) -> None:
    data = 'id,text,label\n7,"two\nlines, and ""quotes""",pos\n8,plain,neg\n\n9,שלום 👍🏽,pos\n'
    options = TextOptions(id_column="id", class_column="label")
    assert read(tmp_path / "a.csv", data, options) == [
        TextRow(2, 'two\nlines, and "quotes"', "7", ("pos",)),
        TextRow(4, "plain", "8", ("neg",)),
        TextRow(6, "שלום 👍🏽", "9", ("pos",)),
    ]


@pytest.mark.parametrize(
    ("name", "data", "options", "texts"),
    [
        ("only.csv", "words\none\ntwo\n", PLAIN, ["one", "two"]),
        ("usual.csv", "id;Review\n1;one, or two\n", PLAIN, ["one, or two"]),
        ("tabs.tsv", "text\tlabel\none; two, three\tx\n", PLAIN, ["one; two, three"]),
        ("nameless.csv", "3,one\n4,two\n", TextOptions(column="2"), ["one", "two"]),
        ("marked.csv", "\ufefftext\none\n", PLAIN, ["one"]),
        ("crlf.csv", "text,n\r\none,1\r\n", PLAIN, ["one"]),
        ("empty.csv", "", PLAIN, []),
        ("head.csv", "text\n", PLAIN, []),
        ("a.jsonl", '{"text": "one", "n": 1}\n\n"two"\n', PLAIN, ["one", "two"]),
        ("b.jsonl", '{"id": 1, "quote": "one"}\n', PLAIN, ["one"]),
        ("c.ndjson", '{"text": "no", "other": "one"}\n', TextOptions(column="other"), ["one"]),
    ],
)
def test_the_texts_are_found_where_they_are(
    name: str, data: str, options: TextOptions, texts: list[str], tmp_path: Path
) -> None:
    assert [row.text for row in read(tmp_path / name, data, options)] == texts


@pytest.mark.parametrize(
    ("name", "data", "options", "told"),
    [
        ("a.csv", "a,b,c\n1,2,3\n", PLAIN, r"has the columns a, b, c: say which one has the texts \(--text-column\)"),
        ("a.csv", "a,b\n1,2\n", TextOptions(column="text"), r"no column 'text' \(columns: a, b\)"),
        ("a.csv", "a,b\n1,2\n", TextOptions(column="3"), "no column '3'"),
        ("a.csv", "a,b\n1,2\n", TextOptions(id_column="1"), "not which one has the texts"),
        ("a.jsonl", '{"a": "x", "b": "y"}\n', PLAIN, "has the fields a, b"),
    ],
)
def test_a_table_in_which_the_texts_are_not_found_is_refused(
    name: str, data: str, options: TextOptions, told: str, tmp_path: Path
) -> None:
    with pytest.raises(BadOption, match=told):
        read(tmp_path / name, data, options)


def test_a_bad_row_is_told_with_its_line_and_the_others_are_read(tmp_path: Path) -> None:
    data = b"id,text\n1,fine\n2,caf\xe9\n3,one, two\n4\n5,fine too\n"
    found = read(tmp_path / "a.csv", data, TextOptions(column="text", id_column="id"))
    assert [(row.line, row.text) for row in found if row.fault is None] == [(2, "fine"), (6, "fine too")]
    faults = {row.line: row.fault or "" for row in found if row.fault}
    assert "no utf-8 (byte 0xE9): save it as UTF-8, or say" in faults[3]
    assert "3 columns, and 2 are named" in faults[4]
    assert "1 columns, and what is wanted stands in column 2" in faults[5]


def test_a_bad_line_of_json_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    lines = ['{"text": "one"}', '{"text": "tw', "[1]", '{"text": 3}', '{"words": "x"}', "[" * 10_000, '{"text": "two"}']
    found = read(tmp_path / "a.jsonl", "\n".join(lines))
    assert [row.text for row in found if row.fault is None] == ["one", "two"]
    faults = {row.line: row.fault or "" for row in found if row.fault}
    assert {2, 3, 6} == {line for line, why in faults.items() if why == "no JSON object, or not all of one"}
    assert "the field 'text' is no text" in faults[4]
    assert "no field 'text' (fields: words)" in faults[5]


def test_letters_are_read_as_somebody_says_or_as_the_file_marks_them(tmp_path: Path) -> None:
    said = TextOptions(encoding="cp1252")
    assert [row.text for row in read(tmp_path / "a.csv", "text\ncafé\n".encode("cp1252"), said)] == ["café"]
    assert [row.text for row in read(tmp_path / "b.csv", "text\ncafé\n".encode("utf-16"), said)] == ["café"]
    assert read_letters("日本".encode("utf-16")) == "日本"
    assert read_letters("日本".encode("shift_jis"), "shift_jis") == "日本"
    with pytest.raises(UnreadableText, match=r"line 2 is no utf-8: byte 0xE9"):
        read_letters(b"one\ncaf\xe9")
    with pytest.raises(ValueError, match="'utf-7000' is no encoding"):
        TextOptions(encoding="utf-7000")


def test_a_quote_that_is_never_closed_takes_no_memory_and_is_no_text(tmp_path: Path) -> None:
    data = 'text\nfine\n"' + "x" * (3 * MOST_BYTES) + "\nmore\n"
    fine, rest = read(tmp_path / "a.csv", data)
    assert (fine.text, fine.fault) == ("fine", None)
    assert len(rest.text) > MOST_BYTES  # which no item may have


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))
def test_what_json_can_say_comes_out_letter_by_letter(texts: list[str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        lines = "\n".join(json.dumps({"text": text}) for text in texts)
        assert [row.text for row in read(Path(folder) / "a.jsonl", lines)] == texts
