"""Classifiers come from strangers as detectors do: the same distrust, and what they say is checked."""

import os

import numpy as np
import pytest
import torch

from blocks.errors import BadWeights
from tasks.detect.backends.safe_weights import open_network
from tasks.detect.proposers.class_network import USUAL_PX, open_class_network
from tests.detect.conftest import save_tiny
from tests.detect.proposers.conftest import SIDE_PX, save_colour_classifier


def plain(colour_bgr, side_px=SIDE_PX):
    return np.full((side_px, side_px, 3), colour_bgr, dtype=np.uint8)


def test_probabilities_are_those_of_the_classes_and_add_up(class_weights):
    network = open_class_network(class_weights)
    assert (network.classes, network.side_px) == (("red", "green", "blue"), SIDE_PX)
    said, features = network.say([plain((0, 0, 255)), plain((0, 255, 0)), plain((255, 0, 0))])
    assert said.argmax(axis=1).tolist() == [0, 1, 2]
    assert said.sum(axis=1) == pytest.approx(1)
    assert features.shape == (3, 1280)


def test_it_says_what_ultralytics_says(class_weights):
    from ultralytics import YOLO

    picture = np.random.default_rng(0).integers(0, 255, (SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    wanted = YOLO(class_weights, task="classify").predict(picture, imgsz=SIDE_PX, verbose=False)[0].probs.data.numpy()
    assert open_class_network(class_weights).say([picture])[0][0] == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize("said", [None, "64", 7, 10**9, True])
def test_a_side_that_cannot_be_is_not_believed(tmp_path, said):
    assert open_class_network(save_colour_classifier(tmp_path / "a.pt", side_px=said)).side_px == USUAL_PX


def test_neither_passes_for_the_other(tmp_path, class_weights):
    with pytest.raises(BadWeights, match=r"another task \(their head is Detect, expected Classify\)"):
        open_class_network(save_tiny(tmp_path / "detects.pt"))
    with pytest.raises(BadWeights, match=r"another task.*of an ultralytics detection model"):
        open_network(class_weights)


class Burglar:
    """Unpickling this makes a folder: proof that code of the file has run."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_code_in_a_classifier_never_runs(tmp_path, class_weights):
    network = open_network(class_weights, "classification")
    network.transforms = Burglar(tmp_path / "broken-in")
    torch.save({"model": network}, tmp_path / "burglar.pt")
    with pytest.raises(BadWeights, match="mkdir"):
        open_class_network(tmp_path / "burglar.pt")
    assert not (tmp_path / "broken-in").exists()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda head: delattr(head, "linear"), "no network that can be used"),
        (lambda head: setattr(head, "linear", torch.nn.Linear(7, 3)), "do not run"),
        (lambda head: setattr(head, "linear", torch.nn.Linear(1280, 5)), "do not name their 5 classes"),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path, class_weights, spoil, says):
    network = open_network(class_weights, "classification")
    spoil(network.model[-1])
    torch.save({"model": network}, tmp_path / "spoilt.pt")
    with pytest.raises(BadWeights, match=says):
        open_class_network(tmp_path / "spoilt.pt")
