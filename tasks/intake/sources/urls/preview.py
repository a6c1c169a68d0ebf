"""A quick look into a list of addresses before anything is fetched: what is wrong is said where the person sits."""

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from blocks.errors import BadOption
from blocks.naming.patterns import compile_pattern
from blocks.servers.web_files import host_of, may_reach_as_operated
from tasks.intake.sequences import readable, sequence_of
from tasks.intake.sources.urls.addresses import path_of
from tasks.intake.sources.urls.options import UrlOptions
from tasks.intake.sources.urls.shards import offered_urls

LOOK_AT_MOST = 5_000
SHOWN = 3


@dataclass(frozen=True, slots=True)
class UrlsLook:
    """What a look at the first addresses shows.

    Attributes:
        urls: That were looked at.
        is_all: Whether there are no more.
        sequences: To which they belong.
        hosts: How many of them each server has, the most first.
        doubles: That were named before.
        faults: Why others cannot be used.
    """

    urls: int
    is_all: bool
    sequences: tuple[str, ...]
    hosts: tuple[tuple[str, int], ...]
    doubles: int
    faults: tuple[str, ...]

    def about_one_sequence(self) -> str:
        """Say that none could be held out for testing, and what to do about it; empty: some could be."""
        if not self.is_all or len(self.sequences) != 1:
            return ""
        return (
            f"all addresses are one sequence ({self.sequences[0]!r}: host and path without the last number), and "
            "pictures of one sequence never part between training and test. So none could be held out for testing, and "
            "no detector would be trained. If no two of them belong together, add --sequences '(.+)'; else say with it "
            "by which part of their addresses they are told."
        )

    def about_sequences(self) -> str:
        """Say what was found, so that a wrong column is seen before anything is fetched."""
        count = f"{self.urls} addresses" if self.is_all else f"more than {self.urls} addresses"
        hosts = ", ".join(f"{host} ({number})" for host, number in self.hosts[:SHOWN])
        more = f" and {len(self.hosts) - SHOWN} others" if len(self.hosts) > SHOWN else ""
        doubles = f"; {self.doubles} are named twice" if self.doubles else ""
        aside = f"; {len(self.faults)} cannot be used: {self.faults[0]}" if self.faults else ""
        return f"{count} at {hosts}{more}, in {len(self.sequences)} sequences{doubles}{aside}"


def look_into_urls(place: Path, options: UrlOptions, pattern: str | None = None) -> UrlsLook:
    """Look at the first addresses of a list.

    Raises:
        BadOption: There are none that can be used, it is not clear where they are, the pattern is no regular
            expression, or the operator's list of private networks is none.
    """
    may_reach_as_operated()
    if pattern:
        compile_pattern(pattern)
    offered = offered_urls(place, options)
    sequences: dict[str, None] = {}
    hosts: Counter[str] = Counter()
    faults: list[str] = []
    count = doubles = 0
    for each in islice(offered, LOOK_AT_MOST):
        count += 1
        if each.fault is not None:
            doubles += each.is_double
            faults += [] if each.is_double else [each.fault]
            continue
        hosts[host_of(each.url)] += 1
        sequences[readable(sequence_of(Path(path_of(each.url)), pattern))] = None
    if not hosts:
        told = f", such as: {faults[0]}" if faults else ""
        raise BadOption(f"none of the first {count} rows of {place} is an address that can be fetched{told}")
    is_all = next(offered, None) is None
    return UrlsLook(count, is_all, tuple(sequences), tuple(hosts.most_common()), doubles, tuple(faults))
