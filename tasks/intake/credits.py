"""What is known of a picture that somebody else made: where it lies, who made it, and what may be done with it."""

from dataclasses import dataclass

MOST_CHARACTERS = 2_000
"""Of each; an attribution is a line."""


@dataclass(frozen=True, slots=True)
class Credit:
    """Where something comes from, as its list or its service says; None: it does not say.

    Attributes:
        url: Of its bytes, without what in it may be a key.
        page_url: Where people see it.
        title: What it is called there.
        author: Who made it.
        licence: By its name, such as `CC BY 4.0`.
        licence_url: Where the licence stands.
    """

    url: str
    page_url: str | None = None
    title: str | None = None
    author: str | None = None
    licence: str | None = None
    licence_url: str | None = None


CREDITED = ("page_url", "title", "author", "licence", "licence_url")
"""What may be said beside the address."""


def cut_to_fit(text: str) -> str | None:
    """Return what somebody else wrote in one line that fits; None: there is nothing to read in it."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text[: 4 * MOST_CHARACTERS])
    return " ".join(shown.split())[:MOST_CHARACTERS] or None
