"""A text as an item: what of it is kept, how it is known, and what no line can use.

Its bytes in the object store are UTF-8 without a byte order mark, lines ended by a line feed, whatever it came in; the
item is known by their SHA-256, so the same text from two files is one item. Places in a text count code points.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from blocks.database.tables import Item
from blocks.errors import UnreadableText
from blocks.storage.stores import Store

MEDIA_TYPE = "text/plain"

MOST_BYTES = 2**20
"""Of one text, as UTF-8: some 200 pages. A person is through with a question in a minute, and reads a page."""

LINE_ENDS = "line ends of other systems, kept as line feeds"


@dataclass(frozen=True, slots=True)
class CleanText:
    """A text as it is kept.

    Attributes:
        text: Without carriage returns; at least one character that is no blank.
        notes: What was changed, in words that are the same for all such texts; mostly nothing.
    """

    text: str
    notes: tuple[str, ...] = ()


def is_text(item: Item) -> bool:
    """Say whether an item is a text, and no picture."""
    return item.media_type == MEDIA_TYPE


def clean_text(text: str) -> CleanText:
    """Return a text as it is kept. All that can be written down is: any script and direction, emoji, HTML.

    Raises:
        UnreadableText: It is empty, too long, or has what no text has: NUL, halves of characters.
    """
    if not text.strip():
        raise UnreadableText("the text is empty" if not text else "the text is nothing but blanks")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UnreadableText(f"a NUL character in line {line} of the text: a file that is no text, or a broken one")
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MOST_BYTES:
        raise UnreadableText(
            f"a text of {size:,} bytes, and {MOST_BYTES:,} are taken at most: cut it into parts that a person can read"
        )
    half = next((sign for sign in text if "\ud800" <= sign <= "\udfff"), None)
    if half is not None:
        line = text.count("\n", 0, text.index(half)) + 1
        raise UnreadableText(
            f"half of a character (U+{ord(half):04X}) in line {line} of the text: it was cut, or badly read"
        )
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return CleanText(plain, (LINE_ENDS,) if plain != text else ())


def keep_text(store: Store, text: str, name: str, sequence: str) -> Item:
    """Put a text into the store, and return its item; a text that is there already is not written again.

    Args:
        store: Where its bytes go.
        text: From `clean_text`.
        name: Under which people find it again.
        sequence: With which texts it stays together, in training or in test.

    Raises:
        StoreUnavailable: The store cannot be reached or written.
    """
    no_pixels: Any = None  # columns that may be null, and are typed as numbers: see tables.py
    data = text.encode()
    item_id = hashlib.sha256(data).hexdigest()
    key = f"items/{item_id[:2]}/{item_id}.txt"
    if not store.has(key):
        store.put(key, data, MEDIA_TYPE)
    return Item(
        id=item_id,
        key=key,
        name=name,
        sequence=sequence,
        media_type=MEDIA_TYPE,
        size_bytes=len(data),
        width=no_pixels,
        height=no_pixels,
        length=len(text),
        plain=True,
    )


def read_text(store: Store, key: str) -> str:
    """Return an item's text by its key in the store.

    Raises:
        UnreadableText: What is there is no text of an item.
        ObjectMissing: The store does not have it.
    """
    try:
        return store.get(key).decode()
    except UnicodeDecodeError as error:
        raise UnreadableText(f"{key}: {error}") from error
