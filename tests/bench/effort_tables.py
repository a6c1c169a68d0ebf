"""What the cells of the effort bench show together: by data set, as tables, JSON and curves.

Two questions have an answer each. To a detector: how many human seconds until the curve of a way of asking reaches
nearly what labelling everything by hand gives, and where the curves are at equal seconds. To labels: how many human
seconds until all of the pool is labelled, what part of the last batch nobody judged, and how much of that is wrong.
"""

from collections.abc import Callable, Iterable, Sequence
from statistics import mean
from typing import Any

import numpy as np

Cell = dict[str, Any]

MANUAL, BASELINE = "manual", "entropy"

TO_DETECTOR = {"near manual": "seconds_to_near", "and stays": "seconds_to_stay", "same by hand": "near_by_hand"}
TO_LABELS = {
    "s/correct": "seconds_per_correct",
    "rest: s/corr.": "rest_seconds_per_correct",
    "rest: unseen": "share_accepted",
    "of it wrong": "true_error",
    "found": "found",
    "mAP50": "map50",
}
"""Heads of the tables, and what stands below them."""

SHARES = (0.1, 0.15, 0.2, 0.3)
"""Of the seconds of labelling everything by hand: where curves are compared."""


def summarize(cells: Sequence[Cell], near: float) -> dict[str, Any]:
    """Return by data set the means over seeds: of the baseline, of labelling by hand, and of every way of asking.

    `human_seconds` is what people spend to label the whole pool, `seconds_to_near` what they spend until the detector
    is as good as `near` times the manual one (None: it never is, or there is no manual cell yet), `seconds_to_stay`
    until it is and stays so, `near_by_hand` what labelling the pictures of that point by hand would have taken.
    """
    summary: dict[str, Any] = {}
    for name in sorted({cell["data"] for cell in cells}):
        mine = [cell for cell in cells if cell["data"] == name]
        manual = [cell for cell in mine if cell["arm"] == MANUAL]
        goal, by_hand = _mean(manual, _last_map50), _mean(manual, lambda cell: cell["human_seconds"])
        arms = {}
        for arm in sorted({cell["arm"] for cell in mine} - {MANUAL}):
            arms[arm] = _arm([cell for cell in mine if cell["arm"] == arm], goal, by_hand, near)
        main = arms.get(BASELINE, {})
        columns = ("human_seconds", "share_accepted", "certified_error", "true_error", "map50", "seconds_to_near")
        summary[name] = {column: main.get(column) for column in columns} | {
            "human_seconds_manual": by_hand,
            "human_seconds_manual_fastest": _mean(manual, lambda cell: cell["fast_seconds"]),
            "seconds_per_correct_manual": _mean(manual, lambda cell: cell["seconds_per_correct"]),
            "map50_manual": goal,
            "seeds": len({cell["seed"] for cell in mine}),
            "arms": arms,
        }
    return summary


def _arm(cells: Sequence[Cell], goal: float | None, by_hand: float | None, near: float) -> dict[str, Any]:
    firsts = [near_at(cell, goal, near, stays=False) for cell in cells]
    good = [near_at(cell, goal, near, stays=True) for cell in cells]
    rests = [cell["rest"] for cell in cells]
    return {
        "seeds": len(cells),
        "human_seconds": _mean(cells, lambda cell: cell["human_seconds"]),
        "fast_seconds": _mean(cells, lambda cell: cell["fast_seconds"]),
        "seconds_per_correct": _mean(cells, lambda cell: cell["seconds_per_correct"]),
        "share_accepted": _mean(rests, lambda rest: rest["share_accepted"]),
        "certified_error": _mean(cells, lambda cell: cell["certified_error"]),
        "true_error": _mean(rests, lambda rest: rest["true_error"]),
        "rest_seconds_per_correct": _mean(rests, lambda rest: rest["human_seconds"] / max(1, rest["correct"])),
        "found": _mean(cells, lambda cell: cell["all"]["correct"] / max(1, cell["all"]["objects"])),
        "map50": _mean(cells, _last_map50),
        "seconds_to_near": _all_or_none(firsts, "seconds"),
        "seconds_to_stay": _all_or_none(good, "seconds"),
        "near_by_hand": _all_or_none(firsts, "by_hand"),
        "curves": {
            str(cell["seed"]): [(point["items"], point["seconds"], point["map50"]) for point in cell["curve"]]
            for cell in cells
        },
        "map50_at": {} if by_hand is None else {f"{share:.0%}": _at(cells, share * by_hand) for share in SHARES},
    }


def near_at(cell: Cell, goal: float | None, near: float, *, stays: bool) -> Cell | None:
    """Return the point at which a cell's detector reaches `near` times the goal; None where it never does.

    Args:
        cell: With its curve.
        goal: The mAP50 to compare with; None: there is none yet.
        near: Share of it.
        stays: Whether all later points must be as good, too.
    """
    curve: list[Cell] = cell["curve"]
    if goal is None:
        return None
    reached = [point["map50"] >= near * goal for point in curve]
    places = (at for at, is_near in enumerate(reached) if (all(reached[at:]) if stays else is_near))
    return next((curve[at] for at in places), None)


