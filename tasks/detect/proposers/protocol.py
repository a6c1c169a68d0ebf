"""What a proposer is: it opens a model, and says of items what that sees, as rows of the catalogue.

Which items are to be looked at, and that each is written once and whole, is the business of `proposals.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from blocks.database.tables import Item
from blocks.frozen import Frozen
from blocks.storage.stores import Store
from tasks.detect.options import TilingOptions
from tasks.detect.refs import DetectorRef
from tasks.intake.texts.media import Medium


class UnreadItem(Frozen):
    """An item that could not be looked at, and why."""

    item_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Looked:
    """What a model sees in one item.

    Attributes:
        item_id: Which.
        scan: Columns of its `Scan`, but for model and recipe.
        rows: Columns of its proposals, but for id, model and recipe; best score first.
        dropped: How much the model said that can be nothing: not finite, without area.
    """

    item_id: str
    scan: dict[str, Any]
    rows: list[dict[str, Any]]
    dropped: int = 0


class Looker(Protocol):
    """An open model."""

    @property
    def classes(self) -> tuple[str, ...]:
        """All that it knows, by class id."""
        ...

    def look(self, items: Sequence[Item], wanted: Sequence[str]) -> Iterator[Looked | UnreadItem]:
        """Look at items, each once, in any order, for those of its classes that are wanted; at least one is."""
        ...


class Proposer(Protocol):
    """One way to make proposals. An instance of each stands in `registry.py`, and nowhere else."""

    name: str
    """As kinds of labels call it."""

    sees: Medium
    """What its models look at."""

    def fit(self, store: Store, ref: DetectorRef, options: TilingOptions) -> TilingOptions:
        """Return how a model can look at a batch, as near as it can to how a line wants it to."""
        ...

    def check(self, weights: Path, version: str) -> tuple[str, ...]:
        """Open weights from outside, see that they run, and return their class names, before anything is kept of them.

        Raises:
            BadWeights: They cannot be used.
        """
        ...

    def open(self, store: Store, ref: DetectorRef, options: TilingOptions) -> Looker:
        """Return a model that is kept warm between calls.

        Raises:
            BadWeights: The file is missing, corrupt, or not the one that the reference names.
        """
        ...
