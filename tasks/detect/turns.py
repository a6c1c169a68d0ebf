"""Turns of detectors in one process: shards of one model are done before those of the next begin.

A served process may run several lines at once. Without turns their shards alternate, and each switch costs the
processor's caches, the memory of both models at work, and perhaps a load. With them each model has a queue: who holds
the turn keeps it while shards of its model come, up to a bound, so that nobody waits for ever.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

MOST_IN_A_ROW = 32
"""Shards of one model after which another one that waits is let in."""


class Turns:
    """Who may run: any number of shards at once, all of the same model.

    Attributes:
        switches: How often the turn has gone from one model to another.
    """

    def __init__(self, most_in_a_row: int = MOST_IN_A_ROW) -> None:
        self.switches = 0
        self._most = most_in_a_row
        self._changed = threading.Condition()
        self._waiting: OrderedDict[str, int] = OrderedDict()  # by model, the one that has waited longest first
        self._model: str | None = None
        self._running = self._begun = 0

    @contextmanager
    def of(self, model: str) -> Iterator[None]:
        """Wait until it is this model's turn, and hold the turn meanwhile."""
        with self._changed:
            self._waiting[model] = self._waiting.get(model, 0) + 1
            self._changed.wait_for(lambda: self._may_begin(model))
            self._begin(model)
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _may_begin(self, model: str) -> bool:
        others = any(other != model for other in self._waiting)
        if model == self._model:
            return not others or self._begun < self._most
        if self._running:
            return False
        # The turn is free: its last holder keeps it while more of its shards wait, else who has waited longest has it.
        if self._model in self._waiting and self._begun < self._most:
            return False
        return model == next(each for each in self._waiting if each != self._model)

    def _begin(self, model: str) -> None:
        if model != self._model:
            self.switches += self._model is not None
            self._model, self._begun = model, 0
        self._begun += 1
        self._running += 1
        self._waiting[model] -= 1
        if not self._waiting[model]:
            del self._waiting[model]
        self._changed.notify_all()


TURNS = Turns()
"""Of this process."""
