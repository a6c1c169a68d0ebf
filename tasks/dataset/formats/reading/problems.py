"""What was odd in a dataset: every case kept, the first ones at hand, however many there are."""

import csv
import tempfile
import weakref
from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import IO, Literal

FIRST = 1_000
"""So many are held in memory; the rest lies in a file, since a million lines may have a million faults."""

Severity = Literal["left out", "changed", "note"]
"""Whether something is missing now, was mended, or is only worth knowing."""

ENDS: dict[Severity, str] = {"left out": "; it is left out", "changed": "; it was changed", "note": ""}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is odd.

    Attributes:
        file: In which file, by its path in the dataset.
        place: Where in it, such as "line 3"; empty: the file as a whole.
        what: A sentence without its end.
        severity: What became of it.
    """

    file: str
    place: str
    what: str
    severity: Severity

    def told(self) -> str:
        """Return it as a sentence."""
        return f"{', '.join(filter(None, (self.file, self.place)))}: {self.what}{ENDS[self.severity]}"


class Problems:
    """All that was odd in a dataset, in the order in which it was met."""

    def __init__(self) -> None:
        self.first: list[Problem] = []
        self.counts: Counter[Severity] = Counter()
        self._file: IO[str] | None = None

    def __len__(self) -> int:
        return self.counts.total()

    def add(self, file: str, place: str, what: str, severity: Severity = "left out") -> None:
        """Note one."""
        problem = Problem(file, place, " ".join(what.split()), severity)
        self.counts[severity] += 1
        if len(self.first) < FIRST:
            self.first.append(problem)
            return
        if self._file is None:
            self._file = _unnamed_file()
            weakref.finalize(self, self._file.close)
        csv.writer(self._file).writerow(astuple(problem))

    def __iter__(self) -> Iterator[Problem]:
        """Yield all of them; not while others are added."""
        yield from self.first
        if self._file is not None:
            self._file.seek(0)
            yield from (Problem(*row) for row in csv.reader(self._file))  # type: ignore[arg-type]

    def write(self, path: Path) -> None:
        """Write all of them as a table (CSV) with a head.

        Raises:
            OSError: The file cannot be written.
        """
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as out:
            table = csv.writer(out)
            table.writerow([field.name for field in fields(Problem)])
            table.writerows(astuple(problem) for problem in self)

    def report(self, path: Path) -> list[str]:
        """Write all of them to a file, if there are any, and return what a person is told.

        Args:
            path: The file; what is there is replaced, folders above it are made.

        Raises:
            OSError: The file cannot be written.
        """
        if not len(self):
            return []
        path.parent.mkdir(parents=True, exist_ok=True)
        self.write(path)
        return [*self.told(), f"all of them are in {path}"]

    def told(self, most: int = 5) -> list[str]:
        """Return what a person is told: how many there are, by what became of them, and the first in words."""
        if not len(self):
            return []
        counts = ", ".join(f"{self.counts[severity]} {severity}" for severity in ENDS if self.counts[severity])
        more = [f"… and {len(self) - most} more"] if len(self) > most else []
        return [f"{len(self)} problems in the labels ({counts})", *(each.told() for each in self.first[:most]), *more]


def _unnamed_file() -> IO[str]:
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace", newline="")
