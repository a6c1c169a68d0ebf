"""A class that is missing among the choices: people write it down, and the line's owner decides what becomes of it.

Until then the item has no label: nobody has said that it shows one of the others.
"""

import unicodedata
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from blocks.errors import BadRegion
from blocks.naming.names import check_class
from tasks.review.questions.kinds.choose import CANNOT_TELL, AnsweredKind
from tasks.review.questions.kinds.classes.many import entries_of, list_in

MISSING = "its class is missing"
"""The choice of a person who sees a class that is not offered."""

MISSING_KEY = "m"

WRITTEN = "missing"
"""The control in which people write it down."""

STYLE = ".missing { max-width: 460px; }"


def key_of_class(name: str) -> str:
    """Return by what two ways to write a class are taken for one: capitals and blanks say nothing."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def refuse_ways_out(classes: Sequence[str]) -> None:
    """Refuse classes that are called as a way out of their question is.

    Raises:
        ValueError: One is.
    """
    for taken, who in ((CANNOT_TELL, "cannot tell"), (MISSING, "see another class")):
        if taken in classes:
            raise ValueError(f"no class can be called {taken!r}: that is what people choose who {who}")


def add_missing(view: ElementTree.Element, choices: ElementTree.Element, about: str) -> None:
    """Let people say that a class is missing, and which one.

    Args:
        view: The config so far.
        choices: The control that has "cannot tell", beside which it stands.
        about: Name of the object that the answer is about.
    """
    ElementTree.SubElement(view, "Style").text = STYLE
    ElementTree.SubElement(choices, "Choice", value=MISSING, hotkey=MISSING_KEY)
    shown = {"visibleWhen": "choice-selected", "whenTagName": choices.get("name", ""), "whenChoiceValue": MISSING}
    line = ElementTree.SubElement(view, "View", {"className": "missing", **shown})
    told = {"placeholder": "Which class? Enter keeps it", "maxSubmissions": "1", "editable": "true"}
    ElementTree.SubElement(line, "TextArea", {"name": WRITTEN, "toName": about, **told})


def missing_region(name: str, id_: str, about: str) -> dict[str, Any]:
    """Return a missing class as Label Studio has it that somebody wrote down."""
    return {"id": id_, "type": "textarea", "from_name": WRITTEN, "to_name": about, "value": {"text": [name]}}


def read_missing(result: Sequence[Any], classes: Sequence[str]) -> AnsweredKind:
    """Return the class that somebody wrote down; one that there is after all is a choice like any other.

    Raises:
        BadRegion: There is none, or it cannot be the name of a class.
    """
    written = [name for entry in entries_of(result, WRITTEN) for name in list_in(entry, "text")]
    if len(written) != 1 or not isinstance(written[0], str):
        raise BadRegion(f"the answer says that a class is missing, and names {len(written)} (expected one)")
    try:
        name = check_class(written[0])
    except ValueError as error:
        raise BadRegion(f"the class that is missing: {error}") from None
    known = {key_of_class(one): one for one in classes}
    there = name if name in classes else known.get(key_of_class(name))
    if there is not None:
        return AnsweredKind(kind=there, verdict="kind")
    if key_of_class(name) in {key_of_class(CANNOT_TELL), key_of_class(MISSING)}:
        raise BadRegion(f"no class can be called {name!r}: that is a choice of the question")
    return AnsweredKind(kind=None, verdict="missing_class", missing=name)
