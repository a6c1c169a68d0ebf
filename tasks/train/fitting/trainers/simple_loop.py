"""A training loop that is no ultralytics', in the form in which a watch and folds listen to one."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


class SimpleLoop:
    """What loops share.

    Attributes:
        best: Where the model is written.
        epoch: That runs, from 0.
        epochs: How many there are.
        stop: Whether this one is the last.
        fitness: Accuracy on the val pictures; 0 where none are measured.
        metrics: The same by the name that a watch knows.
    """

    def __init__(self, best: Path, epochs: int) -> None:
        self.best, self.epochs = best, epochs
        self.epoch, self.stop = 0, epochs <= 1
        self.tloss: Any = None
        self.metrics: Mapping[str, float] = {}
        self.fitness = 0.0
        self._listeners: dict[str, list[Callable[[Any], None]]] = defaultdict(list)

    def add_callback(self, event: str, listener: Callable[[Any], None]) -> None:
        """Let somebody listen."""
        self._listeners[event].append(listener)

    def measured(self, accuracy: float) -> None:
        """Note how good the epoch is."""
        self.fitness = accuracy
        self.metrics = {"metrics/accuracy_top1": accuracy}

    def tell(self, event: str) -> None:
        """Call those who listen."""
        for listener in self._listeners[event]:
            listener(self)


def read_folders(folder: Path) -> list[tuple[Path, int]]:
    """Return the pictures of a folder of classes, each with the number of its class, in an order that is the same."""
    return [(path, int(each.name)) for each in sorted(folder.iterdir()) for path in sorted(each.iterdir())]
