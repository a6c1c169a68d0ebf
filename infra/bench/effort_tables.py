"""What the cells of the effort bench show together: by data set, as tables, JSON and curves."""

from collections.abc import Sequence
from statistics import mean
from typing import Any

Cell = dict[str, Any]

MANUAL, BASELINE = "manual", "entropy"
COLUMNS = (
    "human_seconds",
    "human_seconds_manual",
    "share_accepted",
    "certified_error",
    "true_error",
    "map50",
    "map50_manual",
)


def summarize(cells: Sequence[Cell], near: float) -> dict[str, Any]:
    """Return by data set the means over seeds: of the baseline, of labelling by hand, and of every way of asking.

    `human_seconds` is what people spend to label everything, `seconds_to_near` what they spend until the detector is as
    good as `near` times the manual one (None: it never is, or there is no manual cell yet).
    """
    summary: dict[str, Any] = {}
    for name in sorted({cell["data"] for cell in cells}):
        mine = [cell for cell in cells if cell["data"] == name]
        manual = [cell for cell in mine if cell["arm"] == MANUAL]
        goal = _mean(manual, "map50")
        arms = {}
        for arm in sorted({cell["arm"] for cell in mine} - {MANUAL}):
            of_arm = [cell for cell in mine if cell["arm"] == arm]
            arms[arm] = {
                "seeds": len(of_arm),
                **{key: _mean(of_arm, key) for key in ("human_seconds", *COLUMNS[2:6])},
                "seconds_to_near": _all_or_none([seconds_to(cell, goal, near) for cell in of_arm]),
            }
        main = arms.get(BASELINE, {})
        summary[name] = {key: main.get(key) for key in COLUMNS} | {
            "human_seconds_manual": _mean(manual, "human_seconds"),
            "map50_manual": goal,
            "seconds_to_near": main.get("seconds_to_near"),
            "arms": arms,
        }
    return summary


def seconds_to(cell: Cell, goal: float | None, near: float) -> float | None:
    """Return the human seconds after which a cell's detector reached `near` times the goal; None where it never did."""
    if goal is None:
        return None
    return next((float(seconds) for seconds, value in cell["curve"] if value >= near * goal), None)


def print_tables(summary: dict[str, Any], scale: str) -> None:
    """Print a table per data set."""
    for name, row in summary.items():
        print(
            f"\n{name} ({scale}): by hand {_hours(row['human_seconds_manual'])}, mAP50 {_number(row['map50_manual'])}"
        )
        heads = ("all labelled", "near manual", "unseen", "wrong", "mAP50", "seeds")
        print(f"  {'asked by':<18}" + "".join(f"{head:>13}" for head in heads))
        for arm, of_arm in row["arms"].items():
            numbers = (
                _hours(of_arm["human_seconds"]),
                _hours(of_arm["seconds_to_near"]),
                *(_number(of_arm[key]) for key in ("share_accepted", "true_error", "map50")),
                str(of_arm["seeds"]),
            )
            print(f"  {arm:<18}" + "".join(f"{number:>13}" for number in numbers))


def curves_jpeg(cells: Sequence[Cell]) -> bytes:
    """Draw mAP50 against human hours, a panel per data set, a line per cell, coloured by way of asking."""
    import io

    from matplotlib.figure import Figure

    names = sorted({cell["data"] for cell in cells})
    figure = Figure(figsize=(5 * max(1, len(names)), 3.8), layout="constrained")
    arms = sorted({cell["arm"] for cell in cells})
    for axes, name in zip(figure.subplots(1, max(1, len(names)), squeeze=False)[0], names, strict=False):
        labelled: set[str] = set()
        for cell in (cell for cell in cells if cell["data"] == name):
            hours, values = zip(*((seconds / 3600, value) for seconds, value in cell["curve"]), strict=True)
            label = None if cell["arm"] in labelled else cell["arm"]
            axes.plot(hours, values, marker=".", lw=1, color=f"C{arms.index(cell['arm'])}", label=label)
            labelled.add(cell["arm"])
        axes.set(title=name, xlabel="human hours", ylabel="mAP50", ylim=(0, 1))
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize=8)
    jpeg = io.BytesIO()
    figure.savefig(jpeg, format="jpeg", dpi=100)
    return jpeg.getvalue()


def _mean(cells: Sequence[Cell], key: str) -> float | None:
    """Return the mean of what is known; None where nothing is."""
    known = [cell[key] for cell in cells if cell.get(key) is not None]
    return round(mean(known), 4) if known else None


def _all_or_none(values: Sequence[float | None]) -> float | None:
    """Return the mean, or None as soon as one seed has none: a mean of the lucky seeds would flatter."""
    known = [value for value in values if value is not None]
    return round(mean(known), 1) if known and len(known) == len(values) else None


def _hours(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds / 3600:.2f} h"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
