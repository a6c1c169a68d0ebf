"""Very many classes: the likely nine of an item are on keys, all of them can be searched, and either is one answer.

What Label Studio shows is fixed for a project, but what a prediction fills in is not. So the nine names are a text that
comes with the prediction, renewed each time the question is opened, and the keys choose a line of it by its number:
the answer holds both. Whoever searches takes the keys away, and with them what was chosen there; so one of them counts,
and a person sees which. A blind question has no list, only the search.

Source:
    Label Studio 1.23.2: `visibleWhen` of Choices, View and Taxonomy (what is hidden is not submitted), TextArea. A list
    of Choices cannot be searched, and `Filter` does not work with them.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from xml.etree import ElementTree

from blocks.errors import BadRegion
from tasks.review.questions.kinds.choose import CANNOT_TELL

MANY = 30
"""More classes than that are searched: so many buttons still stand beside a picture."""

KEYS, CANNOT_TELL_KEY = "123456789", "0"

KEY = "key"
"""The control whose keys choose a line of the list."""

LIKELY = "likely"
"""The control that holds the list."""

LISTED = "listed"
"""The hidden control that says that there is a list."""

SEARCH = "search"
"""The control in which all classes are searched."""

YES = "yes"

SEPARATOR = "\u2063"
"""Between the levels of what is searched: invisible, and in no name of a class, so there is only one level."""

STYLE = """
.nine { position: relative; max-width: 860px; }
.nine .listed, .nine .names form, .nine .names button { display: none !important; }
.nine .names .lsf-text-area { margin: 0 !important; }
.nine .names [data-testid="textarea-regions"], .nine .keys {
  display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); grid-auto-rows: 32px; gap: 4px; margin: 0 !important;
}
.nine .names .lsf-row, .nine .names .lsf-textarea__region { margin: 0; padding: 0; height: 32px; width: 100%; }
.nine .names [data-testid="htx-textbox-content"] { height: 32px; min-height: 32px; padding: 5px 8px 3px 56px; }
.nine .names p { margin: 0; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
.nine .keys { position: absolute; top: 0; left: 0; right: 0; z-index: 1; }
.nine .keys .lsf-choice, .nine .keys .lsf-choice__item, .nine .keys label {
  display: flex; align-items: center; width: 100%; height: 32px; margin: 0 !important; padding: 0 !important;
}
.nine .keys label { padding: 0 8px !important; cursor: pointer; }
.nine .keys .ant-checkbox { top: 0; }
.nine .keys sup { display: none; }
.nine .rest { display: flex; flex-wrap: wrap; align-items: center; column-gap: 24px; }
.nine .rest > .lsf-choices { display: flex; flex-wrap: wrap; column-gap: 24px; }
"""
"""The keys lie over the names, three in a row as on a keypad, so that a click on a name presses its key."""


def are_many(classes: Sequence[str]) -> bool:
    """Say whether there are so many classes that they are searched."""
    return len(classes) > MANY


def how_to_choose(classes: Sequence[str]) -> str:
    """Say how people choose one of some classes."""
    if not are_many(classes):
        return "One key, then submit."
    return "Its key, where it is on the list; else click beneath the list and type some letters of it. Then submit."


def nine_of(likely: Iterable[str], classes: Sequence[str]) -> list[str]:
    """Return what stands on the keys: what is likely, the likeliest first, and then what comes first in the line."""
    known = frozenset(classes)
    return list(dict.fromkeys([*(name for name in likely if name in known), *classes[: len(KEYS)]]))[: len(KEYS)]


def add_many(view: ElementTree.Element, about: str, classes: Sequence[str]) -> ElementTree.Element:
    """Add the keys with their list, and the search, to a label config; return the control of the keys."""
    add, unsearched = ElementTree.SubElement, {"visibleWhen": "choice-unselected", "whenTagName": SEARCH}
    add(view, "Style").text = STYLE
    nine = add(view, "View", className="nine")
    listed = add(add(nine, "View", className="listed"), "Choices", name=LISTED, toName=about, choice="single")
    add(listed, "Choice", value=YES, hotkey="alt+shift+y")
    names = add(nine, "View", {"className": "names", **unsearched})
    add(names, "TextArea", name=LIKELY, toName=about, maxSubmissions="1", editable="false")
    rest = add(nine, "View", className="rest")
    keys = add(rest, "Choices", {"name": KEY, "toName": about, "choice": "single", "required": "true", **unsearched})
    shown = {"visibleWhen": "choice-selected", "whenTagName": LISTED, "whenChoiceValue": YES}
    lines = add(keys, "View", {"className": "keys", **shown})
    for key in KEYS:
        add(lines, "Choice", value=key, hotkey=key)
    add(keys, "Choice", value=CANNOT_TELL, hotkey=CANNOT_TELL_KEY)
    told = {"placeholder": f"Another one of {len(classes):,} classes: type some letters", "maxUsages": "1"}
    form = {"pathSeparator": SEPARATOR, "minWidth": "400px"}
    search = add(rest, "Taxonomy", {"name": SEARCH, "toName": about, **told, **form})
    for name in classes:
        add(search, "Choice", value=name)
    return keys


def listed_regions(names: Sequence[str], about: str) -> list[dict[str, Any]]:
    """Return the regions of a prediction that show a list of names."""
    here = {"to_name": about}
    return [
        {"id": "likely", "type": "textarea", "from_name": LIKELY, "value": {"text": list(names)}, **here},
        {"id": "listed", "type": "choices", "from_name": LISTED, "value": {"choices": [YES]}, **here},
    ]


def key_region(place: int, id_: str, about: str) -> dict[str, Any]:
    """Return the line of a list, from 0, as Label Studio has it that is chosen."""
    value = {"choices": [KEYS[place]]}
    return {"id": id_, "type": "choices", "from_name": KEY, "to_name": about, "value": value}


def searched_region(class_name: str, id_: str, about: str) -> dict[str, Any]:
    """Return a class as Label Studio has it that was searched."""
    value = {"taxonomy": [[class_name]]}
    return {"id": id_, "type": "taxonomy", "from_name": SEARCH, "to_name": about, "value": value}


def read_chosen(result: Sequence[Any]) -> list[tuple[object, str]]:
    """Return what was chosen by keys and by the search, each with the id of its region.

    Raises:
        BadRegion: A key was pressed for which the list has no line.
    """
    searched = [
        (path[-1] if isinstance(path, list) and path else path, str(entry.get("id")))
        for entry in entries_of(result, SEARCH)
        for path in list_in(entry, "taxonomy")
    ]
    if searched:
        return searched  # an editor sends no key beside it
    names = [name for entry in entries_of(result, LIKELY) for name in list_in(entry, "text")]
    return [
        (_line(name, names) if isinstance(name, str) and name in KEYS else name, str(entry.get("id")))
        for entry in entries_of(result, KEY)
        for name in list_in(entry, "choices")
    ]


def _line(key: str, names: Sequence[object]) -> object:
    place = KEYS.index(key)
    if place >= len(names):
        raise BadRegion(f"the answer chooses line {key!r} of a list of {len(names)} classes")
    return names[place]


def entries_of(result: Sequence[Any], control: str) -> list[dict[str, Any]]:
    """Return what a result says of one control."""
    return [
        entry
        for entry in result
        if isinstance(entry, dict) and entry.get("from_name") == control and isinstance(entry.get("value"), dict)
    ]


def list_in(entry: dict[str, Any], name: str) -> list[Any]:
    """Return what an entry's value has under a name, as a list; none of it is sure to be text."""
    found = entry["value"].get(name)
    return found if isinstance(found, list) else [found]
