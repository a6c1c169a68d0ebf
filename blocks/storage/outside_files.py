"""Files from outside, read at one door: regular files only, never longer than agreed, and one named error for all else.

A name says nothing of what is behind it: `data.yaml` may be a pipe that nobody writes to, a device without an end, a
link that leads to itself; JSON may be nested a million deep, YAML and XML may stand for a thousand times their size.
Nothing here waits, follows a reference, or takes more memory than its caller has agreed to.
"""

import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree import ElementTree
from xml.parsers import expat

import yaml

from blocks.errors import LabellingError

MOST_YAML_BYTES = 1_000_000
"""Ten thousand class names take a fifth of it."""

MOST_DEPTH = 100
"""Levels of nesting; a label file has five."""

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def open_regular(path: Path, error: type[LabellingError], most_bytes: int) -> BinaryIO:
    """Open a regular file for reading; links are followed, and nothing is waited for.

    Args:
        path: The file.
        error: What is raised.
        most_bytes: How long it may be.

    Raises:
        LabellingError: As `error`: it cannot be opened, is no regular file, or is longer.
    """
    try:
        # A pipe without a writer would hold us for ever: O_NONBLOCK sees to that, fstat to all that is no file.
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except (OSError, ValueError) as cause:
        why = getattr(cause, "strerror", None) or cause
        raise error(f"{path} cannot be read: {why}. Expected a file that this user may read.") from cause
    found = os.fstat(file.fileno())
    wrong = "" if stat.S_ISREG(found.st_mode) else _KINDS.get(stat.S_IFMT(found.st_mode), "no regular file")
    if not wrong and found.st_size > most_bytes:
        wrong = f"{found.st_size:,} bytes long"
    if wrong:
        file.close()
        raise error(f"{path} is {wrong}: expected a file of at most {most_bytes:,} bytes")
    return file


def read_bounded(path: Path, error: type[LabellingError], most_bytes: int) -> bytes:
    """Return a regular file's bytes; see `open_regular` for what is raised."""
    try:
        with open_regular(path, error, most_bytes) as file:
            data = file.read(most_bytes + 1)
    except OSError as cause:
        raise error(f"{path} cannot be read: {cause.strerror or cause}") from cause
    if len(data) > most_bytes:  # it grew meanwhile, or is one of those that say 0
        raise error(f"{path} is longer than {most_bytes:,} bytes, the most that is read of such a file")
    return data


def decode_text(data: bytes, name: str, error: type[LabellingError]) -> str:
    """Return UTF-8 text, a byte order mark at its start left out.

    Raises:
        LabellingError: As `error`: it is no such text.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        raise error(f"{name} is no UTF-8 text ({cause.reason} at byte {cause.start}): save it as UTF-8") from cause
    if "\0" in text:
        raise error(f"{name} is no text: byte {text.index(chr(0))} is zero. Save it as UTF-8")
    return text


def parse_json(data: bytes, name: str, error: type[LabellingError]) -> Any:
    """Return what a JSON text says.

    Raises:
        LabellingError: As `error`: it is broken, or nested too deep.
    """
    try:
        return json.loads(decode_text(data, name, error))
    except RecursionError as cause:
        raise error(f"{name} is nested too deep to be read: expected a few levels. Export it again.") from cause
    except ValueError as cause:
        raise error(f"{name} is broken JSON ({cause}): export it again") from cause


def parse_yaml(data: bytes, name: str, error: type[LabellingError]) -> Any:
    """Return what a YAML text says, without aliases: a few of them can stand for more than any memory holds.

    Raises:
        LabellingError: As `error`: it is broken, too long, nested too deep, or has aliases.
    """
    if len(data) > MOST_YAML_BYTES:
        raise error(f"{name} is {len(data):,} bytes of YAML: expected at most {MOST_YAML_BYTES:,}")
    text = decode_text(data, name, error)
    try:
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.AliasEvent):
                raise error(f"{name} has an alias (*{event.anchor}), which is not read here: write its value out")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MOST_DEPTH:
                raise error(f"{name} is nested more than {MOST_DEPTH} deep: expected a few levels")
        return yaml.load(text, Loader=_Loader)  # noqa: S506  # one of the two safe loaders
    except (yaml.YAMLError, RecursionError, ValueError, TypeError, OverflowError, LookupError, AttributeError) as cause:
        # beyond its own errors it raises what Python makes of 2026-99-99, and of tags that lie, such as `!!bool car`
        raise error(f"{name} is no readable YAML: {' '.join(str(cause).split())[:300]}") from cause


def parse_xml(data: bytes, name: str, error: type[LabellingError]) -> ElementTree.Element:
    """Return the root of an XML text that has no document type: with one, entities can stand for anything.

    Raises:
        LabellingError: As `error`: it is broken, nested too deep, or has a document type.
    """
    depth = 0

    def open_element(_name: str, _attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MOST_DEPTH:
            raise error(f"{name} is nested more than {MOST_DEPTH} deep: expected a few levels")

    def close_element(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def refuse_type(*_what: object) -> None:
        raise error(f"{name} has a document type: refused, as with entities it could stand for anything")

    # The parser itself says so, whatever the encoding: a search for "<!DOCTYPE" finds none in UTF-16.
    look = expat.ParserCreate()
    look.StartElementHandler, look.EndElementHandler = open_element, close_element
    look.StartDoctypeDeclHandler = refuse_type
    try:
        look.Parse(data, True)
        return ElementTree.fromstring(data)  # noqa: S314  # entities, the danger of XML, are refused above
    except (expat.ExpatError, ElementTree.ParseError, ValueError, LookupError) as cause:
        raise error(f"{name} is broken XML ({cause}): save it again") from cause
