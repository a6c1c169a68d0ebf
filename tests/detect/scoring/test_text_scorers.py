"""What models say of texts that are in no collection: the same as in a line, in the caller's own characters."""

from pathlib import Path

import numpy as np
import pytest

from blocks.storage.stores import Store
from tasks.detect.backends.safe_weights import version_of
from tasks.detect.refs import DetectorRef
from tasks.detect.scoring.protocol import NotScored, OpenScorer
from tasks.detect.scoring.registry import scorer_of
from tasks.detect.tagging.crf import open_tagger
from tasks.kinds.registry import label_kind
from tasks.suggest.text_model import TextModel
from tests.detect.scoring.models import save_tagger, save_text_model
from tests.kinds.spans.letters import CLASSES, write_letter


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tagger(tmp_path_factory.mktemp("tagger"))


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_text_model(tmp_path_factory.mktemp("classifier"))


def opened(store: Store, kind: str, weights: Path) -> OpenScorer:
    version = version_of(weights)
    key = f"weights/{version}{weights.suffix}"
    store.put(key, weights)
    ref = DetectorRef(version=version, weights_key=key, name="lot")
    return scorer_of(label_kind(kind), key).open(store, ref, 1)


def test_classes_of_texts_have_the_chances_that_a_line_uses(store: Store, classifier: Path) -> None:
    scorer, texts = opened(store, "classes", classifier), ["Where is my parcel?", "Ωραία", "a" * 30_000]
    model = TextModel.from_bytes(classifier.read_bytes())
    assert (scorer.takes, scorer.gives, scorer.labels) == ("text", "scores", model.classes)
    np.testing.assert_allclose(np.array(scorer.score(texts)), model.say(texts)[0], atol=1e-6)
    assert scorer.score([]) == []


def test_spans_are_those_of_the_tagger_with_their_words(store: Store, tagger: Path) -> None:
    scorer, texts = opened(store, "spans", tagger), [write_letter(seed)[0] for seed in range(200, 210)]
    assert (scorer.takes, scorer.gives, scorer.labels) == ("text", "spans", CLASSES)
    found = scorer.score(texts)
    expected = [[one for one in open_tagger(tagger).find(text) if one.score >= 0.25] for text in texts]
    places = [[(one["start"], one["end"], one["label"]) for one in row] for row in found if isinstance(row, list)]
    assert places == [[tuple(one.span) for one in row] for row in expected]
    assert sum(map(len, places)) > 10
    for text, row in zip(texts, found, strict=True):
        assert isinstance(row, list)
        assert all(text[one["start"] : one["end"]] == one["text"] for one in row)


def test_places_count_code_points_of_the_text_as_it_came(store: Store, tagger: Path) -> None:
    scorer = opened(store, "spans", tagger)
    text, spans = write_letter(250)
    (plain,) = scorer.score([text])
    (moved,) = scorer.score([f"🦜👍🏽\r\n{text}"])
    assert isinstance(plain, list)
    assert isinstance(moved, list)
    assert [one["text"] for one in plain] == [text[span.start : span.end] for span in spans]
    by_text = [(one["start"] + 5, one["label"]) for one in plain]
    assert [(one["start"], one["label"]) for one in moved] == by_text


@pytest.mark.parametrize("kind", ["classes", "spans"])
def test_what_no_item_can_be_has_the_same_reason_here(store: Store, tagger: Path, classifier: Path, kind: str) -> None:
    scorer = opened(store, kind, {"classes": classifier, "spans": tagger}[kind])
    good = "Ada met Grace in London"
    rows = scorer.score([good, "", " \n\t", "a\0b", "\ud83d", "ab" * 700_000, "<script>alert(1)</script>", good])
    assert [isinstance(row, NotScored) for row in rows] == [False, True, True, True, True, True, False, False]
    assert rows[0] == rows[-1]
    told = [row.reason for row in rows if isinstance(row, NotScored)]
    expected = ["is empty", "nothing but blanks", "NUL character in line 1", "half of a character", "1,400,000 bytes"]
    assert all(part in why for part, why in zip(expected, told, strict=True))
