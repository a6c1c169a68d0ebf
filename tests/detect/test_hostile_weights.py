"""Weights put together by hand: whatever their metadata say, they are opened, or refused as `BadWeights` in words."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from blocks.errors import BadWeights
from tasks.detect.backends.safe_weights import MAX_NAME_LENGTH, open_network
from tasks.detect.backends.torch_network import open_graph
from tests.detect.backends.foreign.test_foreign_onnx import save
from tests.detect.conftest import save_tiny

ODD: tuple[Any, ...] = (None, [], {}, "", "x", 0, -1, 5, 2**70, 1.5, float("nan"), True, [[]], {"a": 1}, b"x", (1, 2))


def changed(weights: Path, tmp_path: Path, change: Any) -> Path:
    """Return a copy of a weights file whose network was changed."""
    checkpoint = torch.load(weights, weights_only=False)
    change(checkpoint["model"])
    path = tmp_path / "changed.pt"
    torch.save(checkpoint, path)
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda network: setattr(network, "yaml", [1, 2]), "do not say how their network is built .*list"),
        (lambda network: network.yaml.pop("backbone"), "do not say how their network is built"),
        (lambda network: delattr(network.model[-1], "nc"), "find None classes: expected a whole number"),
        (lambda network: setattr(network.model[-1], "nc", "three"), "find 'three' classes"),
        (lambda network: setattr(network.model[-1], "nc", 2**70), "do not name their"),
        (lambda network: setattr(network, "names", {0: "a", 1: ["b"], 2: "c"}), r"class name \['b'\]"),
        (lambda network: setattr(network, "names", {0: "a", 1: "b", 2: "c" * 201}), "1 to 200 characters"),
        (lambda network: setattr(network, "names", {0: "a", 2: "c", 3: "d"}), "do not name their 3 classes"),
        (lambda network: setattr(network, "stride", torch.tensor([])), "have strides of"),
        (lambda network: delattr(network, "stride"), "no network that can be used"),
    ],
)
def test_metadata_that_contradict_the_network_are_refused_in_words(tiny_weights, tmp_path, change, said) -> None:
    with pytest.raises(BadWeights, match=said):
        open_network(changed(tiny_weights, tmp_path, change))


def test_a_network_changed_anywhere_is_opened_or_refused_and_nothing_else(tiny_weights, tmp_path) -> None:
    chance = random.Random(7)
    refused = 0
    for _ in range(40):
        path = changed(tiny_weights, tmp_path, lambda network: _change_anything(network, chance))
        try:
            open_graph(path, 64)
        except BadWeights:
            refused += 1
    assert 10 < refused < 40


def _change_anything(network: Any, chance: random.Random) -> None:
    owner = chance.choice([network, network.model[-1], chance.choice(list(network.model))])
    keys = [key for key in vars(owner) if not key.startswith("_") or key == "_modules"]
    key = chance.choice([*keys, "names", "yaml", "stride", "nc"] if owner is network else keys)
    value = chance.choice(ODD)
    if chance.random() < 0.2:
        vars(owner).pop(key, None)
    elif isinstance(getattr(owner, key, None), dict) and chance.random() < 0.5 and getattr(owner, key):
        getattr(owner, key)[chance.choice(list(getattr(owner, key)))] = value
    else:
        vars(owner)[key] = value


@pytest.mark.parametrize(
    "names",
    [
        "[" * 100_000,
        "(" * 100_000,
        "5",
        "null",
        '"ab"',
        "[1, 2]",
        '["a", ["b"]]',
        '["a"]',
        '{"0": "a", "x": "b"}',
        '{"0": {}, "0.5": "b"}',
        "__import__('os').system('ls')",
        "9" * 5000,
        '["a", "' + "b" * (MAX_NAME_LENGTH + 1) + '"]',
        '["' + "b" * 3_000_000 + '"]',
        "\x00",
    ],
)
def test_names_of_an_onnx_file_that_are_no_list_of_texts_are_refused(tmp_path, names) -> None:
    from tasks.detect.backends.foreign.foreign_onnx import facts_of

    with pytest.raises(BadWeights, match="name"):
        facts_of(save(tmp_path / "a.onnx", names=names))


def test_names_of_an_onnx_file_stand_in_the_order_of_their_numbers(tmp_path) -> None:
    from tasks.detect.backends.foreign.foreign_onnx import facts_of

    assert facts_of(save(tmp_path / "a.onnx", names="{1: 'b', 0: 'a'}")).classes == ("a", "b")
    assert facts_of(save(tmp_path / "b.onnx", names='{"1": "b", "0": "a"}')).classes == ("a", "b")


def test_an_onnx_file_changed_anywhere_is_read_or_refused_and_nothing_else(tmp_path) -> None:
    from tasks.detect.backends.foreign.foreign_onnx import facts_of

    whole = save(tmp_path / "a.onnx", names='["a", "b"]').read_bytes()
    path = tmp_path / "changed.onnx"
    chance = random.Random(7)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            # what says how the network is built stands around its numbers
            place = chance.choice([chance.randrange(0, 60), chance.randrange(max(0, len(data) - 400), len(data))])
            data[place] = chance.randrange(256)
        path.write_bytes(data[: chance.choice([len(data), chance.randrange(len(data))])] if _ % 5 == 0 else data)
        try:
            facts_of(path)
        except BadWeights as error:
            assert str(error)


@pytest.mark.parametrize("side", [8224, 2**31 - 1])
def test_an_onnx_file_for_pictures_that_are_too_large_is_refused(tmp_path, side) -> None:
    from tasks.detect.backends.foreign.foreign_onnx import facts_of

    with pytest.raises(BadWeights, match="a side of 32 to 8192"):
        facts_of(save(tmp_path / "a.onnx", takes=(1, 3, side, side), names='["a", "b"]'))


def test_a_tuple_of_names_is_as_good_as_a_list(tmp_path) -> None:
    path = save_tiny(tmp_path / "a.pt", ("a", "b"))
    path = changed(path, tmp_path, lambda network: setattr(network, "names", ("a", "b")))
    assert open_network(path).names == {0: "a", 1: "b"}
