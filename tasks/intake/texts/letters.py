"""Which letters the bytes of a text file stand for: as its byte order mark says, as somebody says, else UTF-8.

Nothing is guessed: Windows' western and central European code pages read each other's files without an error, and turn
letters into others. A file that is none of it says in which line.
"""

import codecs
import re
from pathlib import Path

from blocks.errors import BadOption, UnreadableText

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_LONE_BYTES = re.compile("[\udc80-\udcff]+")
ADVICE = "save it as UTF-8, or say how its letters are written, such as cp1252 (Windows in western Europe)"


def check_encoding(name: str) -> str:
    """Return the name of an encoding as it is.

    Raises:
        BadOption: Python knows none of this name, or it is none of texts.
    """
    try:
        if codecs.lookup(name)._is_text_encoding:
            return name
    except LookupError:
        pass
    raise BadOption(f"{name!r} is no encoding of texts that is known: expected one such as utf-8, cp1252 or shift_jis")


def encoding_of(start: bytes, said: str | None) -> str:
    """Return how a file's letters are written: as its mark says, else as said, else UTF-8.

    Args:
        start: Its first four bytes, or more.
        said: What somebody says of it.
    """
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    return marked or said or "utf-8"


def read_letters(data: bytes, said: str | None = None) -> str:
    """Return the text of a file.

    Raises:
        UnreadableText: Its bytes are no text in its encoding; with the line.
    """
    encoding = encoding_of(data[:4], said)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableText(
            f"line {line} is no {encoding}: byte 0x{data[error.start]:02X} ({error.reason}); {ADVICE}"
        ) from error


def why_unread(text: str, encoding: str) -> str | None:
    """Say which bytes of a text, decoded with `surrogateescape`, stand for no letter; None: all do."""
    found = _LONE_BYTES.search(text)
    if found is None:
        return None
    shown = " ".join(f"0x{ord(sign) - 0xDC00:02X}" for sign in found[0][:4])
    return f"no {encoding} (byte {shown}): {ADVICE}"


def start_of(path: Path) -> bytes:
    """Return the first bytes of a file, as `encoding_of` takes them.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return file.read(4)
