"""Names that people give, and the keys that servers want made of them.

A name is data: collections are called like their folders, classes as people speak. So a name is checked once, in words,
and whatever a server allows less of gets a key: readable, and with a hash of the name wherever the name was changed or
cut, so that two names never share one.
"""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, ValidatorFunctionWrapHandler, WrapValidator

from blocks.errors import BadOption
from blocks.home import labelline_home
from blocks.naming.patterns import compile_pattern
from blocks.storage.stores import is_key

MOST_CHARACTERS = 100
"""Of a collection's name: what is read in lists, and fits into every key with room for more."""

MOST_IN_CLASS = 200
"""Of a class: some catalogues of parts spell out whole sentences."""

HASH_DIGITS = 8

MOST_PART_BYTES = 150

_HASHED = re.compile(rf"--[0-9a-f]{{{HASH_DIGITS}}}$")
_FILLED_IN = re.compile(r"\$[\w\[\].{}]")


def hash_of(name: str, digits: int = HASH_DIGITS) -> str:
    """Return the first hex digits of the SHA-256 of a name."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:digits]


def key_of(name: str, allowed: str, most: int, *, mark: str = "--") -> str:
    """Return a readable key: the name where a server takes it as it is, or what it takes of it, a mark, and a hash.

    Args:
        name: Any text.
        allowed: The characters that the server takes, as the inside of a regular expression's brackets.
        most: The longest key that it takes, more than the mark and the hash need.
        mark: Between both parts; of allowed characters. A name that ends like a key made here is hashed too, so that
            nobody's name is another's key.
    """
    plain = _plain_letters(name) if "A-Z" in allowed else _plain_letters(name).lower()
    safe = re.sub(f"[^{allowed}]+", "-", plain).strip("-.")
    if safe == name and len(name) <= most and not re.search(f"{re.escape(mark)}[0-9a-f]{{{HASH_DIGITS}}}$", name):
        return name
    room = most - len(mark) - HASH_DIGITS
    return f"{safe[:room].strip('-.') or 'name'}{mark}{hash_of(name)}"


def object_key_part(name: str) -> str:
    """Return what stands for a name between two slashes of an object's key: the name itself, where a store takes it."""
    is_part = is_key(name) and "/" not in name and len(name.encode()) <= MOST_PART_BYTES
    return name if is_part and not _HASHED.search(name) else key_of(name, "A-Za-z0-9._-", MOST_CHARACTERS)


def _plain_letters(name: str) -> str:
    """Return a name with é as e, so that what is left of it can be read."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))


def check_collection(name: str) -> str:
    """Return a collection's name without blanks around it, in the one of Unicode's forms in which names are compared.

    Raises:
        ValueError: It is empty, too long, begins with a dot or a dash, or has characters that no folder of people has.
    """
    text = _checked("collection", name, MOST_CHARACTERS)
    wrong = sorted(set(text) & set("/\\<>"))
    if wrong:
        raise ValueError(
            f"the collection {_shown(name)} has {' and '.join(wrong)} in its name: give it one of letters, digits, "
            "blanks and other signs, such as the folder's own name"
        )
    if text[0] in ".-":
        raise ValueError(
            f"the collection {_shown(name)} begins with {text[0]!r}: begin its name with a letter, a digit or another "
            "sign"
        )
    return text


def check_class(name: str) -> str:
    """Return a class's name without blanks around it; all that can be printed is taken.

    Raises:
        ValueError: It is empty, too long, has characters that cannot be seen, or would be filled in by Label Studio.
    """
    text = _checked("class", name, MOST_IN_CLASS)
    if _FILLED_IN.search(text):
        raise ValueError(
            f"the class {_shown(name)} has a dollar sign before a letter or a digit, which Label Studio takes for a "
            "place to fill in: write a blank between them, or a word for the sign"
        )
    return text


def check_classes(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of classes that people can tell apart.

    Raises:
        ValueError: One is given twice, or two differ by capitals or by what nobody sees only.
    """
    seen: dict[str, str] = {}
    for name in names:
        read = " ".join("".join(sign for sign in name if not _joins_emoji(sign)).casefold().split())
        before = seen.get(read)
        if before == name:
            raise ValueError(f"the class {name!r} is named twice: name it once")
        if before is not None:
            what = "capitals" if before.casefold() == name.casefold() else "blanks or signs that nobody sees"
            raise ValueError(
                f"the classes {before!r} and {name!r} differ by {what} only, and nobody would tell them apart: "
                "keep one, written as the detector and earlier labels write it"
            )
        seen[read] = name
    return tuple(names)


