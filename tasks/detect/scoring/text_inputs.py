"""Texts from outside, as far as a line could have them: what no item can be is no input either, for the same reason."""

from collections.abc import Callable, Sequence
from typing import Any

from blocks.errors import BadInput
from tasks.detect.scoring.protocol import NotScored
from tasks.intake.texts.text_items import clean_text


def scored_texts(
    texts: Sequence[str], score: Callable[[Sequence[str]], Sequence[list[Any]]]
) -> list[list[Any] | NotScored]:
    """Return what a model says of each text that can be used, and of the others why they cannot be.

    Args:
        texts: 0 or more. They are scored as they came, so places in them are those that the caller counts.
        score: Given the usable ones, returns a row for each.
    """
    rows: list[list[Any] | NotScored] = [_refusal(text) or [] for text in texts]
    usable = [number for number, row in enumerate(rows) if not isinstance(row, NotScored)]
    for number, said in zip(usable, score([texts[number] for number in usable]), strict=True):
        rows[number] = said
    return rows


def _refusal(text: str) -> NotScored | None:
    try:
        clean_text(text)
    except BadInput as error:
        return NotScored(str(error))
    return None
