"""`fsck` on real stores: what is flipped, lost, cut short, left behind or foreign is found, and nothing else."""

import ast
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete

from blocks.database.engine import reading, writing
from blocks.database.tables import Bookmark, Item
from blocks.errors import StoreUnavailable
from blocks.storage.stores import FolderStore, Store
from tasks.detect.prompted.named import NamedNetwork
from tasks.detect.refs import IMPORTED, PROPAGATED, TAUGHT
from tasks.intake.video.playable import key_of as film_key
from tasks.keeping import named_objects
from tasks.keeping.check import UNREADABLE_AT_MOST, CheckOptions, check_objects
from tasks.keeping.report import CheckReport
from tasks.keeping.spaces import UNKNOWN, digest_in, space_of
from tasks.suggest.embedders.named.registry import NAMED
from tasks.suggest.embedders.text_axes import key_of_axes
from tests.examples import examples
from tests.keeping.world import keep_items, keep_snapshot, key_of

ROOT = Path(__file__).parents[2]
FLIPS = examples(8, 40)


@pytest.fixture(params=["folder", "s3"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return FolderStore(tmp_path / "objects")
    return request.getfixturevalue("open_s3")()  # type: ignore[no-any-return]


def told(report: CheckReport) -> dict[str, str]:
    return {fault.key: fault.what for fault in report.faults}


def flip(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def test_an_empty_catalogue_and_an_empty_store_are_whole(engine: Engine, any_store: Store) -> None:
    report = check_objects(engine, [any_store])
    assert (report.objects, report.faults, report.is_whole) == (0, (), True)


def test_each_fault_is_found_and_what_is_whole_is_not_told(engine: Engine, any_store: Store) -> None:
    contents = [b"whole" * 99, b"flipped" * 99, b"lost", b"short" * 9]
    _whole, flipped, lost, short = keep_items(engine, any_store, contents)
    manifest = keep_snapshot(engine, any_store, b'{"items": []}')
    any_store.put(flipped, flip(b"flipped" * 99, 300, 3))
    any_store.put(short, b"short" * 8)
    any_store.delete(lost)
    any_store.put(key_of(b"nobody's"), b"nobody's")
    any_store.put("backup of bob.zip", b"?")
    any_store.put(manifest, b'{"items":  []}')
    any_store.put("weights/0123456789ab.pt", b"other weights")
    any_store.put("looks/lots/one.json", b'{"cut')
    any_store.put("plans/0123.json", b"{}")
    report = check_objects(engine, [any_store])
    assert told(report) == {
        flipped: "damaged",
        short: "damaged",
        lost: "missing",
        manifest: "damaged",
        key_of(b"nobody's"): "orphan",
        "backup of bob.zip": "unknown",
        "weights/0123456789ab.pt": "damaged",
        "looks/lots/one.json": "damaged",
    }
    assert report.remaining == 6
    assert all(fault.means and fault.do for fault in report.faults if fault.what in ("missing", "damaged"))
    assert any_store.get(key_of(b"nobody's")) == b"nobody's", "an orphan is told, and stays"
    assert report.objects == 4 + 1 + 3, "each once, but for orphans, which nobody reads"


def test_every_flipped_bit_is_found(engine: Engine, store: FolderStore) -> None:
    draw = random.Random(3)
    contents = [draw.randbytes(1 + draw.randrange(3000)) for _ in range(FLIPS)]
    keys = keep_items(engine, store, contents)
    for key, data in zip(keys, contents, strict=True):
        store.put(key, flip(data, draw.randrange(len(data)), draw.randrange(8)))
    assert set(told(check_objects(engine, [store])).values()) == {"damaged"}
    assert len(told(check_objects(engine, [store]))) == FLIPS


def test_the_cache_of_s3_does_not_hide_what_the_bucket_has_lost(engine: Engine, open_s3: Callable[[], Store]) -> None:
    mine, others = open_s3(), open_s3()
    (key,) = keep_items(engine, mine, [b"fetched once"])
    mine.get(key)
    others.delete(key)
    assert told(check_objects(engine, [mine])) == {key: "missing"}


def test_a_broken_copy_is_mended_on_either_side(engine: Engine, any_store: Store, tmp_path: Path) -> None:
    second = FolderStore(tmp_path / "second")
    contents = [b"first is flipped", b"second is lost", b"both are gone", b"both are flipped", b"both are whole"]
    keys = keep_items(engine, any_store, contents)
    for key, data in zip(keys, contents, strict=True):
        second.put(key, data)
    any_store.put(keys[0], b"first is FLIPPED")
    second.delete(keys[1])
    for each in (any_store, second):
        each.delete(keys[2])
        each.put(keys[3], b"rotten")
    any_store.put("calibrations/a/b.json", b"{}")
    report = check_objects(engine, [any_store, second])
    assert told(report) == {
        keys[0]: "mended",
        keys[1]: "mended",
        keys[2]: "missing",
        keys[3]: "damaged",
        "calibrations/a/b.json": "mended",
    }
    for each in (any_store, second):
        assert b"".join(each.pieces(keys[0])) == contents[0]
        assert b"".join(each.pieces(keys[1])) == contents[1]
        assert each.get("calibrations/a/b.json") == b"{}"
    assert check_objects(engine, [any_store, second]).remaining == 2


def test_nothing_is_written_where_nothing_may_be_mended(engine: Engine, store: FolderStore, tmp_path: Path) -> None:
    second = FolderStore(tmp_path / "second")
    (key,) = keep_items(engine, store, [b"a"])
    report = check_objects(engine, [store, second], CheckOptions(mend=False))
    assert (told(report), second.has(key)) == ({key: "damaged"}, False)


def test_copies_that_differ_where_no_key_tells_are_left_to_a_person(
    engine: Engine, store: FolderStore, tmp_path: Path
) -> None:
    second = FolderStore(tmp_path / "second")
    store.put("cuts/a.json", b"[1]")
    second.put("cuts/a.json", b"[2]")
    report = check_objects(engine, [store, second])
    assert told(report) == {"cuts/a.json": "damaged"}
    assert "differ" in report.faults[0].told
    assert (store.get("cuts/a.json"), second.get("cuts/a.json")) == (b"[1]", b"[2]")


def test_a_pipe_in_place_of_an_object_is_not_waited_for(engine: Engine, store: FolderStore) -> None:
    (key,) = keep_items(engine, store, [b"a"])
    path = store.local_path(key)
    path.unlink()
    os.mkfifo(path)
    assert told(check_objects(engine, [store])) == {key: "missing"}


def test_what_an_intake_has_not_noted_yet_is_looked_up_again(engine: Engine, store: FolderStore) -> None:
    store.put(key_of(b"new"), b"new")

    def note_it(report: CheckReport, at: str) -> None:
        if told(report).get(key_of(b"new")) == "orphan":
            keep_items(engine, store, [b"new"])

    assert check_objects(engine, [store], on_progress=note_it).faults == ()


def test_what_is_deleted_meanwhile_is_no_fault(engine: Engine, store: FolderStore) -> None:
    (key,) = keep_items(engine, store, [b"a"])

    class Gone(FolderStore):
        def pieces(self, key: str) -> Iterator[bytes]:
            store.delete(key)
            with writing(engine) as session:
                session.execute(delete(Item))
            return super().pieces(key)

    assert check_objects(engine, [Gone(store.root)]).faults == ()
    assert not store.has(key)


def test_a_catalogue_in_postgresql_is_checked_alike(postgres_engine: Engine, store: FolderStore) -> None:
    keys = keep_items(postgres_engine, store, [b"%d" % number for number in range(600)])
    store.delete(keys[7])
    store.put(keys[8], b"?")
    store.put(key_of(b"nobody's"), b"")
    found = told(check_objects(postgres_engine, [store]))
    assert found == {keys[7]: "missing", keys[8]: "damaged", key_of(b"nobody's"): "orphan"}


def test_a_check_goes_on_where_its_time_was_up(
    engine: Engine, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(named_objects, "PAGE", 10)
    keys = keep_items(engine, store, [bytes([number]) for number in range(95)])
    store.delete(keys[0])
    first = check_objects(engine, [store], CheckOptions(for_s=1e-9))
    assert (first.objects, first.is_whole) == (10, False)
    reports = [check_objects(engine, [store], CheckOptions(for_s=1e-9)) for _ in range(30)]
    done = next(report for report in reports if report.is_whole)
    assert (done.objects, told(done)) == (95, {keys[0]: "missing"})


def test_a_killed_check_goes_on(engine: Engine, store: FolderStore, tmp_path: Path) -> None:
    keys = keep_items(engine, store, [bytes([number % 256]) * 20_000 + b"%d" % number for number in range(1500)])
    store.delete(min(keys))
    url = engine.url.render_as_string(hide_password=False)
    program = (
        "import sys; from pathlib import Path; from blocks.database.engine import open_engine\n"
        "from blocks.storage.stores import FolderStore; from tasks.keeping import check\n"
        "check.BOOKMARK_S = 0\nslow = check.CheckOptions(mb_per_s=8)\n"
        "check.check_objects(open_engine(sys.argv[1]), [FolderStore(Path(sys.argv[2]))], slow)"
    )
    child = subprocess.Popen([sys.executable, "-c", program, url, str(store.root)])
    until = time.monotonic() + 60
    while not _bookmark(engine) and time.monotonic() < until:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert _bookmark(engine)
    seen: list[int] = []
    report = check_objects(engine, [store], on_progress=lambda found, _at: seen.append(found.objects))
    assert seen[0] > named_objects.PAGE, "it does not begin again"
    assert (report.objects, told(report)) == (1500, {min(keys): "missing"})
    assert not _bookmark(engine), "the next one begins anew"


def _bookmark(engine: Engine) -> bool:
    with reading(engine) as session:
        return session.get(Bookmark, "fsck") is not None


def test_no_more_is_read_in_a_second_than_is_allowed(engine: Engine, store: FolderStore) -> None:
    keep_items(engine, store, [os.urandom(250_000) for _ in range(8)])
    began = time.monotonic()
    check_objects(engine, [store], CheckOptions(mb_per_s=4))
    assert time.monotonic() - began > 0.8 * (2 - 0.25) / 4


def test_a_dead_store_ends_the_check_and_a_bad_sector_does_not(engine: Engine, store: FolderStore) -> None:
    contents = [b"%d" % number for number in range(UNREADABLE_AT_MOST + 5)]
    keys = keep_items(engine, store, contents)

    class Failing(FolderStore):
        bad: frozenset[str] = frozenset()

        def pieces(self, key: str) -> Iterator[bytes]:
            if key in self.bad:
                raise StoreUnavailable("Input/output error")
            return super().pieces(key)

    failing = Failing(store.root)
    failing.bad = frozenset(keys[:1])
    report = check_objects(engine, [failing])
    assert (told(report), "Input/output error" in report.faults[0].told) == ({keys[0]: "unreadable"}, True)
    assert (report.remaining, report.faults[0].do.startswith("delete nothing")) == (1, True)
    failing.bad = frozenset(keys)
    with pytest.raises(StoreUnavailable):
        check_objects(engine, [failing])


NO_KEYS = {"api/", "audio/", "images/", "machine/", "metrics/", "val/", "video/"}
"""What texts of the line begin with that is an address, a media type, a folder of an export or a metric."""


def beginnings(source: Path) -> Iterator[tuple[str, str]]:
    """Yield what texts of a module begin with that may be a key's: a folder, and something that is filled in."""
    for node in ast.walk(ast.parse(source.read_text())):
        text = node.values[0] if isinstance(node, ast.JoinedStr) and node.values else node
        value = text.value if isinstance(text, ast.Constant) else None
        is_whole = not isinstance(node, ast.JoinedStr)
        told = re.match("[a-z_]+/", value) if isinstance(value, str) else None
        if told and (told[0] == value or not is_whole):
            yield told[0], source.stem


def test_every_folder_that_a_module_of_the_line_writes_out_is_a_space() -> None:
    found = {one for source in (ROOT / "tasks").rglob("*.py") for one in beginnings(source)}
    assert {"items/", "weights/", "heat/", "outlining/"} <= {place for place, _ in found}
    assert [one for one in sorted(found) if space_of(one[0]) is UNKNOWN and one[0] not in NO_KEYS] == []


def test_every_space_of_the_line_is_known() -> None:
    places = (TAUGHT, PROPAGATED, NAMED, IMPORTED, film_key("a.mp4"), key_of_axes("0123456789ab"))
    assert [place for place in places if space_of(place) is UNKNOWN] == []
    assert digest_in(NamedNetwork("sam2.1_t", "0123456789ab").key) == "0123456789ab"
    assert digest_in(key_of_axes("0123456789ab")) == "0123456789ab"
    assert digest_in("weights/0123456789ab.pt") == "0123456789ab"
    assert digest_in("weights/0123456789ab.cfg") == "", "a version of several files is the hash of them all"
    assert digest_in(f"{NAMED}timm/resnet18.a1/0123456789ab.safetensors") == "0123456789ab"
