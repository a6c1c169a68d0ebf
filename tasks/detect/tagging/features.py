"""What a tagger sees of a token: its letters and shape, and those of its neighbours. Any script, no word lists."""

import re
from collections.abc import Sequence
from typing import Literal

from tasks.detect.tagging.tokens import Token

VERSION: Literal[1] = 1
"""Raise it with what is seen: weights know features by their names."""

LONGEST = 40
"""Of a word, as far as it is looked at: what is longer is an address or noise."""

_RUNS = re.compile(r"(.)\1+")


def features_of(tokens: Sequence[Token]) -> list[list[str]]:
    """Return the features of each token, as names."""
    seen = [_seen(token.text[:LONGEST]) for token in tokens]
    return [_with_neighbours(seen, at) for at in range(len(tokens))]


def _seen(word: str) -> dict[str, str]:
    lower, shape = word.lower(), _shape(word)
    return {"word": lower, "shape": shape, "kind": _RUNS.sub(r"\1", shape), "start": lower[:3], "end": lower[-3:]}


def _with_neighbours(seen: Sequence[dict[str, str]], at: int) -> list[str]:
    here = seen[at]
    names = ["bias", *(f"{name}={value}" for name, value in here.items())]
    names.append(f"end2={here['word'][-2:]}")
    for step in (-2, -1, 1, 2):
        place = at + step
        if not 0 <= place < len(seen):
            names.append(f"{step}:edge")
            continue
        names += [f"{step}:word={seen[place]['word']}", f"{step}:kind={seen[place]['kind']}"]
    if at:
        names.append(f"pair={seen[at - 1]['word']}|{here['word']}")
    return names


def _shape(word: str) -> str:
    """Return a word with its letters replaced by what they are: X upper, x lower, c of no case, 0 a digit."""
    return "".join(
        "0" if sign.isdigit() else "X" if sign.isupper() else "x" if sign.islower() else "c" if sign.isalpha() else sign
        for sign in word[:12]
    )
