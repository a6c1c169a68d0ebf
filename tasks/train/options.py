"""How a detector is trained and when it becomes champion. These fields become part of the Prefect run form."""

import hashlib
import math
from typing import Literal

from pydantic import Field

from blocks.frozen import Frozen
from tasks.dataset.formats.yolo_tiles import ExportOptions
from tasks.detect.options import TilingOptions

USUAL_EPOCHS, MOST_EPOCHS = 8, 50

LEAST_STEPS = 100
"""A new head has learnt nothing after fewer: 20 pictures in 8 passes are 16 steps."""


class TrainOptions(Frozen):
    """How a detector is fine-tuned. The network's input is the line's tile, so its size is no option here."""

    epochs: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Passes over the training pictures; empty: 8, and of few pictures as many as make 100 steps, at "
        "most 50",
    )
    batch: int = Field(default=16, ge=1, le=512, description="Pictures per step")
    lr0: float = Field(default=0.001, gt=0.0, le=0.1, description="First learning rate (AdamW, falling as a cosine)")
    freeze: int = Field(default=0, ge=0, le=22, description="Leave this many of the first layers as they are")
    keep_norms: bool = Field(
        default=True, description="Keep the statistics of batch normalisation: few pictures would spoil them"
    )
    patience: int = Field(default=20, ge=1, le=1000, description="Stop after this many epochs without a better one")
    min_val_boxes: int = Field(
        default=200,
        ge=1,
        le=1_000_000,
        description="Settled labels in the val split from which on they choose the epoch; fewer are trained on too, "
        "and the last epoch stands",
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
    min_train_boxes: int = Field(
        default=20, ge=1, le=1_000_000, description="Refuse to train on fewer settled labels in the train split"
    )
    min_test_boxes: int = Field(
        default=10,
        ge=1,
        le=1_000_000,
        description="Refuse to train on fewer settled labels in the test split: chance would say which is better",
    )
    export: ExportOptions = Field(default=ExportOptions(), description="Which tiles and boxes are trained on")

    def epochs_for(self, pictures: int) -> int:
        """Return how often so many training pictures are passed over."""
        if self.epochs is not None:
            return self.epochs
        steps = max(1, math.ceil(pictures / self.batch))
        return min(MOST_EPOCHS, max(USUAL_EPOCHS, math.ceil(LEAST_STEPS / steps)))

    def job(self, snapshot_id: str, base_version: str, tiling: TilingOptions) -> str:
        """Return 12 hex digits that name a training: the same job need not be done twice."""
        parts = (snapshot_id, base_version, self.model_dump_json(), tiling.recipe(()))
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:12]


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
