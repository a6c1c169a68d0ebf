"""`python -m tests.chaos`: kill, drop, double, delete and lock, then compare sets. Ends with 1 if anything is amiss.

The full run takes half an hour on two cores and more beside other work, of which locks last ten minutes; `--quick`
shows in a few minutes that all of it works, but for a second Label Studio, which has not our settings.
"""

import argparse
import logging
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from blocks.home import labelline_home
from tests.chaos.answers import LabelErrorOptions, try_faults
from tests.chaos.ground import make_catalogue
from tests.chaos.kills import Killers, kill_at_boundaries, kill_at_random, race, rehearse
from tests.chaos.locks import post_under_locks
from tests.chaos.post_office import PostOffice
from tests.chaos.server import OwnLabelStudio
from tests.chaos.tally import Tally, print_table, write_table

LOCKED = "Label Studio's database locked while posting"
LOCKED_AS_DELIVERED = "the same, on a Label Studio without our settings"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials; return 0 when nothing was lost and nothing doubled."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few trials of each, a few minutes")
    parser.add_argument("--seed", type=int, default=0, help="of all chance but the machine's own")
    parser.add_argument("--only", nargs="*", default=(), help="these faults, as the table calls them, and no kills")
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
    how_much = LabelErrorOptions(questions=4, lock_s=2, only=only) if quick else LabelErrorOptions(only=only)
    with tempfile.TemporaryDirectory(prefix="labelline-chaos-") as name, PostOffice() as office:
        folder = Path(name)
        catalog_url = make_catalogue(folder)
        with OwnLabelStudio(folder / "label-studio", office.url) as label_studio:
            tallies = try_faults(label_studio, catalog_url, how_much, dice, _tell)
            if not only:
                shared = Killers(label_studio, catalog_url, dice, grace_s=1.0 if quick else 3.0)
                tallies = [*_kill_senders(shared, quick), *tallies]
            if not only or LOCKED in only:
                _tell(LOCKED)
                tallies.append(post_under_locks(label_studio, catalog_url, dice, 2 if quick else 200, LOCKED))
        if LOCKED_AS_DELIVERED in only or not (only or quick):
            _tell(LOCKED_AS_DELIVERED)
            with OwnLabelStudio(folder / "as-delivered", office.url, as_delivered=True) as other:
                trials = 1 if quick else 20
                tallies.append(post_under_locks(other, catalog_url, dice, trials, LOCKED_AS_DELIVERED))
        return tallies


def _kill_senders(shared: Killers, quick: bool) -> list[Tally]:
    _tell("senders are killed")
    seen = rehearse(shared)
    boundaries = shared.dice.sample(seen.boundaries, 2) if quick else seen.boundaries
    kills = [kill_at_random(shared, seen.lasts_s, 2 if quick else 50), kill_at_boundaries(shared, boundaries)]
    return [*kills, *([] if quick else [race(shared, 5)])]


def _tell(what: str) -> None:
    print(f"… {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
