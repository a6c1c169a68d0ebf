"""What a model says of pictures that are in no collection: the same as in a line, and nothing that is no number."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from blocks.errors import BadOption
from blocks.storage.stores import Store
from tasks.detect.backends.safe_weights import version_of
from tasks.detect.proposers.class_network import open_class_network
from tasks.detect.proposers.classifier import fit_square
from tasks.detect.refs import DetectorRef
from tasks.detect.scoring.classes import ClassScoring
from tasks.detect.scoring.protocol import NotScored
from tasks.detect.scoring.registry import SCORERS, scorer_of
from tasks.kinds.registry import KINDS
from tests.detect.proposers.conftest import save_colour_classifier


def keep(store: Store, weights: Path) -> DetectorRef:
    version = version_of(weights)
    store.put(f"weights/{version}.pt", weights)
    return DetectorRef(version=version, weights_key=f"weights/{version}.pt", name="lot")


def test_scores_are_those_of_the_network_that_a_line_uses(store: Store, tmp_path: Path) -> None:
    weights = save_colour_classifier(tmp_path / "colours.pt")
    pictures = [np.random.default_rng(seed).integers(0, 255, (40, 70, 3), dtype=np.uint8) for seed in range(5)]
    encoded = [cv2.imencode(".png", picture)[1].tobytes() for picture in pictures]
    scored = ClassScoring().open(store, keep(store, weights), 50_000_000).score([*encoded, b"none"])
    said, _ = open_class_network(weights).say([fit_square(picture, 64) for picture in pictures])
    np.testing.assert_allclose(np.array(scored[:5]), said, atol=1e-5)
    assert isinstance(scored[5], NotScored)


def test_of_nothing_nothing_is_said(store: Store, tmp_path: Path) -> None:
    opened = ClassScoring().open(store, keep(store, save_colour_classifier(tmp_path / "colours.pt")), 50_000_000)
    assert opened.score([]) == []


def test_scores_that_are_no_numbers_are_a_reason(store: Store, tmp_path: Path) -> None:
    weights = save_colour_classifier(tmp_path / "colours.pt")
    kept = torch.load(weights, weights_only=False)
    with torch.no_grad():
        kept["model"].model[-1].linear.bias[0] = float("nan")
    torch.save(kept, weights)
    opened = ClassScoring().open(store, keep(store, weights), 50_000_000)
    (row,) = opened.score([cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()])
    assert row == NotScored("the model gives this picture scores that are no numbers: train it again")


def test_a_kind_that_nobody_scores_says_so() -> None:
    for kind in KINDS.values():
        if kind.proposer in SCORERS:
            assert scorer_of(kind).name == kind.proposer
        else:
            with pytest.raises(BadOption, match=f"models of {kind.name} cannot be asked from outside yet"):
                scorer_of(kind)
