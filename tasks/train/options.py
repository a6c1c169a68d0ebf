"""How a detector is trained and when it becomes champion. These fields become part of the Prefect run form."""

import hashlib
from typing import Literal

from pydantic import Field
from pydantic_core import to_json

from blocks.frozen import Frozen
from tasks.dataset.formats.yolo_tiles import ExportOptions
from tasks.detect.options import TilingOptions

FORMER_DEFAULTS = {"lr0": 0.001, "min_val_boxes": 200, "min_train_boxes": 20}
"""What stood where options are left open by now: a training that was done before is the same job today."""


CUT_VERSION = 2
"""Raise it with how training pictures are cut: a training that was done with others is another job. How scans merge
what they find says nothing of that."""


class TrainOptions(Frozen):
    """How a detector is fine-tuned. The network's input is the line's tile, so its size is no option here."""

    epochs: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Passes over the training pictures; empty: 8, and of few pictures as many as make 100 steps, at "
        "most 50; where a training begins from nothing 600 steps, at most 300 passes",
    )
    steps: int | None = Field(
        default=None, ge=1, le=1_000_000, description="Steps instead of passes, a batch each; counts without `epochs`"
    )
    base: str = Field(
        default="",
        max_length=4096,
        description="Where there is no model yet, or one that cannot be trained: weights to begin with. The path of a "
        ".pt file, a name under which ultralytics publishes some such as yolo11n.pt, or a version that the store "
        "keeps; empty: a small network begins with random numbers",
    )
    backbone: str = Field(
        default="",
        max_length=4096,
        pattern=r"^(linear|timm:.+|named/timm/.+)?$",
        description="For classes of whole pictures, what is trained. `linear`: a linear head on the vectors of the "
        "network that comes with the installation, in seconds; `timm:NAME` or `timm:NAME@FILE`: all of that network, "
        "from its weights (extra `embedders`); empty: as the champion was, else ultralytics' classifier",
    )
    batch: int = Field(default=16, ge=1, le=512, description="Pictures per step")
    lr0: float | None = Field(
        default=None,
        gt=0.0,
        le=0.1,
        description="First learning rate (AdamW, falling as a cosine); empty: 0.001, from nothing 0.002 for boxes and "
        "0.005 for classes",
    )
    freeze: int = Field(default=0, ge=0, le=22, description="Leave this many of the first layers as they are")
    keep_norms: bool = Field(
        default=True,
        description="Keep the statistics of batch normalisation, which few pictures would spoil; where a training "
        "begins from nothing there are none to keep",
    )
    patience: int = Field(default=20, ge=1, le=1000, description="Stop after this many epochs without a better one")
    min_val_boxes: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Settled labels in the val split from which on they choose the epoch; fewer are trained on too, "
        "and the last epoch stands. Empty: 200 boxes, or 100 classes of whole pictures",
    )
    folds: int = Field(
        default=0,
        ge=0,
        le=20,
        description="Where val is too small to choose the epoch: so many folds of train and val are held out in turn, "
        "and all of it is trained on for as many epochs as were best on them. It takes so many trainings more. 0 or 1: "
        "the last epoch stands",
    )
    time_limit_s: float | None = Field(
        default=None, gt=0.0, description="Plan the epochs so that training ends within this time; empty: no limit"
    )
    mosaic: float = Field(default=0.5, ge=0.0, le=1.0, description="Share of pictures that are put together from four")
    scale: float = Field(default=0.3, ge=0.0, le=0.9, description="Objects are made up to this share larger or smaller")
    from_above: bool = Field(
        default=False, description="Pictures are taken from above: turned upside down, they are as likely"
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="Same seed, same training (on the same machine)")
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="auto: the GPU, where there is one")
    min_train_boxes: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Refuse to train on fewer settled labels in the train split. Empty: 20, and from nothing 100 boxes",
    )
    min_test_boxes: int = Field(
        default=10,
        ge=1,
        le=1_000_000,
        description="Refuse to train on fewer settled labels in the test split: chance would say which is better",
    )
    export: ExportOptions = Field(default=ExportOptions(), description="Which tiles and boxes are trained on")

    def job(self, snapshot_id: str, base_version: str, tiling: TilingOptions, recipe: str = "") -> str:
        """Return 12 hex digits that name a training: the same job need not be done twice.

        Args:
            snapshot_id: What is trained on.
            base_version: Where it begins.
            tiling: How images are cut.
            recipe: What fills in for options that are left open, where it is not what it always was.
        """
        parts = [snapshot_id, base_version, self._as_formerly_written(), tiling.recipe((), CUT_VERSION)]
        return hashlib.sha256("|".join(parts + [recipe] * bool(recipe)).encode()).hexdigest()[:12]

    def _as_formerly_written(self) -> str:
        fields = self.model_dump(mode="json")
        for name, former in FORMER_DEFAULTS.items():
            fields[name] = former if fields[name] is None else fields[name]
        if not fields["backbone"]:
            del fields["backbone"]
        del fields["base"]  # what came of it is where the training begins
        if fields["steps"] is None:
            del fields["steps"]
        if fields["folds"] < 2:
            del fields["folds"]
        return to_json(fields).decode()


class PromoteOptions(Frozen):
    """When a challenger takes the champion's place."""

    metric: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9_]{1,40}$",
        description="Which number must be better on the frozen test items, by its name in MLflow; empty: the headline "
        "of the kind of labels, which is mAP50 for boxes and accuracy for classes",
    )
    min_gain: float = Field(
        default=0.005, ge=0.0, le=1.0, description="By how much it must be better: less than this is chance"
    )
