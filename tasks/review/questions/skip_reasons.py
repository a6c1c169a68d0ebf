"""Why somebody skips a question: a small, optional list under every question, read from the skipped answer.

Label Studio keeps what a person chose when they press "Skip", and takes it although a required choice is missing. Text
that was typed and not yet entered it drops, so there is a list to choose from and no field to type in. Somebody who
chooses a reason and then answers all the same has answered: the reason is left out before the answer is read.
"""

from xml.etree import ElementTree

WHY = "why"
"""The control with which people say why they skip."""

REASONS = (
    "too dark or blurred",
    "too small or hidden",
    "the picture does not show",
    "the question does not fit",
    "something else",
)
"""What a person may choose: the first two are about the picture, the next two are mistakes of ours."""

SKIP_WHY = "skip-why"
"""The class of the line that holds the list, for its style in `kinds/controls.py`."""

SKIPPED = "the person skipped the question"


def add_why(view: ElementTree.Element, about: str) -> None:
    """Add the list to a label config.

    Args:
        view: The config so far; the list comes last.
        about: Name of the object that the answer is about.
    """
    line = ElementTree.SubElement(view, "View", className=SKIP_WHY)
    ElementTree.SubElement(line, "Header", value="If you skip: why?", size="6")
    control = ElementTree.SubElement(line, "Choices", name=WHY, toName=about, choice="single", layout="select")
    for number, reason in enumerate(REASONS, start=1):
        # Without keys of their own Label Studio gives them free ones of the question's row, and a slip chooses one.
        ElementTree.SubElement(control, "Choice", value=reason, hotkey=f"alt+shift+{number}")


def reason_of(result: object) -> str:
    """Return why a person skipped, in a line, as far as they said so; anything else in the result says nothing."""
    entries = [entry for entry in result if _is_why(entry)] if isinstance(result, list) else []
    values = [entry.get("value") for entry in entries]
    chosen = [value.get("choices") for value in values if isinstance(value, dict)]
    told = [word for words in chosen if isinstance(words, list) for word in words if word in REASONS]
    return f"{SKIPPED}: {', '.join(dict.fromkeys(told))}" if told else SKIPPED


def words_of(reason: str | None) -> str:
    """Return the person's own words in a reason that `reason_of` wrote; empty where they gave none."""
    return (reason or "").removeprefix(SKIPPED).removeprefix(": ")


def _is_why(entry: object) -> bool:
    return isinstance(entry, dict) and entry.get("from_name") == WHY