def check_folder(folder: str) -> str:
    """Return the path of a folder of pictures.

    Raises:
        ValueError: It is empty, the root of the machine, or holds or is part of what the stack itself keeps.
    """
    if not folder.strip() or not folder.isprintable():
        raise ValueError(
            f"the folder {_shown(folder)} is no path: expected a folder of pictures, such as /data/photos or inbox"
        )
    path, home = Path(folder).expanduser().resolve(), labelline_home()
    if path == Path(path.anchor):
        raise ValueError(f"the folder {folder!r} is all of this machine: name the folder that has the pictures")
    below_home = path.relative_to(home).parts if path.is_relative_to(home) else None
    if below_home is not None and (not below_home or below_home[0] in OWN_FOLDERS or below_home[0].startswith(".")):
        raise ValueError(
            f"the folder {folder!r} is where Labelline keeps its own files ({home}): name the folder that has the "
            "pictures"
        )
    if home.is_relative_to(path) and not any(part.startswith(".") for part in home.relative_to(path).parts):
        raise ValueError(
            f"the folder {folder!r} also holds Labelline's own files ({home}), whose pictures would be taken in again: "
            "name a folder below it"
        )
    return folder


OWN_FOLDERS = frozenset({"objects", "label-studio", "prefect", "mlruns", "logs", "cache", "imports"})
"""What the stack keeps in its state folder, where pictures of its own lie as well."""


def check_pattern(pattern: str) -> str:
    """Return a regular expression as it is.

    Raises:
        ValueError: It cannot be used; in words.
    """
    try:
        compile_pattern(pattern)
    except BadOption as error:
        raise ValueError(str(error)) from error
    return pattern


def _given_once(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """Refuse two names that come to one class, such as `car` and `car ` with a blank: one would vanish."""
    kinds = read(value)
    if len(kinds) < len(value):
        raise ValueError(f"{len(value)} entries come to {len(kinds)} classes ({', '.join(kinds)}): name each once")
    return kinds


CollectionName = Annotated[str, AfterValidator(check_collection)]
ClassName = Annotated[str, AfterValidator(check_class)]
ClassNames = Annotated[tuple[ClassName, ...], AfterValidator(check_classes)]
KindsByClass = Annotated[dict[ClassName, ClassNames], WrapValidator(_given_once)]
PictureFolder = Annotated[str, AfterValidator(check_folder)]
SequencePattern = Annotated[str, AfterValidator(check_pattern)]


def _checked(what: str, name: str, most: int) -> str:
    text = unicodedata.normalize("NFC", name).strip()
    if all(_joins_emoji(sign) for sign in text):
        raise ValueError(f"a {what} without a name: give it one")
    if len(text) > most:
        raise ValueError(
            f"the {what} {_shown(name)} has a name of {len(text)} characters: at most {most} are taken, shorten it"
        )
    unseen = next((sign for sign in text if not (sign.isprintable() or _joins_emoji(sign))), None)
    if unseen is not None:
        raise ValueError(
            f"the {what} {_shown(name)} has a character that cannot be seen in its name (U+{ord(unseen):04X}): leave "
            "it out"
        )
    return text


def _joins_emoji(sign: str) -> bool:
    """Say whether a sign is the one that makes one picture of several emoji, or shows which way a script runs."""
    return sign in "\u200c\u200d"


def _shown(name: str) -> str:
    return repr(name if len(name) <= 60 else f"{name[:40]}…{name[-10:]}")
