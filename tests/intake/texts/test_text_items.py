"""A text is kept as it was written, in any script, and known by its bytes; what nobody could label says why."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Item
from blocks.errors import UnreadableText
from blocks.storage.stores import Store
from tasks.intake.texts.text_items import LINE_ENDS, MOST_BYTES, clean_text, is_text, keep_text, read_text

ANY_SCRIPT = (
    "plain",
    "naïve café",
    "日本語のテキスト",
    "مرحبا بالعالم",
    "שלום 123 abc",
    "👩‍👩‍👧 🇺🇳 👍🏽",
    "<b>x</b><script>1</script>",
    "\u202eabc",
)


@pytest.mark.parametrize("text", ANY_SCRIPT)
def test_a_text_in_any_script_is_kept_letter_by_letter(text: str, engine: Engine, store: Store) -> None:
    item = keep_text(store, clean_text(text).text, "note.txt", "note.txt")
    with writing(engine) as session:
        upsert(session, Item, [item.model_dump()])
    with reading(engine) as session:
        found = session.get(Item, hashlib.sha256(text.encode()).hexdigest())
    assert found is not None
    assert is_text(found)
    assert (found.length, found.size_bytes) == (len(text), len(text.encode()))
    assert found.width is None
    assert found.height is None
    assert read_text(store, found.key) == text


def test_lines_end_with_a_line_feed_and_it_is_told() -> None:
    assert clean_text("one\r\ntwo\rthree\n").text == "one\ntwo\nthree\n"
    assert clean_text("one\r\ntwo").notes == (LINE_ENDS,)
    assert clean_text("one\ntwo").notes == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the text is empty"),
        (" \n\t\u3000", "nothing but blanks"),
        ("one\ntwo\0", "a NUL character in line 2"),
        ("one\n\ntwo \ud83d", r"half of a character \(U\+D83D\) in line 3"),
        ("ü" * (MOST_BYTES // 2 + 1), "a text of 1,048,578 bytes, and 1,048,576 are taken at most"),
    ],
)
def test_what_nobody_could_label_says_why(text: str, reason: str) -> None:
    with pytest.raises(UnreadableText, match=reason):
        clean_text(text)


def test_a_text_as_long_as_is_taken_is_taken() -> None:
    assert len(clean_text("x" * MOST_BYTES).text) == MOST_BYTES


def test_the_same_text_is_one_item_and_is_written_once(store: Store) -> None:
    first, second = keep_text(store, "the same", "a", "a"), keep_text(store, "the same", "b", "b")
    assert first.id == second.id
    assert len(list(store.keys("items/"))) == 1


def test_bytes_that_are_no_text_are_no_text_of_an_item(store: Store) -> None:
    store.put("items/00/broken.txt", b"\xff\xfe")
    with pytest.raises(UnreadableText, match=r"items/00/broken\.txt"):
        read_text(store, "items/00/broken.txt")


@given(st.text())
def test_what_is_clean_is_left_as_it_is(text: str) -> None:
    try:
        clean = clean_text(text).text
    except UnreadableText:
        return
    assert clean_text(clean).text == clean
    assert clean.encode().decode() == clean
