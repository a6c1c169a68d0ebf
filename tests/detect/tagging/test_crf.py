"""A tagger says what all ways to tag a text say together, added up one by one; files made to harm are refused."""

import gzip
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blocks.errors import BadWeights
from tasks.detect.tagging.crf import Tagger, TaggerWeights, open_tagger
from tasks.detect.tagging.features import features_of
from tasks.detect.tagging.tokens import INSIDE, spans_of_tags, tokens_of

CLASSES = ("PER", "LOC")
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
TEXT = "Ada met Bo Li"


def made_up(seed: int) -> TaggerWeights:
    rng = np.random.default_rng(seed)
    names = sorted({name for row in features_of(tokens_of(TEXT)) for name in row})
    return TaggerWeights(
        classes=CLASSES,
        transitions={one: {other: float(rng.normal()) for other in TAGS} for one in TAGS},
        states={name: {tag: float(rng.normal(0, 0.7)) for tag in TAGS if rng.random() < 0.5} for name in names},
    )


def every_way(weights: TaggerWeights) -> dict[tuple[str, ...], float]:
    """The weight of each way to tag the text in which a span goes on only where it has begun."""
    seen, ways = features_of(tokens_of(TEXT)), {}
    for tags in itertools.product(TAGS, repeat=len(seen)):
        before = ("O", *tags)
        if any(tag.startswith(INSIDE) and one[2:] != tag[2:] for one, tag in itertools.pairwise(before)):
            continue
        score = sum(weights.states[name].get(tag, 0.0) for tag, names in zip(tags, seen, strict=True) for name in names)
        score += sum(weights.transitions[one][other] for one, other in itertools.pairwise(tags))
        ways[tags] = float(np.exp(score))
    return ways


@pytest.mark.parametrize("seed", range(12))
def test_the_likeliest_spans_and_their_chances_are_those_of_all_ways_together(seed: int) -> None:
    weights, tokens = made_up(seed), tokens_of(TEXT)
    ways = every_way(weights)
    best = max(ways, key=lambda tags: ways[tags])
    found = Tagger(weights).find(TEXT)
    assert [one.span for one in found] == [span for span, _, _ in spans_of_tags(tokens, best)]
    for one in found:
        have = sum(w for tags, w in ways.items() if one.span in [span for span, _, _ in spans_of_tags(tokens, tags)])
        assert one.score == pytest.approx(have / sum(ways.values()))


def test_a_text_without_a_word_has_no_span() -> None:
    assert Tagger(made_up(0)).find(" \n ") == Tagger(made_up(0)).find("") == []


def test_weights_come_back_from_their_file_and_the_same_ones_have_the_same_bytes(tmp_path: Path) -> None:
    one, other = tmp_path / "one.tagger", tmp_path / "other.tagger"
    made_up(1).save(one)
    made_up(1).save(other)
    assert one.read_bytes() == other.read_bytes()
    assert open_tagger(one).find(TEXT) == Tagger(made_up(1)).find(TEXT)


GOOD = made_up(2).model_dump(mode="json")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "cut short"),
        (b"lCRF....", "no tagger's"),
        (gzip.compress(json.dumps(GOOD).encode())[:-9], "cut short"),
        (gzip.compress(b"[]"), "no tagger's"),
        (gzip.compress(b"\x80\x04cos\nsystem\n"), "no tagger's"),
        (gzip.compress(json.dumps(GOOD | {"format": "another"}).encode()), "format"),
        (gzip.compress(json.dumps(GOOD | {"features": 2}).encode()), "features"),
        (gzip.compress(json.dumps(GOOD | {"classes": []}).encode()), "classes"),
        (gzip.compress(json.dumps(GOOD | {"states": {"bias": {"B-PER": 1e300}}}).encode()), "states"),
        (gzip.compress(json.dumps(GOOD | {"states": {"bias": {"B-CAR": 1.0}}}).encode()), "weights of B-CAR"),
        (gzip.compress(json.dumps(GOOD | {"transitions": {"O": {"O": None}}}).encode()), "transitions"),
    ],
    ids=range(11),  # what is packed holds the time at which it was
)
def test_a_file_that_is_no_taggers_is_refused_by_name(tmp_path: Path, data: bytes, told: str) -> None:
    path = tmp_path / "weights.tagger"
    path.write_bytes(data)
    with pytest.raises(BadWeights, match=told):
        open_tagger(path)


@pytest.mark.parametrize(("name", "told"), [("weights.pt", "do not end in .tagger"), ("none.tagger", "none.tagger")])
def test_another_file_or_none_is_refused(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(BadWeights, match=told):
        open_tagger(tmp_path / name)


def test_a_file_that_unpacks_to_more_than_is_read_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("tasks.detect.tagging.crf.MOST_JSON_BYTES", 1000)
    path = tmp_path / "bomb.tagger"
    path.write_bytes(gzip.compress(b" " * 100_000))
    with pytest.raises(BadWeights, match="unpacked"):
        open_tagger(path)
