"""A network of timm's trained whole on a collection's pictures, from the weights that it is published with.

The last layer begins anew and learns ten times as fast as the others. Each training begins from the same weights, with
all labels that there are by then.
"""

import math
import time
from typing import Any

import numpy as np

from blocks.errors import BadWeights
from blocks.storage.stores import Store
from tasks.detect.proposers.class_models.backbone import BACKBONE, BackboneFacts, as_input, save_backbone
from tasks.detect.refs import DetectorRef
from tasks.suggest.embedders.named.image_models import facts_of_timm, timm_network
from tasks.train.fitting.beginnings import NOTHING, Beginning
from tasks.train.fitting.recipes import Recipe
from tasks.train.fitting.trainers.classifier import ClassifierTraining
from tasks.train.fitting.trainers.linear import read_square
from tasks.train.fitting.trainers.protocol import Cut, TrainingJob
from tasks.train.fitting.trainers.simple_loop import SimpleLoop, read_folders

HEAD_FASTER = 10
DECAY, SMOOTHED = 0.01, 0.1
LEAST_CROP = 0.75
"""Of a picture's side that training sees, at least."""

CHECKED_AT_ONCE = 32


class BackboneTraining(ClassifierTraining):
    """Networks of timm's, whole."""

    name = "backbone"
    begins_anew = True
    further = from_nothing = Recipe(200, 6, 40, lr0=0.0003, least_train=20, least_val=100)

    def begin(self, store: Store, base: DetectorRef, classes: tuple[str, ...]) -> Beginning:  # noqa: ARG002  (protocol)
        """Return what an earlier model of the collection brings: nothing."""
        return NOTHING

    def side_of(self, job: TrainingJob) -> int:
        """Return the side that the network was made for."""
        return facts_of_timm(_model_of(job.options.backbone))[0]

    def loop(self, job: TrainingJob, cut: Cut) -> "BackboneLoop":
        """Return the training."""
        model = _model_of(job.options.backbone)
        side_px, mean, std = facts_of_timm(model)
        facts = BackboneFacts(
            model=model, begins=job.options.backbone, classes=job.manifest.classes, side_px=side_px, mean=mean, std=std
        )
        network = timm_network(model, job.store.local_path(job.options.backbone), len(facts.classes))
        return BackboneLoop(network, facts, job, cut)


class BackboneLoop(SimpleLoop):
    """One training: AdamW, a learning rate that falls as a cosine, mirrored and cropped pictures."""

    def __init__(self, network: Any, facts: BackboneFacts, job: TrainingJob, cut: Cut) -> None:
        import torch

        super().__init__(job.scratch / f"best{BACKBONE}", job.recipe.epochs(job.options, cut.pictures))
        self._network, self._facts, self._options = network, facts, job.options
        self._measures, self._limit_s = job.chooses_epoch, job.options.time_limit_s
        self._train, self._val = read_folders(cut.train), read_folders(cut.val)
        use_gpu = torch.cuda.is_available() and job.options.device != "cpu"
        self._device = "cuda" if use_gpu else "cpu"
        self._rate = job.recipe.learning_rate(job.options)
        self._draw = np.random.default_rng(job.options.seed)
        self.train_loader = range(math.ceil(len(self._train) / job.options.batch))

    def label_loss_items(self, loss: float, prefix: str) -> dict[str, float]:
        """Return the loss by the name that a watch knows."""
        return {f"{prefix}/cls_loss": loss}

    def train(self) -> None:
        """Train, measure after each epoch, and keep the best epoch, or the last where nothing chooses."""
        import torch

        torch.manual_seed(self._options.seed)
        network = self._network.to(self._device)
        head = {id(one) for one in network.get_classifier().parameters()}
        groups = [
            {"params": [one for one in network.parameters() if (id(one) in head) == is_head], "lr": rate}
            for is_head, rate in ((False, self._rate), (True, HEAD_FASTER * self._rate))
        ]
        steps = self.epochs * len(self.train_loader)
        optimizer = torch.optim.AdamW(groups, weight_decay=DECAY)
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps))
        self.tell("on_train_start")
        best, best_epoch, began = -1.0, 0, time.monotonic()
        for epoch in range(self.epochs):
            self.epoch = epoch
            self.tloss = self._pass(optimizer, falling)
            if self._measures:
                self.measured(self._accuracy())
            if not self._measures or self.fitness > best:
                best, best_epoch = self.fitness, epoch
                save_backbone(network, self._facts, self.best)
            spent = time.monotonic() - began
            in_time = self._limit_s is None or spent + spent / (epoch + 1) <= self._limit_s
            waited = self._measures and epoch - best_epoch >= self._options.patience
            self.stop = epoch + 1 >= self.epochs or waited or not in_time
            self.tell("on_fit_epoch_end")
            if self.stop:
                break

    def _pass(self, optimizer: Any, falling: Any) -> float:
        import torch
        from torch.nn import functional

        network, losses = self._network, []
        network.train()
        if self._options.keep_norms:
            for layer in network.modules():
                if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):
                    layer.eval()
        order = self._draw.permutation(len(self._train))
        for _ in self.train_loader:
            some, order = order[: self._options.batch], order[self._options.batch :]
            shown = as_input([self._varied(read_square(self._train[at][0])) for at in some], self._facts)
            truth = torch.tensor([self._train[at][1] for at in some], device=self._device)
            loss = functional.cross_entropy(network(shown.to(self._device)), truth, label_smoothing=SMOOTHED)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            falling.step()
            losses.append(float(loss.detach()))
            self.tell("on_train_batch_end")
        return float(np.mean(losses))

    def _accuracy(self) -> float:
        import torch

        self._network.eval()
        right = 0
        with torch.inference_mode():
            for at in range(0, len(self._val), CHECKED_AT_ONCE):
                some = self._val[at : at + CHECKED_AT_ONCE]
                said = self._network(as_input([read_square(path) for path, _ in some], self._facts).to(self._device))
                truth = torch.tensor([number for _, number in some])
                right += int((said.argmax(1).cpu() == truth).sum())
        return right / max(1, len(self._val))

    def _varied(self, square: "np.ndarray[Any, np.dtype[np.uint8]]") -> "np.ndarray[Any, np.dtype[np.uint8]]":
        """Return a picture mirrored or not, and a part of it as large as it was."""
        import cv2

        side = len(square)
        part = round(side * self._draw.uniform(LEAST_CROP, 1.0))
        left, top = (int(self._draw.integers(0, side - part + 1)) for _ in range(2))
        cut = square[top : top + part, left : left + part]
        if self._draw.random() < 0.5:
            cut = cut[:, ::-1]
        if self._options.from_above and self._draw.random() < 0.5:
            cut = cut[::-1]
        return np.asarray(cv2.resize(np.ascontiguousarray(cut), (side, side), interpolation=cv2.INTER_LINEAR))


def _model_of(backbone: str) -> str:
    parts = backbone.split("/")
    if len(parts) != 4:
        raise BadWeights(f"{backbone!r} is no network that is kept: name it as `timm:NAME`")
    return parts[2]
