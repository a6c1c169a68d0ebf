"""What became of an import, in numbers that add up and in words that people read."""

import shlex
from collections import Counter
from collections.abc import Mapping

from pydantic import Field

from blocks.frozen import Frozen
from tasks.dataset.formats.reading.problems import KindTally, Tallies, added_up, tally_lines, tally_rows
from tasks.dataset.formats.registry import usual_format
from tasks.dataset.imports.options import TRUTH, Purpose
from tasks.intake.texts.media import Medium
from tasks.triage.summary import escape_cell, table

SETTLED = "settled as they came"
UNCHANGED = "as they were: nothing to do"
PROPOSED = "with proposals now"
KEPT = "left as they are: people have labelled them"
ASKED = "left to the people who are being asked about them"
TO_LABEL = "without known labels: still to be labelled"
NOT_TAKEN = "that could not be taken in"
DOUBLED = "with the same bytes as another one of the import"

NEW, CHANGED, SAME, TAKEN_BACK = "new", "changed", "as they were", "taken back: not in these labels any more"

SHOWN = 20


class ImportCounts(Frozen):
    """What became of pictures and labels, by what it was."""

    pictures: dict[str, int] = Field(default_factory=dict)
    labels: dict[str, int] = Field(default_factory=dict)
    problems: dict[str, int] = Field(default_factory=dict)
    kinds: dict[str, KindTally] = Field(default_factory=dict)
    first_problems: tuple[str, ...] = ()

    def __add__(self, other: "ImportCounts") -> "ImportCounts":
        """Return the counts of both."""
        return ImportCounts(
            pictures=_sum(self.pictures, other.pictures),
            labels=_sum(self.labels, other.labels),
            problems=_sum(self.problems, other.problems),
            kinds=added_up(self.kinds, other.kinds),
            first_problems=(*self.first_problems, *other.first_problems)[:SHOWN],
        )


class ImportReport(Frozen):
    """What an import came to."""

    import_id: str
    collection: str
    name: str
    purpose: Purpose
    format: str
    kind: str
    medium: Medium = "pictures"
    classes: tuple[str, ...]
    batch_id: str | None = Field(description="of the items whose truth came in; None: proposals have none")
    read: dict[str, int] = Field(description="what was read, counted")
    counts: ImportCounts
    names: tuple[str, ...] = Field(default=(), description="which classes were renamed, as sentences")
    problems_at: str | None = Field(default=None, description="a table of all problems; None: there was none")

    @property
    def problems(self) -> int:
        """How many problems there were, while reading and after."""
        return sum(self.counts.problems.values())

    def told(self) -> list[str]:
        """Return what a person is told, line by line."""
        pictures, labels = self.counts.pictures, self.counts.labels
        read = self.read.get("labels", 0)
        items = self.read.get(self.medium, 0)
        used = read - self.read.get("labels of no use", 0)
        lines = [
            f"{self.name} ({self.format}): {read:,} labels on {items:,} {self.medium} were read "
            f"for {self.collection}, as {self.purpose}; {used:,} of them, of {len(self.classes)} classes, are of use"
        ]
        lines += self.names
        lines += [f"{self.medium} {what}: {count:,}" for what, count in pictures.items()]
        lines += [f"labels {what}: {count:,}" for what, count in labels.items()]
        if self.problems:
            became = ", ".join(f"{count:,} {what}" for what, count in self.counts.problems.items())
            lines += [f"{self.problems:,} problems ({became}), all in {self.problems_at}; by kind:"]
            lines += tally_lines(self.counts.kinds)
        if self.purpose == TRUTH and (labels.get(NEW) or labels.get(CHANGED)):
            lines.append("nobody here has looked at these labels, and no certificate will say so")
        return lines

    def next_steps(self, command: str) -> list[str]:
        """Return what a person may do next, as commands; nothing where no label came in or was there.

        Args:
            command: What starts our command line.
        """
        if not self.counts.labels:
            return []
        name = shlex.quote(self.collection)
        if self.purpose == TRUTH:
            fmt = usual_format(self.kind, self.medium)
            out = shlex.quote(f"{self.collection}-{fmt}")
            return [
                f"train on them: {command} retrain {name}",
                f"take them along: {command} export {name} --format {fmt} --out {out}",
            ]
        classes = shlex.quote(",".join(f'"{each}"' if "," in each else each for each in self.classes))
        called = shlex.quote(f"import:{self.name}")
        kind = "" if self.kind == "boxes" else f" --label-kind {self.kind}"
        where = f"FOLDER --name {name}" if self.medium == "pictures" else name
        return [f"ask people about them: {command} label {where}{kind} --classes {classes} --detector {called}"]


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return dict(Counter(one) + Counter(other))


def _rows(tallies: Tallies) -> list[tuple[str, int, str]]:
    return [(kind, count, escape_cell(first)) for kind, count, first in tally_rows(tallies)]


def import_page(report: ImportReport) -> str:
    """Return the report as Markdown: counts, and the first problems in words."""
    classes = ", ".join(escape_cell(name) for name in report.classes) or "no class"
    parts = [
        f"# Labels of {escape_cell(report.name)} for {escape_cell(report.collection)}, as {report.purpose}",
        f"Read as {escape_cell(report.format)}: {classes}.",
        *(f"Here {escape_cell(name)}." for name in report.names),
        table(("what was read", "number"), list(report.read.items())),
        table((report.medium, "number"), list(report.counts.pictures.items())),
        table(("labels", "number"), list(report.counts.labels.items())),
    ]
    if report.problems:
        parts += [
            f"## {report.problems:,} problems",
            table(("what became of it", "number"), list(report.counts.problems.items())),
            table(("kind", "count", "the first one"), _rows(report.counts.kinds)),
            f"All of them: `{report.problems_at}`. The first ones:",
            "\n".join(f"- {escape_cell(problem)}" for problem in report.counts.first_problems),
        ]
    if report.purpose == TRUTH:
        parts.append("These labels stand as they came. Nobody here has looked at them, and no certificate says so.")
    return "\n\n".join(parts)
