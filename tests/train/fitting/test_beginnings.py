"""What a training begins with is said, and refused where little of it would be left."""

import json

import pytest

from blocks.errors import BadWeights, NotEnoughData
from tasks.dataset.snapshots import read_snapshot
from tasks.detect.backends.safe_weights import open_network
from tasks.detect.refs import DetectorRef
from tasks.train.fitting.beginnings import begin_with, check_trainable
from tasks.train.fitting.enough import check_enough
from tasks.train.fitting.trainers.registry import recipe_for
from tasks.train.fitting.training import finetune
from tasks.train.naming import MOST_CHARACTERS, list_classes
from tasks.train.options import TrainOptions
from tasks.train.registry import champion_of, registry_name, resolve_detector
from tests.train.conftest import keep_weights, save_weights


@pytest.fixture(scope="module")
def fused_weights(tmp_path_factory, tiny_weights):
    """Weights as somebody saves them who has predicted with them before."""
    import torch

    path = tmp_path_factory.mktemp("fused") / "fused.pt"
    torch.save({"model": open_network(tiny_weights).fuse(verbose=False), "train_args": {}}, path)
    return path


def test_all_of_the_same_network_is_taken_over_and_less_for_other_classes(tiny_weights) -> None:
    same = begin_with(tiny_weights, ("red", "blue"))
    assert same.share == 1.0
    other = begin_with(tiny_weights, ("red", "blue", "green"))
    assert 0.6 < other.share < 1.0
    assert open_network(tiny_weights).yaml["nc"] == 2  # nothing of it was changed


def test_fused_weights_are_refused_with_the_share_and_what_to_do(
    experiments, store, snapshot, tiling, fused_weights
) -> None:
    with pytest.raises(BadWeights, match=r"only \d+ of \d+ tensors fit .*60% are needed.*fuse.*best.pt"):
        begin_with(fused_weights, ("red", "blue"))
    options = TrainOptions(epochs=1, min_train_boxes=1, min_test_boxes=1, device="cpu")
    with pytest.raises(BadWeights, match="fuse"):
        finetune(experiments, store, snapshot.id, keep_weights(store, fused_weights), options, tiling=tiling)
    assert not experiments.client.search_registered_models()


def test_what_was_taken_over_stands_in_the_run(experiments, store, snapshot, base, tiling) -> None:
    options = TrainOptions(epochs=1, batch=4, min_train_boxes=1, min_test_boxes=1, device="cpu")
    trained = finetune(experiments, store, snapshot.id, base, options, tiling=tiling)
    run = experiments.client.get_run(trained.run_id)
    assert 0.6 < run.data.metrics["train/taken_over_share"] <= 1
    assert int(run.data.params["taken_over_tensors"]) <= int(run.data.params["tensors"])
    assert all(value == value for value in run.data.metrics.values()), "no number is NaN"


@pytest.mark.parametrize("suffix", [".onnx", ".weights", ".caffemodel"])
def test_what_cannot_be_trained_is_said_before_anything_is_cut(experiments, store, snapshot, tiling, suffix) -> None:
    base = DetectorRef(version="0" * 12, weights_key=f"weights/{'0' * 12}{suffix}", name="lot")
    for refuse in (
        lambda: check_trainable(base),
        lambda: finetune(experiments, store, snapshot.id, base, TrainOptions(), tiling=tiling),
    ):
        with pytest.raises(BadWeights, match=rf"is a {suffix} file, which labels images but cannot be trained"):
            refuse()


# --- small sets ---


def test_too_few_labels_to_test_on_are_refused_with_how_many_are_missing(store, snapshot, tmp_path) -> None:
    manifest = read_snapshot(store, snapshot.id)
    there = sum(len(item.labels) for item in manifest.items("test"))
    further = recipe_for("boxes", keep_weights(store, save_weights(tmp_path / "some.pt", ("red",))))
    check_enough(manifest, TrainOptions(min_train_boxes=1, min_test_boxes=there), further)
    with pytest.raises(NotEnoughData, match=rf"{there} labels to test on, and {there + 3} are needed.*settle 3 more"):
        check_enough(manifest, TrainOptions(min_train_boxes=1, min_test_boxes=there + 3), further)


# --- many classes ---


def test_class_names_are_listed_whole_or_with_where_all_of_them_are() -> None:
    assert list_classes(("a", "b")) == '["a", "b"]'
    many = list_classes([f"class number {number} of many" for number in range(10_000)])
    assert len(many) <= MOST_CHARACTERS
    assert many.startswith('10000 classes, all in classes.json; the first: ["class number 0 of many", ')
    assert len(list_classes(["x" * 200] * 10_000)) <= MOST_CHARACTERS


def test_a_detector_of_ten_thousand_classes_is_registered_with_all_of_them(experiments, store, tmp_path) -> None:
    names = tuple(f"a class with number {number}" for number in range(10_000))
    weights = save_weights(tmp_path / "many.pt", names)
    ref = resolve_detector(experiments, store, "lot", str(weights))
    champion = champion_of(experiments, registry_name("lot"))
    assert champion is not None and champion.ref == ref
    path = experiments.client.download_artifacts(champion.run_id, "classes.json", str(tmp_path))
    with open(path) as file:  # noqa: PTH123
        assert tuple(json.load(file)) == names
