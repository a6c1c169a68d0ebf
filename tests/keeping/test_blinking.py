"""A store that fails for a moment: what it did not give is not called damaged, and no check ends by it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from blocks.errors import StoreUnavailable
from blocks.storage.stores import FolderStore
from tasks.keeping.check import check_objects
from tasks.keeping.report import CheckReport
from tests.keeping.world import keep_items


def told(report: CheckReport) -> dict[str, str]:
    return {fault.key: fault.what for fault in report.faults}


class Blinking(FolderStore):
    """A store that fails at some of its readings."""

    failing: frozenset[int] = frozenset()
    read = 0

    def pieces(self, key: str) -> Iterator[bytes]:
        self.read += 1
        if self.read in self.failing:
            raise StoreUnavailable("connection reset")
        return super().pieces(key)


@pytest.mark.parametrize("is_named", [True, False])
def test_a_short_failure_of_the_network_is_no_fault(engine: Engine, store: FolderStore, *, is_named: bool) -> None:
    blinking = Blinking(store.root)
    blinking.failing = frozenset({3, 4, 5})
    if is_named:
        keep_items(engine, store, [b"%d" % number for number in range(40)])
    for number in range(0 if is_named else 40):
        store.put(f"plans/{number}.json", b"{}")
    assert check_objects(engine, [blinking]).faults == ()
    assert blinking.read == 43


def test_a_copy_that_goes_while_it_mends_another_ends_no_check(
    engine: Engine, store: FolderStore, tmp_path: Path
) -> None:
    (key,) = keep_items(engine, store, [b"a"])
    second = Blinking(tmp_path / "second")
    second.put(key, b"a")
    store.put(key, b"A")
    second.failing = frozenset({2, 4})
    assert told(check_objects(engine, [store, second])) == {key: "damaged"}
