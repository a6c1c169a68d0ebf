"""What people chose for a whole item, in whichever way its question let them: buttons, keys, or the search."""

from collections.abc import Sequence
from typing import Any

from blocks.errors import BadRegion, UnknownClass
from tasks.review.questions.kinds.choose import CANNOT_TELL, AnsweredKind
from tasks.review.questions.kinds.classes.many import entries_of, list_in, read_chosen
from tasks.review.questions.kinds.classes.missing import MISSING, read_missing
from tasks.review.questions.kinds.controls import IMAGE
from tasks.review.questions.kinds.protocol import LIVE, live_id

CLASS = "class"
"""The control with a button for each class."""


def chosen_region(class_name: str, id_: str, about: str = IMAGE) -> dict[str, Any]:
    """Return a class as Label Studio has it that is chosen for a picture, or for the object of another name."""
    return {"id": id_, "type": "choices", "from_name": CLASS, "to_name": about, "value": {"choices": [class_name]}}


def read_class(result: Sequence[Any], classes: Sequence[str]) -> AnsweredKind:
    """Return which class a person chose for an item, or wrote down as missing.

    Raises:
        BadRegion: The answer is not exactly one choice, or names no class where it says that one is missing.
        UnknownClass: The choice is none of the classes.
    """
    buttons = [
        (name, str(entry.get("id")))
        for entry in entries_of(result, CLASS)
        for name in list_in(entry, "choices") or [None]
    ]
    chosen = buttons or read_chosen(result)
    if len(chosen) != 1 or not isinstance(chosen[0][0], str):
        raise BadRegion(
            f"the answer chooses {', '.join(repr(name) for name, _ in chosen) or 'nothing'} for one item (expected one "
            f"class, or {CANNOT_TELL!r})"
        )
    name, id_ = str(chosen[0][0]), chosen[0][1]
    if name == MISSING:
        return read_missing(result, classes)
    suggested = next((one for one in classes if live_id(one) == id_), None) if id_.startswith(LIVE) else None
    as_suggested = suggested == name if id_.startswith(LIVE) else None
    if name != CANNOT_TELL and name not in classes:
        raise UnknownClass.named(name, classes, "the label config")
    kind, verdict = (None, "cannot_tell") if name == CANNOT_TELL else (name, "kind")
    return AnsweredKind(kind=kind, verdict=verdict, as_suggested=as_suggested, suggested=suggested)
