"""A linear-chain conditional random field that tags tokens: its file, and what it says of a text.

CRFsuite trains it (`tasks/train/fitting/trainers/tagger.py`). Its own model files are read by C code that trusts them,
so weights that come from anywhere are kept as JSON instead, and decoded here: the likeliest tags (Viterbi), and how
likely each span is, over all ways to tag the rest (forward-backward).

Source:
    Lafferty, McCallum and Pereira, "Conditional random fields", ICML 2001; Sutton and McCallum, "An introduction to
    conditional random fields", 2012, section 4.
"""

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, ValidationError

from blocks.errors import BadWeights
from blocks.frozen import Frozen
from blocks.storage.outside_files import open_regular
from tasks.detect.tagging.features import VERSION, features_of
from tasks.detect.tagging.tokens import BEGIN, INSIDE, OUTSIDE, spans_of_tags, tokens_of
from tasks.kinds.geometry import Floats
from tasks.kinds.spans.scoring import ClassedSpan

SUFFIX = ".tagger"
"""Ending of its files."""

MOST_BYTES = 256 << 20
MOST_JSON_BYTES = 1 << 30
MOST_CLASSES = 200

Weight = Annotated[float, Field(allow_inf_nan=False, ge=-1e4, le=1e4)]


class TaggerWeights(Frozen):
    """What a tagger's file holds."""

    format: Literal["labelline-tagger-1"] = "labelline-tagger-1"
    features: Literal[1] = VERSION
    classes: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field(
        min_length=1, max_length=MOST_CLASSES
    )
    transitions: dict[str, dict[str, Weight]] = Field(description="from tag to tag")
    states: dict[str, dict[str, Weight]] = Field(description="by feature, the weight of each tag")

    def save(self, path: Path) -> None:
        """Write the file; the same weights give the same bytes."""
        path.write_bytes(gzip.compress(self.model_dump_json().encode(), mtime=0))


@dataclass(frozen=True, slots=True)
class FoundSpan:
    """A span that a tagger finds, and how likely it is, 0 to 1."""

    span: ClassedSpan
    score: float


class Tagger:
    """An open tagger."""

    def __init__(self, weights: TaggerWeights) -> None:
        self.classes = weights.classes
        self.tags = (OUTSIDE, *(mark + name for name in weights.classes for mark in (BEGIN, INSIDE)))
        place = {tag: at for at, tag in enumerate(self.tags)}
        known = {*weights.transitions, *(tag for row in weights.transitions.values() for tag in row)}
        known |= {tag for row in weights.states.values() for tag in row}
        if not known <= place.keys():
            raise BadWeights(f"a tagger of {', '.join(self.classes)} has weights of {', '.join(known - place.keys())}")
        self._steps = np.zeros((len(self.tags), len(self.tags)))
        for one, row in weights.transitions.items():
            for other, weight in row.items():
                self._steps[place[one], place[other]] = weight
        self._steps[self._cannot_follow()] = -np.inf
        self._first = np.array([-np.inf if tag.startswith(INSIDE) else 0.0 for tag in self.tags])
        self._states = {
            name: (np.array([place[tag] for tag in row], dtype=np.int64), np.array(list(row.values())))
            for name, row in weights.states.items()
        }

    def find(self, text: str) -> list[FoundSpan]:
        """Return the likeliest spans of a text, in order; none of them overlap."""
        tokens = tokens_of(text)
        if not tokens:
            return []
        emissions = self._emissions(features_of(tokens))
        forward, backward = self._forward(emissions), self._backward(emissions)
        total = float(_log_sum(forward[-1]))
        tags = [self.tags[at] for at in self._likeliest(emissions)]
        found = []
        for span, first, behind in spans_of_tags(tokens, tags):
            chance = self._log_chance(span.class_name, first, behind, emissions, forward, backward) - total
            found.append(FoundSpan(span, float(np.exp(min(0.0, chance)))))
        return found

    def _cannot_follow(self) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
        """Return which tag cannot stand before which: a span goes on only where it has begun."""
        rows = [[tag.startswith(INSIDE) and before[2:] != tag[2:] for tag in self.tags] for before in self.tags]
        return np.array(rows)

    def _emissions(self, features: list[list[str]]) -> Floats:
        scores = np.zeros((len(features), len(self.tags)))
        for at, names in enumerate(features):
            for name in names:
                known = self._states.get(name)
                if known is not None:
                    scores[at, known[0]] += known[1]
        return scores

    def _likeliest(self, emissions: Floats) -> list[int]:
        best = emissions[0] + self._first
        came_from = np.zeros(emissions.shape, dtype=np.int64)
        for at in range(1, len(emissions)):
            ways = best[:, None] + self._steps
            came_from[at] = ways.argmax(axis=0)
            best = ways.max(axis=0) + emissions[at]
        path = [int(best.argmax())]
        for at in range(len(emissions) - 1, 0, -1):
            path.append(int(came_from[at, path[-1]]))
        return path[::-1]

    def _forward(self, emissions: Floats) -> Floats:
        """Return the log weight of all ways to each tag of each token."""
        sums = np.zeros_like(emissions)
        sums[0] = emissions[0] + self._first
        for at in range(1, len(emissions)):
            sums[at] = _log_sum(sums[at - 1][:, None] + self._steps) + emissions[at]
        return sums

    def _backward(self, emissions: Floats) -> Floats:
        """Return the log weight of all ways from each tag of each token to the end."""
        sums = np.zeros_like(emissions)
        for at in range(len(emissions) - 2, -1, -1):
            sums[at] = _log_sum((self._steps + (emissions[at + 1] + sums[at + 1])[None]).T)
        return sums

    def _log_chance(
        self, class_name: str, first: int, behind: int, emissions: Floats, forward: Floats, backward: Floats
    ) -> float:
        """Return the log weight of all ways to tag a text that have one span at its place, and it ends there."""
        begin, inside = self.tags.index(BEGIN + class_name), self.tags.index(INSIDE + class_name)
        weight = float(forward[first, begin])
        last = begin
        for at in range(first + 1, behind):
            weight += float(self._steps[last, inside] + emissions[at, inside])
            last = inside
        if behind == len(emissions):
            return weight
        onwards = self._steps[last] + emissions[behind] + backward[behind]
        onwards[inside] = -np.inf
        return weight + float(_log_sum(onwards))


def open_tagger(path: Path) -> Tagger:
    """Read a tagger's file; nothing in it is run.

    Raises:
        BadWeights: There is none, or it is no tagger's, too large, or damaged.
    """
    if path.suffix != SUFFIX:
        raise BadWeights(f"weights {path.name} do not end in {SUFFIX}: expected a tagger that this line has trained")
    with open_regular(path, BadWeights, MOST_BYTES) as file:
        unpacked = zlib.decompressobj(wbits=31)
        try:
            data = unpacked.decompress(file.read(), MOST_JSON_BYTES)
            if not unpacked.eof:
                raise BadWeights(f"weights {path.name} are cut short, or more than {MOST_JSON_BYTES:,} bytes unpacked")
            return Tagger(TaggerWeights.model_validate_json(data))
        except (zlib.error, ValidationError) as error:
            raise BadWeights(f"weights {path.name} are no tagger's: {str(error)[:200]}") from error


def _log_sum(values: Floats) -> Floats:
    """Return the logarithm of the sum of exponentials down the first axis; at least one of each is finite."""
    most = np.maximum(values.max(axis=0), -1e300)
    return np.asarray(most + np.log(np.exp(values - most).sum(axis=0)))
