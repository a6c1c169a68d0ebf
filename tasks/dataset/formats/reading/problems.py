"""What was odd in a dataset: every case kept, the first ones at hand, however many there are."""

import csv
import tempfile
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import IO, Literal

from blocks.frozen import Frozen
from tasks.dataset.formats.reading.faults import Oddity

FIRST = 1_000
"""So many are held in memory; the rest lies in a file, since a million lines may have a million faults."""

Severity = Literal["left out", "changed", "note"]
"""Whether something is missing now, was mended, or is only worth knowing."""

ENDS: dict[Severity, str] = {"left out": "; it is left out", "changed": "; it was changed", "note": ""}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is odd.

    Attributes:
        fault: Of which kind.
        file: In which file, by its path in the dataset.
        place: Where in it, such as "line 3"; empty: the file as a whole.
        what: A sentence without its end.
        severity: What became of it.
    """

    fault: Oddity
    file: str
    place: str
    what: str
    severity: Severity

    def told(self) -> str:
        """Return it as a sentence."""
        return f"{', '.join(filter(None, (self.file, self.place)))}: {self.what}{ENDS[self.severity]}"


class KindTally(Frozen):
    """How often one kind of problem was met, and the first case in words."""

    count: int
    first: str


Tallies = Mapping[str, KindTally]
"""By kind of problem."""


def added_up(one: Tallies, other: Tallies) -> dict[str, KindTally]:
    """Return what two parts of one whole have met; the first case of the first part stands."""
    found = dict(one)
    for fault, tally in other.items():
        known = found.get(fault)
        found[fault] = tally if known is None else KindTally(count=known.count + tally.count, first=known.first)
    return found


def tally_rows(tallies: Tallies) -> list[tuple[str, int, str]]:
    """Return kind, count and first case of each kind, the most frequent first."""
    return sorted(((fault, each.count, each.first) for fault, each in tallies.items()), key=lambda row: (-row[1], row))


def tally_lines(tallies: Tallies) -> list[str]:
    """Return kind, count and first case as the lines of a table, for a terminal; none where there is no problem."""
    rows = [
        ("kind", "count", "the first one"),
        *((kind, f"{count:,}", told) for kind, count, told in tally_rows(tallies)),
    ]
    wide = [max(len(row[at]) for row in rows) for at in (0, 1)]
    return [f"  {kind:<{wide[0]}}  {count:>{wide[1]}}  {told}" for kind, count, told in rows] if tallies else []


def write_tallies(path: Path, tallies: Tallies) -> None:
    """Write kind, count and first case as a table (CSV) with a head.

    Raises:
        OSError: The file cannot be written.
    """
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as out:
        table = csv.writer(out)
        table.writerow(["kind", "count", "first"])
        table.writerows(tally_rows(tallies))


class Problems:
    """All that was odd in a dataset, in the order in which it was met."""

    def __init__(self) -> None:
        self.first: list[Problem] = []
        self.counts: Counter[Severity] = Counter()
        self._by_fault: Counter[Oddity] = Counter()
        self._first_of: dict[Oddity, Problem] = {}
        self._file: IO[str] | None = None

    def __len__(self) -> int:
        return self.counts.total()

    def add(self, fault: Oddity, file: str, place: str, what: str, severity: Severity = "left out") -> None:
        """Note one."""
        problem = Problem(fault, file, place, " ".join(what.split()), severity)
        self.counts[severity] += 1
        self._by_fault[fault] += 1
        self._first_of.setdefault(fault, problem)
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
            rows = csv.reader(self._file)
            yield from (Problem(Oddity(fault), *rest) for fault, *rest in rows)  # type: ignore[arg-type]

    @property
    def tallies(self) -> dict[str, KindTally]:
        """How often each kind was met, and its first case, in the order in which they were met."""
        return {
            str(fault): KindTally(count=self._by_fault[fault], first=one.told())
            for fault, one in self._first_of.items()
        }

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
        """Write all of them to a file and their kinds to one beside it, if there are any; return what a person is told.

        Args:
            path: The file; what is there is replaced, folders above it are made.

        Raises:
            OSError: The file cannot be written.
        """
        if not len(self):
            return []
        path.parent.mkdir(parents=True, exist_ok=True)
        self.write(path)
        kinds = path.with_stem(f"{path.stem}-by-kind")
        write_tallies(kinds, self.tallies)
        return [*self.told(), f"all of them are in {path}, their kinds in {kinds}"]

    def told(self) -> list[str]:
        """Return what a person is told: how many there are, by what became of them, and by kind with the first case."""
        if not len(self):
            return []
        counts = ", ".join(f"{self.counts[severity]} {severity}" for severity in ENDS if self.counts[severity])
        return [f"{len(self)} problems in the labels ({counts}), by kind:", *tally_lines(self.tallies)]


def _unnamed_file() -> IO[str]:
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace", newline="")
