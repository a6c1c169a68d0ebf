"""Bench: flawed surfaces in `magnetic_tile`, and planted label faults in `bccd`.

    python -m tests.bench.anomalies                       # all of it, about 15 minutes of a core
    python -m tests.bench.anomalies --only faults         # 5 minutes of a core; stopped, it goes on with the next fold
    python -m tests.bench.anomalies --items 12 --epochs 1 --tiles 8     # a slice, to see that it runs

Prints tables and writes `.labelline/bench/anomalies.json`, with heat maps of the oddest surfaces beside it.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.anomalies_anomalib import find_anomalib
from tests.bench.anomalies_faults import BUDGET, measure_faults
from tests.bench.anomalies_folds import Case
from tests.bench.anomalies_surfaces import measure_surfaces, read_tiles

OUTPUT = Path(".labelline/bench/anomalies.json")


def main() -> None:
    """Measure, print the tables and write them down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LABELLINE_DATA", "../shared/data")))
    parser.add_argument("--items", type=int, default=0, help="pictures of bccd; all but those tried on by default")
    parser.add_argument("--seed", type=int, default=1, help="of the planted faults and the folds; not 0")
    parser.add_argument("--epochs", type=int, default=Case().epochs, help="passes of each fold's fine-tuning")
    parser.add_argument("--tiles", type=int, default=0, help="pictures of each kind of magnetic_tile; all by default")
    parser.add_argument("--only", choices=["surfaces", "faults"], help="one part of it")
    options = parser.parse_args()
    folder = OUTPUT.parent
    # A part that is measured alone leaves the other one's numbers as they are.
    before = json.loads(OUTPUT.read_text()) if options.only and OUTPUT.exists() else {}
    report: dict[str, Any] = {**before, "load": os.getloadavg()}
    if options.only in (None, "surfaces"):
        weights = options.data / "weights" / "yolov8n-coco.pt"
        tiles = read_tiles(options.data / "magnetic_tile", weights, options.tiles)
        report["surfaces"] = measure_surfaces(tiles, folder / "surfaces", find_anomalib())
        print_surfaces(report["surfaces"])
    if options.only in (None, "faults"):
        report["faults"] = measure_faults(
            options.data, Case(options.items, options.epochs, options.seed), folder / "anomalies"
        )
        print_faults(report["faults"])
    folder.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=1))
    print(f"written to {OUTPUT}")


def print_surfaces(report: dict[str, Any]) -> None:
    """Print AUROC by method and by kind of defect."""
    print(
        f"\nmagnetic_tile: AUROC, {report['splits']} splits, {report['free_tiles_to_learn']} free tiles to learn from"
    )
    for method, values in report["auroc"].items():
        print(f"  {method:34} {np.mean(values):.3f}  ({', '.join(f'{value:.3f}' for value in values)})")
    kinds = ", ".join(f"{kind} {value:.3f}" for kind, value in report["auroc_by_defect"].items())
    print(f"  patch memory by defect: {kinds}")
    found, wrongly = report["sent_back"]["defects_found"], report["sent_back"]["free_tiles_sent_back"]
    if not report["anomalib"]:
        print("  (anomalib is not installed here: make bench-anomalies does that)")
    good = report["good_tiles_in_triage"]
    print(
        f"  asked about by triage, from {good} good tiles: {found:.0%} of the defects, {wrongly:.0%} of the free tiles"
    )


def print_faults(report: dict[str, Any]) -> None:
    """Print precision and recall of what is sent back."""
    print(
        f"\nbccd: {report['planted']} of {report['labels']} labels dropped, shifted or swapped, "
        f"in {report['faulty_items']} of {report['items']} items ({report['left_out']} others were tried on)"
    )
    print(f"  {BUDGET:.0%} of the items at most        precision   recall   share of the faults in them, by kind")
    for name, row in report["by_item"].items():
        print(
            f"  {name:30} {row['precision']:8.3f} {row['recall']:8.3f} {row['share_of_faults']:8.3f}"
            f"   ({_kinds(row['share_by_kind'])})"
        )
    print(f"  single questions, {BUDGET:.0%} of the labels  precision   recall   (recall by kind of fault)")
    for name, row in report["by_question"].items():
        alarms = row.get("false_alarms")
        sure = f"; the detector is very sure at {row['false_alarms_sure']} of {alarms} false alarms" if alarms else ""
        print(
            f"  {name:30} {row['precision']:8.3f} {row['recall']:8.3f}   "
            f"({row['questions']} questions; {_kinds(row['recall_by_kind'])}{sure})"
        )


def _kinds(shares: dict[str, float]) -> str:
    return ", ".join(f"{kind} {share:.3f}" for kind, share in shares.items())


if __name__ == "__main__":
    main()
