"""The tables that the tile bench prints."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

RACERS = (
    "labelline",
    "sahi",
    "supervision",
    "whole_frame",
    "labelline_snug",
    "labelline_joined",
    "labelline_rounded",
    "labelline_rounded_snug",
    "labelline_rounded_joined",
    "labelline_int8",
    "labelline_int8_snug",
    "labelline_int8_snug_tiles",
    "labelline_int8_joined",
    "sahi_openvino",
    "supervision_openvino",
)


def print_tables(report: Mapping[str, Any]) -> None:
    """Print whichever parts a report has."""
    console = Console(width=190)
    console.print("  ".join(f"{name} {version}" for name, version in report["versions"].items()))
    console.print(f"{report['processor']}; threads: {report['threads']}; load before: {report['load_before']:.1f}")
    for device in ("cpu", "cuda"):
        if device in report:
            console.print(_race(report[device]))
            console.print(_goal(report[device]["goal"]))
            _print_bare(console, device, report)
    if "seams" in report:
        console.print(_seams(report["seams"]))
    if "merging" in report:
        console.print(_merging(report["merging"]))
    for title, rows in report.get("scaling", {}).items():
        console.print(_scaling(title, rows))
    if "calibration" in report:
        console.print(_calibration(report["calibration"]))


def _goal(goal: Mapping[str, Any]) -> str:
    if goal["who"] is None:
        return "no peer raced, or none of ours is as precise as each of them"
    times = ", ".join(f"{factor:.1f} times {peer}" for peer, factor in goal["times"].items())
    return f"the fastest of ours with no lower mAP50 and mAP50-95 than either peer: {goal['who']}, {times}"


def _print_bare(console: Console, device: str, report: Mapping[str, Any]) -> None:
    if device == "cpu":
        console.print("GPU: none at hand; the same command runs the race on one where torch sees CUDA")
    bare = report["bare_forward"]
    reached = report[device]["labelline"]["images_per_second"] / bare["images_per_second"]
    console.print(
        f"bare forward pass on the same pictures ({bare['setting']}): {bare['images_per_second']:.2f} images/s; "
        f"labelline reaches {reached:.0%} of it"
    )


def _race(result: Mapping[str, Any]) -> Table:
    title = (
        f"{result['device']}: {result['images']} images of aerial_cars, tiles of 640 px, overlap 0.2, score "
        f"{result['score']}"
    )
    columns = ("who", "images/s", "labelline is", "CPU s/image", "mAP50", "mAP50-95", "any class", "any 50-95")
    of_classes = result["labelline"]["by_class"]
    headings = [f"{name} ({each['truths']:,})" for name, each in of_classes.items()]
    table = _table(title, (*columns, *headings, "recall", "lost", "boxes", "setting"))
    for name in RACERS:
        if (row := result.get(name)) is None:
            continue
        rates = (
            f"{row['images_per_second']:.2f}",
            f"{row['labelline_is_faster_by']:.2f}x",
            f"{row['cpu_seconds_per_image']:.2f}",
        )
        numbers = [f"{row[key]:.4f}" for key in ("map50", "map50_95", "map50_any_class", "map50_95_any_class")]
        numbers += [f"{row['by_class'][name]['ap50']:.3f}" for name in of_classes]
        shares = (f"{row['recall50_any_class']:.3f}", f"{row['recall_lost']:.1%}")
        table.add_row(name, *rates, *numbers, *shares, f"{row['boxes']:,}", row["setting"])
    return table


def _calibration(rows: Mapping[str, Any]) -> Table:
    table = _table("expected calibration error on scenes held out", ("seen by", "boxes", "before", "after"))
    for name, row in rows.items():
        table.add_row(name, f"{row['boxes']:,}", f"{row['before']:.3f}", f"{row['after']:.3f}")
    return table


def _seams(rows: Mapping[str, Any]) -> Table:
    table = _table("objects of 50 to 900 px at every phase, an exact detector", ("merge", "objects", *_SEAM_KEYS))
    for name, row in rows.items():
        table.add_row(name, f"{row['objects']:,}", *(f"{row[key]:.2%}" for key in _SEAM_KEYS))
    return table


_SEAM_KEYS = ("duplicates", "clipped", "missed", "swallowed")


def _merging(rows: Mapping[str, Any]) -> Table:
    table = _table("merging many boxes", ("boxes", "merge", "seconds", "CPU s", "peak MB", "left"))
    for count, by_name in rows.items():
        for name, row in by_name.items():
            if row["seconds"] is None:
                table.add_row(f"{int(count):,}", name, row["why"], "", "", "")
            else:
                times = (f"{row['seconds']:.2f}", f"{row['cpu_seconds']:.2f}")
                numbers = (*times, f"{row['peak_mb']:.0f}", f"{row['boxes']:,}")
                table.add_row(f"{int(count):,}", name, *numbers)
    return table


def _scaling(title: str, rows: Mapping[str, Any]) -> Table:
    table = _table(title.replace("_", " "), ("size", "tiles", "seconds", "CPU s/megapixel", "peak MB", "added MB"))
    for size, row in rows.items():
        numbers = (f"{row['seconds']:.2f}", f"{row['cpu_seconds_per_megapixel']:.4f}")
        table.add_row(size, f"{row['tiles']:,}", *numbers, f"{row['peak_mb']:.0f}", f"{row['added_mb']:.0f}")
    return table


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column)
    return table
