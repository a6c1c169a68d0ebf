"""What a check found, as a page for people."""

from tasks.keeping.report import CheckReport

MOST_ROWS = 200


def check_page(report: CheckReport) -> str:
    """Return what a check found, as Markdown."""
    end = "all of the store" if report.is_whole else "its time was up: the next one goes on"
    lines = [
        f"{report.objects:,} objects, {report.bytes / 1e9:.2f} GB, {report.mb_per_s:.0f} MB/s; {end}.",
        f"**{report.remaining:,} are missing or damaged.**" if report.remaining else "None is missing or damaged.",
    ]
    if report.faults:
        rows = [
            "| " + " | ".join(map(_cell, (fault.what, fault.key, fault.told, fault.means, fault.do))) + " |"
            for fault in report.faults[:MOST_ROWS]
        ]
        table = "\n".join(["| | object | what | means | to do |", "|---|---|---|---|---|", *rows])
        lines += [table, f"{sum(report.counts.values()):,} in all; `labelline fsck --json` lists more of them."]
    return "\n\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'").replace("<", "&lt;").replace("\n", " ")
