"""The tables that the tile bench prints."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def print_tables(report: Mapping[str, Any]) -> None:
    """Print whichever parts a report has."""
    console = Console(width=150)
    console.print("  ".join(f"{name} {version}" for name, version in report["versions"].items()))
    console.print(f"threads: {report['threads']}; load before: {report['load'][0]:.1f}")
    for device, result in report.get("devices", {}).items():
        console.print(_race(device, result))
        if device == "cpu":
            console.print("GPU: none at hand; the same command runs the race on one where torch sees CUDA")
        elif result["bare_forward"]:
            console.print(f"bare forward pass, tiles per second by batch: {result['bare_forward']}")
    if "seams" in report:
        console.print(_seams(report["seams"]))
    if "merging" in report:
        console.print(_merging(report["merging"]))
    for title, rows in report.get("scaling", {}).items():
        console.print(_scaling(title, rows))


def _race(device: str, result: Mapping[str, Any]) -> Table:
    title = f"{device}: {result['images']} images of aerial_cars, 640 px tiles, overlap 0.2, score {result['score']}"
    columns = (
        "who",
        "images/s",
        "CPU s/image",
        "mAP50",
        "mAP50-95",
        "any class",
        "any 50-95",
        "recall",
        "boxes",
        "setting",
    )
    table = _table(title, columns)
    for name, row in result.items():
        if not isinstance(row, dict) or "map50" not in row:
            continue
        numbers = [f"{row[key]:.3f}" for key in ("map50", "map50_95", "map50_any_class", "map50_95_any_class")]
        numbers.append(f"{row['recall50_any_class']:.3f}")
        rates = [f"{row['images_per_second']:.2f}", f"{row['cpu_seconds_per_image']:.2f}"]
        table.add_row(name, *rates, *numbers, f"{row['boxes']:,}", row["setting"])
    return table


def _seams(rows: Mapping[str, Any]) -> Table:
    table = _table("objects of 50 to 900 px at every phase, an exact detector", ("merge", "objects", *_SEAM_KEYS))
    for name, row in rows.items():
        table.add_row(name, f"{row['objects']:,}", *(f"{row[key]:.2%}" for key in _SEAM_KEYS))
    return table


_SEAM_KEYS = ("duplicates", "clipped", "missed", "swallowed")


def _merging(rows: Mapping[str, Any]) -> Table:
    table = _table("merging many boxes", ("boxes", "merge", "seconds", "peak MB", "left"))
    for count, by_name in rows.items():
        for name, row in by_name.items():
            if row["seconds"] is None:
                table.add_row(f"{int(count):,}", name, row["why"], "", "")
            else:
                numbers = (f"{row['seconds']:.2f}", f"{row['peak_mb']:.0f}", f"{row['boxes']:,}")
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
