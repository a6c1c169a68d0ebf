"""A linear head and a fine-tuned network as challengers: whoever is better on the same test items is champion."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine

from blocks.errors import BadOption, BadWeights, TrainingFailed
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from tasks.dataset.snapshots import SnapshotRef, take_snapshot
from tasks.detect.proposers.class_models.linear_head import open_linear_head
from tasks.detect.proposers.class_models.registry import open_class_model
from tasks.detect.refs import DetectorRef
from tasks.suggest.embedders.looks import Looks
from tasks.suggest.embedders.registry import EMBEDDERS
from tasks.train.evaluate import compare, evaluate
from tasks.train.fitting.backbones import keep_backbone, with_backbone
from tasks.train.fitting.beginnings import check_trainable
from tasks.train.fitting.trainers import linear
from tasks.train.fitting.trainers.registry import trainer_of
from tasks.train.fitting.training import TrainedRef, finetune
from tasks.train.options import PromoteOptions, TrainOptions
from tasks.train.promotion import promote
from tasks.train.registry import resolve_detector
from tests.train.fitting.trainers.test_classifier import SPLITS, TILING, settle_wholes

SHORT = TrainOptions(epochs=1, batch=8, min_train_boxes=5, min_test_boxes=1, device="cpu")
NOBODY = DetectorRef.nobody("lot")


@pytest.fixture
def wholes(engine: Engine, store: Store) -> SnapshotRef:
    settle_wholes(engine, store, 48, SPLITS)
    return take_snapshot(engine, store, "lot")


@pytest.fixture
def head(experiments: Experiments, store: Store, wholes: SnapshotRef, monkeypatch: pytest.MonkeyPatch) -> TrainedRef:
    monkeypatch.setattr(linear, "DEFAULT", Looks())  # the network would take half a minute
    options = SHORT.model_copy(update={"backbone": "linear"})
    return finetune(experiments, store, wholes.id, NOBODY, options, tiling=TILING)


@pytest.fixture
def network(engine: Engine, store: Store, tmp_path: Path) -> TrainOptions:
    """Options that train timm's smallest network from random numbers that somebody saved."""
    timm = pytest.importorskip("timm", reason="the extra `embedders` is not installed")
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    file = tmp_path / "begin.safetensors"
    save_file(timm.create_model("test_resnet", num_classes=3).state_dict(), str(file))
    return keep_backbone(engine, store, SHORT.model_copy(update={"backbone": f"timm:test_resnet@{file}"}))


def crown(engine: Engine, store: Store, experiments: Experiments, snapshot: str, trained: TrainedRef) -> bool:
    champion = resolve_detector(experiments, store, "lot", "champion", "classes")
    found = compare(store, snapshot, champion, trained.detector, TILING, run_id=trained.run_id)
    return promote(engine, store, experiments, found, PromoteOptions()).promoted


def test_a_linear_head_learns_and_proposes_with_chances(store: Store, wholes: SnapshotRef, head: TrainedRef) -> None:
    assert head.weights_key.endswith(".linear")
    assert evaluate(store, wholes.id, head.detector, TILING).number() > 0.8
    model = open_class_model(store.local_path(head.weights_key))
    assert set(model.classes) == {"disc", "bar"}
    said, features = model.say([np.zeros((model.side_px, model.side_px, 3), np.uint8)])
    assert said.shape == (1, 2)
    assert said.sum() <= 1 + 1e-9
    assert features.ndim == 2


def test_the_linear_head_stays_champion_against_a_network_that_is_not_better(
    engine: Engine, store: Store, experiments: Experiments, wholes: SnapshotRef, head: TrainedRef, network: TrainOptions
) -> None:
    assert crown(engine, store, experiments, wholes.id, head)
    challenger = finetune(experiments, store, wholes.id, head.detector, network, tiling=TILING)
    assert challenger.weights_key.endswith(".safetensors")
    worse = evaluate(store, wholes.id, challenger.detector, TILING).number()
    assert worse < evaluate(store, wholes.id, head.detector, TILING).number()
    assert not crown(engine, store, experiments, wholes.id, challenger)
    assert resolve_detector(experiments, store, "lot", "champion", "classes").version == head.version


