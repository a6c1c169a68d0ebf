"""Ultralytics' training loop with what a line needs changed. Imports torch: import this module inside functions.

What is changed: weights are opened with distrust, nothing is looked up or downloaded, no integration of ultralytics
starts (our run is the only record), all cores are used, and the best weights are not evaluated once more at the end
(`evaluate.py` does it the line's way).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch.nn import BatchNorm2d
from ultralytics.data import ClassificationDataset
from ultralytics.engine.trainer import BaseTrainer
from ultralytics.models.yolo.classify import ClassificationTrainer
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.models.yolo.segment import SegmentationTrainer
from ultralytics.nn.tasks import yaml_model_load
from ultralytics.utils.torch_utils import strip_optimizer

from tasks.detect.backends.runner import threads_here
from tasks.detect.backends.safe_weights import Task, open_network
from tasks.train.fitting.recipes import Recipe
from tasks.train.options import TrainOptions


@dataclass(frozen=True, slots=True)
class TrainingPictures:
    """Where the pictures are, by split, and the class names by class id."""

    train: Path
    val: Path
    classes: tuple[str, ...]


# Ultralytics starts its MLflow, Comet, DVC and other integrations for every class with "Trainer" in its name.
class OnOurTerms(BaseTrainer):  # type: ignore[misc]  # ultralytics has no types
    """What is changed in each of ultralytics' trainings: data and first weights are given, not looked up."""

    task: Task
    plan: str
    """The plan of a network that begins with random numbers; ultralytics' package brings it along."""
    plan_changes: Mapping[str, Any] = MappingProxyType({})
    """What is changed in it: one that small is learnt from little, on two cores."""

    def __init__(
        self,
        base: Path | None,
        pictures: TrainingPictures,
        keep_norms: bool,
        overrides: dict[str, Any],
        chooses_epoch: bool = True,
    ) -> None:
        self.base = base
        self.chooses_epoch = chooses_epoch
        self.keep_norms = keep_norms and base is not None  # random numbers have no statistics worth keeping
        self.pictures = pictures
        super().__init__(overrides=overrides)

    def get_dataset(self) -> dict[str, Any]:
        """Return the data as ultralytics wants to know them; its own check would look for fonts on the network."""
        names = dict(enumerate(self.pictures.classes))
        paths = {"train": str(self.pictures.train), "val": str(self.pictures.val)}
        return {**paths, "names": names, "nc": len(names), "channels": 3}

    def setup_model(self) -> None:
        """Build the network for our classes and fill in what the first weights have of it.

        Ultralytics keeps the head's rows of classes that have the same name, and starts the others anew.
        """
        if self.device.type == "cpu":
            torch.set_num_threads(threads_here())  # ultralytics leaves one core of the machine idle: of two, half
        base = open_network(self.base, self.task) if self.base else None
        plan = base.yaml if base else {**yaml_model_load(self.plan), **self.plan_changes}
        self.model = self.get_model(cfg=plan, weights=base, verbose=False)

    def _model_train(self) -> None:
        """Train the weights, but leave the statistics of batch normalisation as the first weights have them."""
        super()._model_train()
        if self.keep_norms:
            for layer in self.model.modules():
                if isinstance(layer, BatchNorm2d):
                    layer.eval()

    def validate(self) -> tuple[dict[str, float], float | None]:
        """Measure an epoch on the val pictures, if they are to choose one; else none is better than the last."""
        return super().validate() if self.chooses_epoch else ({}, None)

    def final_eval(self) -> None:
        """Make the weights small: without the optimizer, in half precision."""
        for weights in (self.last, self.best):
            if weights.exists():
                strip_optimizer(weights)


class LineTraining(OnOurTerms, DetectionTrainer):  # type: ignore[misc]  # ultralytics has no types
    """A detection training; from nothing it begins as half as wide as the smallest YOLOv8: 0.76 M parameters."""

    task = "detection"
    plan = "yolov8n.yaml"
    plan_changes = MappingProxyType({"scales": None, "depth_multiple": 0.33, "width_multiple": 0.125})


class SegmentTraining(OnOurTerms, SegmentationTrainer):  # type: ignore[misc]
    """A segmentation training; from nothing it begins as wide as a detection does."""

    task = "segmentation"
    plan = "yolov8n-seg.yaml"
    plan_changes = LineTraining.plan_changes


class ClassTraining(OnOurTerms, ClassificationTrainer):  # type: ignore[misc]
    """A classification training; its pictures lie in folders that are named after the class ids."""

    task = "classification"
    plan = "yolo11n-cls.yaml"

    def build_dataset(self, img_path: str, mode: str = "train", batch: object = None) -> ClassificationDataset:  # noqa: ARG002
        """Return pictures with their classes by id: names that people chose are no names of folders."""
        folders = {number: class_folder(number) for number in self.data["names"]}
        return ClassificationDataset(img_path, self.args, augment=mode == "train", names=folders)

    def get_dataloader(self, dataset_path: str, batch_size: int = 16, rank: int = 0, mode: str = "train") -> Any:
        """Return ultralytics' loader, without leaving its way to cut pictures in the weights: ours is another."""
        loader = super().get_dataloader(dataset_path, batch_size, rank, mode)
        self.model.transforms = None
        return loader


def class_folder(number: int) -> str:
    """Return the name of the folder for pictures of a class id."""
    return f"{number:05d}"


def overrides_of(options: TrainOptions, recipe: Recipe, imgsz: int, pictures: int, folder: Path) -> dict[str, Any]:
    """Return our options in ultralytics' words.

    Args:
        options: How it is trained.
        recipe: What fills in for options that are left open.
        imgsz: Side in pixels of what the network sees.
        pictures: How many are trained on.
        folder: For all that the training writes.

    Source:
        docs.ultralytics.com/modes/train, "Train Settings" and "Augmentation Settings".
    """
    on_gpu, epochs, lr0 = _on_gpu(options), recipe.epochs(options, pictures), recipe.learning_rate(options)
    return {
        "mode": "train",
        "model": "line.yaml",  # a name for its log; the network comes from the first weights
        "data": "line.yaml",
        "project": str(folder),
        "name": "run",
        "exist_ok": True,
        "imgsz": imgsz,
        "epochs": epochs,
        "batch": options.batch,
        "nbs": options.batch,  # a step for each batch: with few pictures there are few steps to waste
        "optimizer": "AdamW",
        "lr0": lr0,
        "lrf": 0.05,
        "cos_lr": True,
        "momentum": 0.9,
        "warmup_epochs": min(1.0, epochs / 10),
        "warmup_bias_lr": lr0,
        "patience": options.patience,
        "freeze": options.freeze or None,
        "mosaic": options.mosaic,
        "close_mosaic": max(1, epochs // 5) if options.mosaic else 0,
        "scale": options.scale,
        "flipud": 0.5 if options.from_above else 0.0,
        "seed": options.seed,
        "deterministic": not on_gpu,  # on a GPU it costs a third of the speed and is not kept anyway
        "device": "0" if on_gpu else "cpu",
        "amp": "bf16" if on_gpu and _has_bfloat16() else False,
        "workers": 8 if on_gpu else 0,
        "auto_augment": None,  # of classification alone, as `erasing`: both change what a small picture shows
        "erasing": 0.0,
        "plots": False,
        "save_period": -1,
        "verbose": False,
    }


def _on_gpu(options: TrainOptions) -> bool:
    return options.device == "cuda" or (options.device == "auto" and torch.cuda.is_available())


def _has_bfloat16() -> bool:
    return torch.cuda.is_available() and bool(torch.cuda.is_bf16_supported(including_emulation=False))