def print_tables(summary: dict[str, Any], scale: str) -> None:
    """Print two tables per data set: to a detector, and to labels."""
    for name, row in summary.items():
        print(
            f"\n{name} ({scale}, {row['seeds']} seeds): all by hand {_hours(row['human_seconds_manual'])}, mAP50 "
            f"{_number(row['map50_manual'])}, {_number(row['seconds_per_correct_manual'])} s per correct label"
        )
        by_hand = row["human_seconds_manual"]
        print(f"  {'to a detector':<18}" + _line((*TO_DETECTOR, *(f"at {share:.0%}" for share in SHARES))))
        for arm, of_arm in row["arms"].items():
            hours = [_share(of_arm[key], by_hand) for key in TO_DETECTOR.values()]
            at = [_number(of_arm["map50_at"].get(f"{share:.0%}")) for share in SHARES]
            print(f"  {arm:<18}" + _line([*hours, *at]))
        print(f"  {'to labels':<18}" + _line(("all labelled", *TO_LABELS, "seeds")))
        for arm, of_arm in row["arms"].items():
            numbers = [_number(of_arm[key]) for key in TO_LABELS.values()]
            print(f"  {arm:<18}" + _line([_share(of_arm["human_seconds"], by_hand), *numbers, str(of_arm["seeds"])]))
        for arm, of_arm in row["arms"].items():
            for seed, points in of_arm["curves"].items():
                told = ", ".join(f"{items}: {_hours(seconds)} {value:.3f}" for items, seconds, value in points[1:])
                print(f"  {arm}, seed {seed}, pictures: hours and mAP50: {told}")


def _line(values: Iterable[str]) -> str:
    return "".join(f"{value:>14}" for value in values)


def curves_jpeg(cells: Sequence[Cell]) -> bytes:
    """Draw mAP50 against human hours, a panel per data set, a line per cell, coloured by way of asking.

    Labelling by hand is one point, with all labels: nobody measured what lies before it.
    """
    import io

    from matplotlib.figure import Figure

    names = sorted({cell["data"] for cell in cells})
    figure = Figure(figsize=(5 * max(1, len(names)), 3.8), layout="constrained")
    arms = sorted({cell["arm"] for cell in cells})
    for axes, name in zip(figure.subplots(1, max(1, len(names)), squeeze=False)[0], names, strict=False):
        labelled: set[str] = set()
        for cell in (cell for cell in cells if cell["data"] == name):
            points = cell["curve"][-1:] if cell["arm"] == MANUAL else cell["curve"]
            hours = [point["seconds"] / 3600 for point in points]
            values = [point["map50"] for point in points]
            label = None if cell["arm"] in labelled else cell["arm"]
            color = f"C{arms.index(cell['arm'])}"
            axes.plot(hours, values, marker="x" if cell["arm"] == MANUAL else ".", lw=1, color=color, label=label)
            labelled.add(cell["arm"])
        axes.set(title=name, xlabel="human hours", ylabel="mAP50", ylim=(0, 1))
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize=8)
    jpeg = io.BytesIO()
    figure.savefig(jpeg, format="jpeg", dpi=100)
    return jpeg.getvalue()


def _at(cells: Sequence[Cell], seconds: float) -> float | None:
    """Return the mean mAP50 after so many seconds, between two points by a straight line; None before all have one."""
    values = []
    for cell in cells:
        curve = cell["curve"][1:]  # without the detector that nobody trained
        if not curve or seconds < curve[0]["seconds"]:
            return None
        points = [point["seconds"] for point in curve]
        values.append(float(np.interp(seconds, points, [point["map50"] for point in curve])))
    return round(mean(values), 4) if values else None


def _last_map50(cell: Cell) -> float:
    return float(cell["curve"][-1]["map50"])


def _mean(cells: Sequence[Cell], value_of: Callable[[Cell], float | None]) -> float | None:
    """Return the mean of what is known; None where nothing is."""
    known = [value for value in map(value_of, cells) if value is not None]
    return round(mean(known), 4) if known else None


def _all_or_none(points: Sequence[Cell | None], key: str) -> float | None:
    """Return the mean, or None as soon as one seed has none: a mean of the lucky seeds would flatter."""
    known = [float(point[key]) for point in points if point is not None]
    return round(mean(known), 1) if known and len(known) == len(points) else None


def _share(seconds: float | None, of_seconds: float | None) -> str:
    return _hours(seconds) if seconds is None or not of_seconds else f"{_hours(seconds)} {seconds / of_seconds:4.0%}"


def _hours(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds / 3600:.2f} h"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
