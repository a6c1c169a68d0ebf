"""What is said of a training while it runs, to MLflow and to whoever waits, and its time limit.

An epoch of a large set takes many minutes, so who waits hears of its steps as well; MLflow has one point an epoch.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from blocks.servers.experiments import OpenRun

log = logging.getLogger(__name__)


SAY_S = 3.0
"""Between two reports of one epoch."""


@dataclass(frozen=True, slots=True)
class EpochReport:
    """How one epoch goes; the metrics are those of the tiles of the val split.

    Attributes:
        epoch: From 1.
        epochs: How many there will be, as planned now.
        seconds: What this epoch took so far, validation included.
        seconds_left: Estimate for the rest of the training.
        metrics: Losses, mAP, learning rate, memory; MLflow has them by their `grouped` names. In the middle of an
            epoch the losses of training alone.
        done: Share of the epoch that is done, above 0; 1: it has ended.
    """

    epoch: int
    epochs: int
    seconds: float
    seconds_left: float
    metrics: dict[str, float]
    done: float = 1.0

    @property
    def share(self) -> float:
        """Of the whole training that is done, 0 to 1."""
        return min(1.0, (self.epoch - 1 + self.done) / self.epochs)

    def __str__(self) -> str:
        """Say it in one line: the epoch, the loss and the time left."""
        losses = [value for name, value in self.metrics.items() if name.startswith("train_") and name.endswith("loss")]
        loss = f"loss {sum(losses):.3f}, " if losses else ""
        return f"epoch {self.epoch} of {self.epochs}, {loss}about {_in_minutes(self.seconds_left)} left"


Progress = Callable[[EpochReport], None]


class TrainingWatch:
    """Callbacks for one training."""

    def __init__(self, run: OpenRun, time_limit_s: float | None, progress: Progress | None) -> None:
        self.reports: list[EpochReport] = []
        self._run = run
        self._time_limit_s = time_limit_s
        self._progress = progress
        self._started = self._epoch_started = self._said = time.monotonic()
        self._steps = 0

    def attach(self, trainer: Any) -> None:
        """Listen to a training."""
        trainer.add_callback("on_train_start", self._start)
        trainer.add_callback("on_train_batch_end", self._end_step)
        trainer.add_callback("on_fit_epoch_end", self._end_epoch)

    def _start(self, _trainer: Any) -> None:
        self._started = self._epoch_started = time.monotonic()

    def _end_step(self, trainer: Any) -> None:
        now, self._steps = time.monotonic(), self._steps + 1
        if self._progress is None or now - self._said < SAY_S:
            return
        done = min(1.0, self._steps / max(1, len(trainer.train_loader)))
        passed = trainer.epoch + done
        left = (trainer.epochs - passed) * (now - self._started) / passed
        losses = {_plain(name): float(value) for name, value in _losses_of(trainer).items()}
        seconds, self._said = now - self._epoch_started, now
        self._progress(EpochReport(trainer.epoch + 1, int(trainer.epochs), seconds, left, losses, done))

    def _end_epoch(self, trainer: Any) -> None:
        now, self._steps = time.monotonic(), 0
        seconds, self._epoch_started, self._said = now - self._epoch_started, now, now
        done = trainer.epoch + 1
        if self._time_limit_s is not None and getattr(trainer, "scheduler", None) is not None:
            self._plan(trainer, (now - self._started) / done, self._time_limit_s - (now - self._started))
        left = 0.0 if trainer.stop else (trainer.epochs - done) * (now - self._started) / done
        report = EpochReport(
            done, int(trainer.epochs), seconds, left, {**_metrics_of(trainer), "epoch_seconds": seconds}
        )
        self.reports.append(report)
        self._run.log_metrics(grouped(report.metrics), step=done)
        measured = quality_of(report.metrics)
        numbers = ", ".join(f"{name.removeprefix('val_')} {value:.3f}" for name, value in measured.items())
        val = f"val {numbers}" if measured else "val not measured: it has too few labels"
        log.info("epoch %d of %d: %.1f s, about %.0f s left, %s", done, report.epochs, seconds, left, val)
        if self._progress is not None:
            self._progress(report)

    def _plan(self, trainer: Any, epoch_s: float, left_s: float) -> None:
        """Shorten the training to what fits, with the learning rate falling to its end all the same."""
        fits = trainer.epoch + 1 + max(0, int(left_s / epoch_s))
        if fits < trainer.epochs:
            log.info("%d epochs of %.1f s do not fit the time limit: %d will run", trainer.epochs, epoch_s, fits)
            trainer.epochs = trainer.args.epochs = fits
            trainer._setup_scheduler()
            trainer.scheduler.last_epoch = trainer.epoch
            trainer.stop = trainer.stop or trainer.epoch + 1 >= fits


def quality_of(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return those metrics of an epoch that say how good it is on the val split: all but its losses."""
    return {name: value for name, value in metrics.items() if name.startswith("val_") and not name.endswith("loss")}


def grouped(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return metrics by the names under which MLflow draws them in groups: `train/`, `val/`, and `machine/`."""
    return {_group_of(name): value for name, value in metrics.items()}


def _group_of(name: str) -> str:
    split, _, rest = name.partition("_")
    if split in ("train", "val"):
        return f"{split}/{rest}"
    return "train/learning_rate" if name == "lr" else f"machine/{name}"


def _metrics_of(trainer: Any) -> dict[str, float]:
    losses = _losses_of(trainer)
    rates = {"lr": max(trainer.lr.values(), default=math.nan)} if getattr(trainer, "lr", None) else {}
    raw = {**losses, **(trainer.metrics or {}), **rates, **_resources()}
    named = {_plain(name): float(value) for name, value in raw.items()}
    return {name: value for name, value in named.items() if math.isfinite(value)}  # what is no number was not measured


def _losses_of(trainer: Any) -> dict[str, Any]:
    return trainer.label_loss_items(trainer.tloss, prefix="train") if trainer.tloss is not None else {}


def _in_minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _plain(name: str) -> str:
    """Return ultralytics' name of a number as ours: `val_precision` for `metrics/precision(B)`."""
    plain = name.removesuffix("(B)").replace("metrics/", "val/").replace("/", "_").replace("-", "_")
    return plain.lower() if name.startswith("metrics/") else plain


def _resources() -> dict[str, float]:
    import psutil
    import torch

    used = {"memory_gib": psutil.Process().memory_info().rss / 2**30, "cpu_percent": psutil.cpu_percent()}
    if torch.cuda.is_available():
        used["gpu_memory_gib"] = torch.cuda.max_memory_allocated() / 2**30
    return used
