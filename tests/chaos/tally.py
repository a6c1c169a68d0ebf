"""The table of faults: how often each was tried, and what it lost or doubled."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Tally:
    """What one kind of fault did to questions or answers."""

    fault: str
    trials: int
    lost: int
    doubled: int
    without: int = 0
    """Questions that somebody opened before their proposals were there."""
    forgives_without: bool = False
    """Whether those are known, and cannot be helped from outside."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, nothing doubled, and no question opened without its proposals."""
        return self.lost == 0 and self.doubled == 0 and (self.without == 0 or self.forgives_without)


def count_questions(written: Mapping[str, int | None], found: Mapping[str, Sequence[int]]) -> tuple[int, int]:
    """Compare what was to be asked with what Label Studio has.

    Args:
        written: The task that the catalogue knows, by question; None: it knows none.
        found: The tasks in Label Studio that carry a question's id, by question.

    Returns:
        How many questions are lost (not there, or the catalogue does not know where), and how many are there more than
        once or were never written.
    """
    lost = sum(task not in found.get(question, ()) for question, task in written.items())
    doubled = sum(len(tasks) > 1 or question not in written for question, tasks in found.items())
    return lost, doubled


def add_up(fault: str, results: Iterable[tuple[int, int]]) -> Tally:
    """Return one line of the table from the (lost, doubled) of each trial."""
    counted = list(results)
    return Tally(fault, len(counted), sum(lost for lost, _ in counted), sum(doubled for _, doubled in counted))


def surplus(names: Iterable[str]) -> int:
    """Return how many entries are more than the first of their name."""
    return sum(count - 1 for count in Counter(names).values())


def print_table(tallies: Sequence[Tally]) -> None:
    """Print the table."""
    table = Table("fault", "trials", "lost", "doubled", "opened without proposals")
    for column in table.columns[1:]:
        column.justify = "right"
    for tally in tallies:
        style = None if tally.is_clean else "bold red"
        table.add_row(
            tally.fault, *(str(n) for n in (tally.trials, tally.lost, tally.doubled, tally.without)), style=style
        )
    Console(width=110).print(table)


def write_table(tallies: Sequence[Tally], path: Path) -> None:
    """Write the table as JSON, a list of {fault, trials, lost, doubled, without, forgives_without}."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(tally) for tally in tallies], indent=1) + "\n")
