"""What became of the files that were offered, in numbers that add up and in reasons that people read."""

from collections import Counter

from pydantic import Field

from blocks.frozen import Frozen

SHOWN = 200
"""Rows of set-aside files in the artifact; the catalogue's `source` table has all of them."""


class RejectedFile(Frozen):
    """A file that was offered and cannot be used."""

    uri: str
    reason: str


class IntakeReport(Frozen):
    """What became of the files offered: offered = taken + duplicates + set aside, on the first run as on any later."""

    offered: int = 0
    taken: int = 0
    duplicates: int = 0
    set_aside: tuple[RejectedFile, ...] = ()
    notes: dict[str, int] = Field(
        default_factory=dict, description="files read just now that are not shown as they are stored, by what was done"
    )
    changed: int = Field(default=0, description="source rows written or changed just now; 0: all was known")

    def __add__(self, other: "IntakeReport") -> "IntakeReport":
        """Return the report on both sets of files."""
        return IntakeReport(
            offered=self.offered + other.offered,
            taken=self.taken + other.taken,
            duplicates=self.duplicates + other.duplicates,
            set_aside=self.set_aside + other.set_aside,
            notes=dict(Counter(self.notes) + Counter(other.notes)),
            changed=self.changed + other.changed,
        )

    def __str__(self) -> str:
        """Say it in a line, in a form that adds up."""
        return (
            f"{self.offered} files offered = {self.taken} taken + {self.duplicates} duplicates "
            f"+ {len(self.set_aside)} set aside ({self.changed} new or changed)"
            + "".join(f"; {count} × {note}" for note, count in sorted(self.notes.items()))
        )


def as_markdown(collection: str, report: IntakeReport) -> str:
    """Return a report as a table of counts and a table of what was set aside and why."""
    lines = [
        f"# Intake into {_cell(collection)}",
        "",
        "| files | what became of them |",
        "|---:|---|",
        f"| {report.taken} | taken |",
        f"| {report.duplicates} | the same bytes as a file that was taken |",
        f"| {len(report.set_aside)} | set aside, with the reason below |",
        f"| **{report.offered}** | **offered** ({report.changed} of them new or changed) |",
    ]
    if report.notes:
        lines += ["", "| files read just now | not shown as they are stored |", "|---:|---|"]
        lines += [f"| {count} | {_cell(note)} |" for note, count in sorted(report.notes.items())]
    if report.set_aside:
        lines += ["", "| set aside | why |", "|---|---|"]
        lines += [f"| {_cell(file.uri)} | {_cell(file.reason)} |" for file in report.set_aside[:SHOWN]]
    hidden = len(report.set_aside) - SHOWN
    if hidden > 0:
        lines += ["", f"{hidden} more are in the catalogue's table `source`, with state `set_aside`."]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """File names come from outside: nothing in them may end a cell or become markup."""
    for sign in "\\`*_[]<>|":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
