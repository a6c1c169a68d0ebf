"""The tables that the tile bench prints."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.tiles.precision import NUMBERS

MOST_CLASSES = 4
"""Of COCO's many there are no columns."""

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
    console = Console(width=260)
    console.print("  ".join(f"{name} {version}" for name, version in report["versions"].items()))
    console.print(f"{report['processor']}; threads: {report['threads']}; load before: {report['load_before']:.1f}")
    for device in ("cpu", "cuda"):
        if device in report:
            _print_race(console, "aerial_cars", report[device])
            _print_bare(console, device, report)
    for name, result in report.get("sets", {}).items():
        _print_race(console, name, result)
    if "everywhere" in report:
        console.print(_everywhere(report["everywhere"]))
        console.print("precision alone:", _everywhere(report["everywhere_precise"]))
    if "seams" in report:
        console.print(_seams(report["seams"]))
    if "merging" in report:
        console.print(_merging(report["merging"]))
    for title, rows in report.get("scaling", {}).items():
        console.print(_scaling(title, rows))
    if "calibration" in report:
        console.print(_calibration(report["calibration"]))


def _print_race(console: Console, name: str, result: Mapping[str, Any]) -> None:
    console.print(_race(name, result))
    console.print(_against(name, result))
    for who, row in result["merged_by_peers"].items():
        said = ", ".join(f"{key} {row[key]:.4f}" for key in NUMBERS)
        console.print(f"{who}'s merge of what our views saw: kept {row['share']:.2%}, {row['boxes']:,} boxes, {said}")
    console.print(_goal(result["goal"]))
    console.print("precision alone:", _goal(result["goal_of_precision"]))


def _goal(goal: Mapping[str, Any]) -> str:
    if goal["who"] is None:
        return "no peer raced, or each of ours loses something on the half to choose by"
    times = ", ".join(f"{factor:.1f} times {peer}" for peer, factor in goal["times"].items())
    held = "holds" if goal["holds"] else "does NOT hold"
    return (
        f"the fastest of ours that loses nothing, chosen on one half: {goal['who']}; on the other half it {held}, at "
        f"{times}, kept {goal['kept']['share']:.2%}, {_differences(goal['against'])}"
    )


def _differences(against: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {_difference(row)}" for key, row in against.items())


def _difference(row: Mapping[str, Any]) -> str:
    low, high = row["interval"]
    return f"{row['difference']:+.4f} ({low:+.4f} to {high:+.4f}) {row['peer']}"


def _everywhere(found: Mapping[str, Any]) -> str:
    if found["who"] is None:
        return f"none of ours is known to lose nothing on every set (lossless: {', '.join(found['sound']) or 'none'})"
    return (
        f"lossless on every set: {', '.join(found['sound'])}; the fastest is {found['who']}, "
        f"{found['times_better_peer']:.1f} times the better peer"
    )


def _print_bare(console: Console, device: str, report: Mapping[str, Any]) -> None:
    if device == "cpu":
        console.print("GPU: none at hand; the same command runs the race on one where torch sees CUDA")
    bare = report["bare_forward"]
    reached = report[device]["labelline"]["images_per_second"] / bare["images_per_second"]
    console.print(
        f"bare forward pass on the same pictures ({bare['setting']}): {bare['images_per_second']:.2f} images/s; "
        f"labelline reaches {reached:.0%} of it"
    )


def _race(name: str, result: Mapping[str, Any]) -> Table:
    title = (
        f"{result['device']}: {result['images']} pictures of {name}, tiles of {result['tile_px']} px, overlap 0.2, "
        f"score {result['score']}; parts of cut objects that count for nobody: {result['cut']}"
    )
    of_classes = result["labelline"]["by_class"]
    columns = (
        "who",
        "images/s",
        "labelline is",
        "CPU s",
        *NUMBERS,
        "kept",
        "moved",
        "kept, class",
        "any class",
        "any 50-95",
    )
    headings = [f"{name} ({each['truths']:,})" for name, each in of_classes.items()][:MOST_CLASSES]
    table = _table(title, (*columns, *headings, "boxes", "setting"))
    for name in RACERS:
        if (row := result.get(name)) is None:
            continue
        rates = (
            f"{row['images_per_second']:.2f}",
            f"{row['labelline_is_faster_by']:.2f}x",
            f"{row['cpu_seconds_per_image']:.2f}",
        )
        numbers = [f"{row[key]:.4f} {_span(row['interval'][key])}" for key in NUMBERS]
        numbers += _kept_columns(row.get("kept"))
        numbers += [f"{row[key]:.4f}" for key in ("map50_any_class", "map50_95_any_class")]
        numbers += [f"{row['by_class'][name]['ap50']:.3f}" for name in list(of_classes)[:MOST_CLASSES]]
        table.add_row(name, *rates, *numbers, f"{row['boxes']:,}", row["setting"])
    return table


def _kept_columns(kept: Mapping[str, Any] | None) -> list[str]:
    if kept is None:
        return ["", "", ""]
    counts = f"{kept['share']:.2%} ({kept['kept']} of {kept['seen']})"
    return [counts, str(kept["moved"]), f"{kept['same_class']['share']:.2%}"]


def _span(interval: Sequence[float]) -> str:
    return f"({interval[0]:.3f} to {interval[1]:.3f})"


def _against(name: str, result: Mapping[str, Any]) -> Table:
    table = _table(f"{name}: beside the peer that is better at it", ("who", *NUMBERS))
    for who in RACERS:
        if against := result.get(who, {}).get("against"):
            table.add_row(who, *(_difference(against[key]) for key in NUMBERS))
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