def test_a_network_is_trained_whole_opened_again_and_trained_anew_as_it_was(
    experiments: Experiments, store: Store, wholes: SnapshotRef, network: TrainOptions
) -> None:
    longer = network.model_copy(update={"epochs": 12, "lr0": 0.003, "keep_norms": False})
    trained = finetune(experiments, store, wholes.id, NOBODY, longer, tiling=TILING)
    assert trained.epochs == 12
    assert evaluate(store, wholes.id, trained.detector, TILING).number() > 0.8
    model = open_class_model(store.local_path(trained.weights_key))
    said, features = model.say([np.zeros((model.side_px, model.side_px, 3), np.uint8)] * 2)
    assert (said.shape, features.shape[0]) == ((2, 2), 2)
    assert said.sum(axis=1) == pytest.approx([1, 1])
    assert with_backbone(store, SHORT, trained.detector).backbone == network.backbone
    check_trainable(trained.detector)


def test_what_is_open_is_trained_as_the_champion_was(store: Store, head: TrainedRef) -> None:
    assert with_backbone(store, SHORT, head.detector).backbone == "linear"
    assert with_backbone(store, SHORT, NOBODY).backbone == ""
    named = SHORT.model_copy(update={"backbone": "timm:resnet18"})
    assert with_backbone(store, named, head.detector) == named
    check_trainable(head.detector)


def test_jobs_without_a_backbone_are_named_as_before() -> None:
    plain = TrainOptions().job("snapshot", "0" * 12, TILING)
    assert TrainOptions(backbone="linear").job("snapshot", "0" * 12, TILING) != plain
    assert '"backbone"' not in TrainOptions()._as_formerly_written()


@pytest.mark.parametrize(("kind", "medium"), [("boxes", "pictures"), ("classes", "texts"), ("spans", "texts")])
def test_a_backbone_is_for_classes_of_pictures(kind: str, medium: str) -> None:
    with pytest.raises(BadOption, match="is for classes of whole pictures"):
        trainer_of(kind, medium, "linear")  # type: ignore[arg-type]


def test_one_class_teaches_nothing(
    engine: Engine, store: Store, experiments: Experiments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "DEFAULT", Looks())
    settle_wholes(engine, store, 8, SPLITS | {"s4": "test"})
    snapshot = take_snapshot(engine, store, "lot")
    monkeypatch.setattr("tasks.train.fitting.trainers.linear.read_folders", lambda folder: _only(folder, 0))
    options = SHORT.model_copy(update={"backbone": "linear", "min_train_boxes": 1})
    with pytest.raises(TrainingFailed, match="1 class has a picture"):
        finetune(experiments, store, snapshot.id, NOBODY, options, tiling=TILING)


def _only(folder: Path, number: int) -> list[tuple[Path, int]]:
    return [(path, number) for each in sorted(folder.iterdir())[:1] for path in sorted(each.iterdir())]


@pytest.mark.parametrize("ending", [".linear", ".safetensors"])
@pytest.mark.parametrize("data", [b"", b"no file", b"PK\x03\x04", b"\x80\x04K\x01."])
def test_files_that_are_none_are_refused(tmp_path: Path, ending: str, data: bytes) -> None:
    file = tmp_path / f"bad{ending}"
    file.write_bytes(data)
    with pytest.raises(BadWeights, match=r"bad\.|what was learnt"):
        open_class_model(file)


def test_a_head_on_vectors_of_an_embedder_that_is_not_here_is_refused(
    store: Store, head: TrainedRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(EMBEDDERS, Looks.name)
    with pytest.raises(BadWeights, match="a linear head on vectors of looks-1"):
        open_linear_head(store.local_path(head.weights_key))
