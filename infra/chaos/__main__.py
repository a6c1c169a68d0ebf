"""`python -m infra.chaos`: kill, drop, double, reorder and lock, then compare sets. Ends with 1 if anything is amiss.

The full run takes about ten minutes on two cores; `--quick` shows in a minute or two that all of it works.
"""

import argparse
import logging
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from blocks.home import labelline_home
from infra.chaos.answers import FaultOptions, try_faults
from infra.chaos.ground import make_catalogue
from infra.chaos.kills import Killers, kill_at_boundaries, kill_at_random, race, rehearse
from infra.chaos.post_office import PostOffice
from infra.chaos.server import OwnLabelStudio
from infra.chaos.tally import Tally, print_table, write_table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials; return 0 when nothing was lost and nothing doubled."""
    parser = argparse.ArgumentParser(prog="python -m infra.chaos", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few trials of each, a minute or two")
    parser.add_argument("--seed", type=int, default=0, help="of all chance but the machine's own")
    parser.add_argument("--only", nargs="*", default=(), help="these faults of answers, and no kills")
    parser.add_argument(
        "--json", type=Path, help="where the table goes (default: bench/chaos.json in the state folder)"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.ERROR)  # faults warn by the dozen, as they should
    tallies = run(options.quick, options.seed, options.only)
    print_table(tallies)
    write_table(tallies, options.json or labelline_home() / "bench" / "chaos.json")
    return 0 if all(tally.is_clean for tally in tallies) else 1


def run(quick: bool, seed: int, only: Sequence[str] = ()) -> list[Tally]:
    """Run all trials against a Label Studio and a catalogue of their own, which are gone afterwards."""
    dice = random.Random(seed)
    how_much = FaultOptions(questions=4, lock_s=2, only=only) if quick else FaultOptions(only=only)
    with tempfile.TemporaryDirectory(prefix="labelline-chaos-") as name, PostOffice() as office:
        folder = Path(name)
        catalog_url = make_catalogue(folder)
        with OwnLabelStudio(folder / "label-studio", office.url) as label_studio:
            tallies = try_faults(label_studio, office, catalog_url, how_much, dice, _tell)
            if only:
                return tallies
            shared = Killers(label_studio, catalog_url, dice, grace_s=1.0 if quick else 3.0)
            _tell("senders are killed")
            seen = rehearse(shared)
            boundaries = dice.sample(seen.boundaries, 2) if quick else seen.boundaries
            kills = [kill_at_random(shared, seen.lasts_s, 2 if quick else 50), kill_at_boundaries(shared, boundaries)]
            return [*kills, *([] if quick else [race(shared, 5)]), *tallies]


def _tell(what: str) -> None:
    print(f"… {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
