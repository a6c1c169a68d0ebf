"""A model of texts tells classes apart, is the same file whenever it is written, and runs no code."""

import pickle

import numpy as np
import pytest

from blocks.errors import BadInput, BadWeights
from infra.demo.texts.letters import CLASSES, write_letters
from tasks.suggest.embedders.texts import TextEmbedder
from tasks.suggest.text_model import TextModel

LETTERS = list(write_letters(160, seed=1))
TEXTS = {str(n): text for n, (text, _) in enumerate(LETTERS)}
NAMES = {str(n): name for n, (_, name) in enumerate(LETTERS)}


@pytest.fixture(scope="module")
def model() -> TextModel:
    some = [str(n) for n in range(100)]
    return TextModel.of({key: TEXTS[key] for key in some}, {key: NAMES[key] for key in some})


def test_it_tells_texts_apart_that_it_has_not_seen(model: TextModel) -> None:
    assert model.classes == tuple(sorted(CLASSES))
    unseen = [str(n) for n in range(100, 160)]
    chances, vectors = model.say([TEXTS[key] for key in unseen])
    assert chances.shape == (60, 4)
    assert vectors.dtype == np.float16
    assert (chances >= 0).all()
    assert (chances.sum(axis=1) <= 1 + 1e-6).all()
    right = [model.classes[place] == NAMES[key] for key, place in zip(unseen, chances.argmax(axis=1), strict=True)]
    assert np.mean(right) > 0.75


def test_it_is_read_as_it_was_written_and_written_as_it_was_read(model: TextModel) -> None:
    again = TextModel.from_bytes(data := model.to_bytes())
    assert again.to_bytes() == data
    some = ["", "Grüße 👍🏽", "مرحبا", *list(TEXTS.values())[:3]]
    np.testing.assert_array_equal(again.say(some)[0], model.say(some)[0])


def test_no_texts_are_no_rows(model: TextModel) -> None:
    chances, _ = model.say([])
    assert chances.shape == (0, 4)


@pytest.mark.parametrize("data", [b"", b"no file", b"PK\x03\x04", pickle.dumps({"embedder": 1})])
def test_a_file_that_is_no_model_is_refused_and_nothing_of_it_runs(data: bytes) -> None:
    with pytest.raises(BadWeights):
        TextModel.from_bytes(data)


def test_a_model_cut_short_is_refused(model: TextModel) -> None:
    with pytest.raises(BadWeights):
        TextModel.from_bytes(model.to_bytes()[:-2_000])


def test_one_class_teaches_nothing() -> None:
    with pytest.raises(BadInput, match="1 classes"):
        TextModel.of({"a": "one", "b": "two"}, {"a": "x", "b": "x"})


def test_axes_that_do_not_fit_their_pieces_are_refused() -> None:
    embedder = TextEmbedder.of(["one text", "another one"])
    broken = TextEmbedder(embedder.pieces, embedder.axes[:, :-1])
    with pytest.raises(BadWeights, match="axes of shape"):
        TextEmbedder.from_bytes(broken.to_bytes())
