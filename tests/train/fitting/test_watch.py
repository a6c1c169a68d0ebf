"""What is said of a training while it runs."""

from types import SimpleNamespace
from typing import Any

import pytest

from tasks.train.fitting import watch
from tasks.train.fitting.watch import EpochReport, TrainingWatch


class Run:
    """Takes what MLflow would be told."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        self.steps.append(step)


class Loop(SimpleNamespace):
    """A training whose epochs and steps the test makes."""

    def __init__(self, epochs: int, batches: int) -> None:
        losses = {"train/box_loss": 1.5, "train/cls_loss": 0.5}
        super().__init__(epochs=epochs, epoch=0, train_loader=[0] * batches, tloss=1, metrics={}, stop=False)
        self.label_loss_items = lambda _loss, prefix: losses
        self.callbacks: dict[str, Any] = {}
        self.add_callback = self.callbacks.__setitem__

    def step(self) -> None:
        self.callbacks["on_train_batch_end"](self)

    def end_epoch(self) -> None:
        self.callbacks["on_fit_epoch_end"](self)
        self.epoch += 1


def test_who_waits_hears_of_steps_and_mlflow_of_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(watch.time, "monotonic", lambda: now[0])
    said: list[EpochReport] = []
    run, loop = Run(), Loop(epochs=2, batches=4)
    TrainingWatch(run, None, said.append).attach(loop)  # type: ignore[arg-type]
    loop.callbacks["on_train_start"](loop)
    for _ in range(2):
        for _ in range(4):
            now[0] += 2.0
            loop.step()
        loop.end_epoch()
    assert [(report.epoch, report.done) for report in said] == [
        (1, 0.5),
        (1, 1.0),
        (1, 1.0),
        (2, 0.5),
        (2, 1.0),
        (2, 1.0),
    ]
    assert [report.share for report in said] == [0.25, 0.5, 0.5, 0.75, 1.0, 1.0]
    assert [report.seconds_left for report in said] == [12.0, 8.0, 8.0, 4.0, 0.0, 0.0]
    assert run.steps == [1, 2]
    assert str(said[0]) == "epoch 1 of 2, loss 2.000, about 12 s left"


def test_hours_are_said_in_minutes_and_a_loss_that_is_not_known_is_left_out() -> None:
    assert str(EpochReport(3, 8, 1.0, 5400.0, {})) == "epoch 3 of 8, about 90 min left"
