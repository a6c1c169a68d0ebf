"""`backup` and `restore` for real: all comes back, and what is unfinished, changed, newer or in the way is refused."""

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, func
from sqlmodel import select

import blocks.catalog
import infra.keeping.backup as backup_module
from blocks.catalog import migrate
from blocks.database.engine import open_engine, reading
from blocks.database.tables import Item
from blocks.errors import BadInput, BadOption
from blocks.storage.s3_store import S3Store
from blocks.storage.stores import FolderStore
from infra.keeping.backup import back_up
from infra.keeping.databases import revision_of
from infra.keeping.manifest import BackupManifest, parse_manifest
from infra.keeping.place import NAME_FORMAT, BackupPlace, open_place
from infra.stack.orchestration.restored import read_restored
from infra.stack.servers.services import catalog_url
from tasks.keeping.spaces import digest_in
from tests.examples import examples
from tests.infra.keeping.world import CONTENTS, hashes, make_home, restored, silent, taken
from tests.keeping.world import keep_items, key_of
from tests.postgres_server import PostgresServer


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> BackupPlace:
    if request.param == "folder":
        return open_place(str(tmp_path / "backups"))
    return BackupPlace(request.getfixturevalue("open_s3")(), "team/line/", "s3://…")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Backups are named by the second: one a minute."""
    minutes = iter(range(1000))

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=next(minutes))

    monkeypatch.setattr(backup_module, "datetime", Clock)


def changed(place: BackupPlace, name: str, **fields: object) -> None:
    """Write a manifest anew with other fields, and with a hash that fits."""
    manifest = parse_manifest(place.read(name), "it")
    place.write(name, BackupManifest.model_validate({**manifest.model_dump(), **fields}).to_bytes())


def test_all_comes_back(tmp_path: Path, place: BackupPlace) -> None:
    source = make_home(tmp_path / "home")
    done = taken(source, place)
    assert done.manifest.problems == ()
    assert done.manifest.left_out == ("prefect/link: a link, which is not followed",)
    again = tmp_path / "again"
    back = restored(place, again)
    assert (back.objects, back.problems, back.check.faults, back.check.objects) == (5, (), (), 5)
    assert hashes(FolderStore(again / "objects")) == hashes(source.stores[0])
    with closing(sqlite3.connect(again / "label-studio" / "label_studio.sqlite3")) as database:
        assert database.execute("SELECT text FROM answer").fetchall() == [("nobody has read me",)]
    assert (again / "secrets.json").read_bytes() == (source.home / "secrets.json").read_bytes()
    assert (again / "inbox" / "deep" / "not taken in.jpg").read_bytes() == b"picture"
    assert not (again / "logs").exists()
    files = [path for path in again.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o077 for path in [again, *files]} == {0}
    assert sorted(path.name for path in tmp_path.iterdir() if "restoring" in path.name) == []
    with reading(open_engine(catalog_url(again))) as session:
        assert session.exec(select(func.count()).select_from(Item)).one() == len(CONTENTS)
    assert read_restored(again) is not None


def test_a_backup_in_a_folder_is_closed_to_others(tmp_path: Path) -> None:
    taken(make_home(tmp_path / "home"), tmp_path / "backups")
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "backups").rglob("*")} == {0}


def test_what_is_there_already_is_not_copied_again(tmp_path: Path, place: BackupPlace, clock: None) -> None:
    source = make_home(tmp_path / "home")
    assert taken(source, place).copied_bytes == sum(map(len, CONTENTS)) + len(b'{"items": []}') + len(b"{}")
    keep_items(source.engine, source.stores[0], [b"new one"])
    second = taken(source, place)
    assert second.copied_bytes == len(b"new one") + len(b"{}"), "what no name tells the hash of is read again"
    assert second.manifest.objects.count == 6


def test_only_so_many_backups_stay_and_nothing_of_them_goes(tmp_path: Path, place: BackupPlace, clock: None) -> None:
    source = make_home(tmp_path / "home")
    first = taken(source, place).manifest.name
    source.stores[0].put("looks/lots/one.json", b'{"later": 1}')
    names = [taken(source, place).manifest.name for _ in range(2)]
    done = taken(source, place, keep=2)
    assert (done.dropped, done.freed > 0) == ([first, names[0]], True)
    assert place.names() == [names[1], done.manifest.name]
    for number, name in enumerate(place.names()):
        back = restored(place, tmp_path / str(number), name)
        assert (back.problems, back.check.remaining) == ((), 0)


def flipped(place: BackupPlace, sha: str) -> None:
    place.store.put(f"{place.prefix}pool/{sha[:2]}/{sha}", b"rotten")


def test_no_older_backup_is_dropped_while_one_that_stays_is_not_whole(
    tmp_path: Path, place: BackupPlace, clock: None
) -> None:
    source = make_home(tmp_path / "home")
    names = [taken(source, place).manifest.name for _ in range(2)]
    keep_items(source.engine, source.stores[0], [b"four"])
    source.stores[0].put(key_of(b"four"), b"FOUR")
    done = taken(source, place, keep=1)
    assert (done.dropped, done.manifest.name in done.all_stay) == ([], True)
    source.stores[0].put(key_of(b"four"), b"four")
    place.write(names[1], b"{}")
    done = taken(source, place, keep=3)
    assert (done.dropped, done.freed, names[1] in done.all_stay) == ([], 0, True)
    assert restored(place, tmp_path / "again", names[0]).check.remaining == 0


def test_a_store_that_is_not_mounted_is_no_whole_backup_and_drops_none(
    tmp_path: Path, place: BackupPlace, clock: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_home(tmp_path / "home")
    whole = taken(source, place).manifest.name
    (source.home / "objects").rename(tmp_path / "unmounted")
    (source.home / "objects").mkdir()
    monkeypatch.setattr("infra.keeping.completeness.MOST_TOLD", 3)
    done = taken(source, place, keep=1)
    assert (done.manifest.objects.count, len(done.manifest.problems), done.dropped) == (0, 4, [])
    assert "is its disk mounted?" in done.manifest.problems[0]
    assert done.manifest.problems[-1] == "and 1 more that are not there"
    assert restored(place, tmp_path / "again", whole).check.remaining == 0


def test_what_rotted_in_the_pool_is_found_and_copied_anew(tmp_path: Path, place: BackupPlace, clock: None) -> None:
    source = make_home(tmp_path / "home")
    sha = digest_in(key_of(b"one"))
    taken(source, place)
    flipped(place, sha)
    assert taken(source, place).rotten == ()
    assert back_up(source, place, silent, verify=True).rotten == (sha,)
    assert restored(place, tmp_path / "again").check.remaining == 0
    assert back_up(source, place, silent, verify=True).rotten == ()


def test_of_two_backups_that_begin_at_once_none_drops_what_the_other_copies(
    tmp_path: Path, place: BackupPlace, clock: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, written = make_home(tmp_path / "home"), place.write

    def both(name: str, text: bytes, kind: str = "backups") -> None:
        monkeypatch.undo()
        written(name, text, kind)
        written("20260101T000000.000001Z", text, kind)

    monkeypatch.setattr(BackupPlace, "write", lambda _self, *given: both(*given))
    with pytest.raises(BadOption, match="began at the same time"):
        taken(source, place)
    assert place.names() == []


def test_a_damaged_object_is_told_and_an_older_whole_one_stays(tmp_path: Path, place: BackupPlace, clock: None) -> None:
    source = make_home(tmp_path / "home")
    taken(source, place)
    source.stores[0].put(key_of(b"one"), b"ONE")
    assert taken(source, place).manifest.problems == (), "the pool has it whole"
    keep_items(source.engine, source.stores[0], [b"four"])
    source.stores[0].put(key_of(b"four"), b"FOUR")
    (problem,) = taken(source, place).manifest.problems
    assert key_of(b"four") in problem
    back = restored(place, tmp_path / "again")
    assert [fault.key for fault in back.check.faults] == [key_of(b"four")]
    assert FolderStore(tmp_path / "again" / "objects").get(key_of(b"one")) == b"one"


def test_a_backup_in_the_folder_that_it_keeps_is_refused(tmp_path: Path) -> None:
    source = make_home(tmp_path / "home")
    with pytest.raises(BadOption, match="another disk"):
        taken(source, source.home / "backups")


def test_two_backups_to_one_place_do_not_meet(tmp_path: Path, clock: None) -> None:
    source = make_home(tmp_path / "home")
    place = open_place(str(tmp_path / "backups"))
    backup_module._begin(place, datetime.now(UTC))
    with pytest.raises(BadOption, match=r"another backup .* goes on"):
        taken(source, place)
    (name,) = place.names("begun")
    other = {"host": "another-machine", "pid": 1, "created": 0}
    place.write(name, json.dumps(other).encode(), "begun")
    place.write("20200101T000000.000000Z", json.dumps(other).encode(), "begun")
    with pytest.raises(BadOption, match="another-machine"):
        place.drop(name, "begun")
        place.write(datetime(2026, 1, 1, tzinfo=UTC).strftime(NAME_FORMAT), json.dumps(other).encode(), "begun")
        taken(source, place)
    place.drop("20260101T000000.000000Z", "begun")
    taken(source, place)
    assert place.names("begun") == [], "what began years ago is over"


def test_an_unfinished_backup_is_refused_by_name_and_passed_over(tmp_path: Path, place: BackupPlace) -> None:
    source = make_home(tmp_path / "home")
    with pytest.raises(BadInput, match="no finished backup"):
        restored(place, tmp_path / "again")
    place.write("29990101T000000.000000Z", b"{}", "begun")
    with pytest.raises(BadInput, match="only one that was broken off"):
        restored(place, tmp_path / "again")
    place.drop("29990101T000000.000000Z", "begun")
    done = taken(source, place)
    place.write("29990101T000000.000000Z", b"{}", "begun")
    with pytest.raises(BadInput, match="broken off before its end"):
        restored(place, tmp_path / "again", "29990101T000000.000000Z")
    assert restored(place, tmp_path / "again").manifest.name == done.manifest.name


def test_a_folder_with_anything_in_it_is_left_alone(tmp_path: Path) -> None:
    taken(make_home(tmp_path / "home"), tmp_path / "backups")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for target in ("full", "link"):
        with pytest.raises(BadOption, match="not empty"):
            restored(tmp_path / "backups", tmp_path / target)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["file"]
    assert restored(tmp_path / "backups", tmp_path / "empty").check.remaining == 0


def test_every_changed_manifest_is_refused(tmp_path: Path) -> None:
    name = taken(make_home(tmp_path / "home"), tmp_path / "backups").manifest.name
    file = tmp_path / "backups" / "backups" / f"{name}.json"
    whole = file.read_bytes()
    draw = random.Random(1)
    for _ in range(30):
        at, bit = draw.randrange(len(whole)), draw.randrange(8)
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
        if json_of(file.read_bytes()) == json_of(whole):  # a blank that became another blank
            continue
        with pytest.raises(BadInput):
            restored(tmp_path / "backups", tmp_path / "again")
    for cut in (b"", b"[]", b"null", whole[:-40], b"[" * 100_000, whole.replace(b'"format": 1', b'"format": 2')):
        file.write_bytes(cut)
        with pytest.raises(BadInput):
            restored(tmp_path / "backups", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def json_of(data: bytes) -> object:
    try:
        return json.loads(data)
    except ValueError:
        return None


@pytest.mark.parametrize(
    "path",
    ["../out", "/etc/out", "a/../../out", "objects/items/x", "catalog.sqlite", "a//b", "./a", "a\\b", "a\nb", "", "a/"],
)
def test_a_path_that_leads_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    name = taken(make_home(tmp_path / "home"), tmp_path / "backups").manifest.name
    place = open_place(str(tmp_path / "backups"))
    file = parse_manifest(place.read(name), "it").files[0].model_dump()
    changed(place, name, files=[{**file, "path": path}])
    with pytest.raises(BadInput, match=r"no place below|names the catalogue"):
        restored(place, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_what_is_lost_or_damaged_in_the_backup_is_told(tmp_path: Path) -> None:
    source = make_home(tmp_path / "home")
    taken(source, tmp_path / "backups")
    for data, rest in ((b"one", b"ONE"), (b"two", None)):
        sha = key_of(data).rpartition("/")[2].removesuffix(".jpg")
        file = tmp_path / "backups" / "pool" / sha[:2] / sha
        file.write_bytes(rest) if rest else file.unlink()
    back = restored(tmp_path / "backups", tmp_path / "again")
    assert len(back.problems) == 2
    assert {fault.what for fault in back.check.faults} == {"missing"}, "rotten bytes do not come back"


def test_a_newer_schema_is_refused_and_an_older_one_migrated(tmp_path: Path) -> None:
    source = make_home(tmp_path / "home")
    config = Config()
    config.set_main_option("script_location", str(Path(blocks.catalog.__file__).parent / "migrations"))
    config.attributes["engine"] = source.engine
    command.downgrade(config, "0010")
    done = taken(source, tmp_path / "backups")
    assert done.manifest.catalog.revision == "0010"
    restored(tmp_path / "backups", tmp_path / "again")
    with closing(sqlite3.connect(tmp_path / "again" / "catalog.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM near_duplicate").fetchall() == [(0,)]
    place = open_place(str(tmp_path / "backups"))
    changed(place, done.manifest.name, catalog={**done.manifest.catalog.model_dump(), "revision": "9999"})
    with pytest.raises(BadInput, match="does not know"):
        restored(place, tmp_path / "newer")


def test_a_catalogue_in_postgresql_comes_back_into_an_empty_database(
    tmp_path: Path, postgres_engine: Engine, postgres_server: PostgresServer
) -> None:
    source = make_home(tmp_path / "home", postgres_engine)
    taken(source, tmp_path / "backups")
    with pytest.raises(BadOption, match="name an empty database"):
        restored(tmp_path / "backups", tmp_path / "again")
    filled = postgres_engine.url.render_as_string(hide_password=False)
    with pytest.raises(BadOption, match="tables"):
        restored(tmp_path / "backups", tmp_path / "again", catalog=filled)
    with postgres_server.database() as url:
        back = restored(tmp_path / "backups", tmp_path / "again", catalog=url)
        assert (back.objects, back.check.faults) == (5, ())
        plugs = read_restored(tmp_path / "again")
        assert plugs is not None and plugs.catalog == url
        open_engine(url).dispose()


WRITER = """
import itertools, os, sys; from pathlib import Path
from blocks.database.engine import open_engine; from blocks.storage.stores import FolderStore
from tests.keeping.world import keep_items
for number in itertools.count():
    keep_items(open_engine(sys.argv[1]), FolderStore(Path(sys.argv[2])), [b"%d %d " % (os.getpid(), number) * 400])
"""
BACKUP = """
import sys; from pathlib import Path
from blocks.database.engine import open_engine; from blocks.storage.stores import FolderStore
from infra.keeping.backup import BackupSource, back_up; from infra.keeping.place import open_place
home = Path(sys.argv[1])
source = BackupSource(home, open_engine(sys.argv[2]), (FolderStore(home / "objects"),))
back_up(source, open_place(sys.argv[3]), print)
"""


def test_killed_at_a_random_moment_beside_a_writer_the_last_finished_one_is_whole(tmp_path: Path) -> None:
    source = make_home(tmp_path / "home")
    keep_items(source.engine, source.stores[0], [b"%d" % number * 2000 for number in range(300)])
    url = source.engine.url.render_as_string()
    writer = subprocess.Popen([sys.executable, "-c", WRITER, url, str(source.home / "objects")])
    draw, killed = random.Random(7), 0
    try:
        taken(source, tmp_path / "backups")
        for trial in range(examples(4, 20)):
            command = [sys.executable, "-c", BACKUP, str(source.home), url, str(tmp_path / "backups")]
            child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            time.sleep(draw.uniform(0.5, 4.0))
            killed += child.poll() is None
            child.send_signal(signal.SIGKILL)
            child.wait()
            back = restored(tmp_path / "backups", tmp_path / f"again-{trial}")
            assert (back.problems, back.check.remaining) == ((), 0)
            assert back.objects >= 300
        last = taken(source, tmp_path / "backups")
        assert restored(tmp_path / "backups", tmp_path / "last", last.manifest.name).check.remaining == 0
    finally:
        writer.kill()
        writer.wait()
    assert killed > 0


def test_a_killed_restore_leaves_nothing_in_its_place(tmp_path: Path) -> None:
    taken(make_home(tmp_path / "home"), tmp_path / "backups")
    work = tmp_path / "again.restoring"
    work.mkdir()
    (work / "file of somebody").touch()
    with pytest.raises(BadOption, match="in the way"):
        restored(tmp_path / "backups", tmp_path / "again")
    (work / "unfinished-restore").touch()
    assert restored(tmp_path / "backups", tmp_path / "again").check.remaining == 0
    assert not work.exists()


def test_a_bucket_is_reached_by_what_the_environment_names(tmp_path: Path, open_s3: Callable[[], S3Store]) -> None:
    own = open_s3()
    with pytest.raises(BadOption, match="LABELLINE_S3_ENDPOINT"):
        open_place("s3://bucket/a", environment={})
    place = open_place("s3://bucket/a/b/", own, {})
    assert isinstance(place.store, S3Store)
    assert (place.prefix, place.store.bucket, place.store.endpoint) == ("a/b/", "bucket", own.endpoint)
    named = {"LABELLINE_S3_ENDPOINT": "http://s3.example:9000", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    other = open_place("s3://bucket", own, named).store
    assert isinstance(other, S3Store)
    assert (other.endpoint, other.secure) == ("s3.example:9000", False)
    with pytest.raises(BadInput):
        open_place("s3://bucket/../x", own, {})


def test_migrating_is_what_a_restored_catalogue_needs_no_more(tmp_path: Path) -> None:
    taken(make_home(tmp_path / "home"), tmp_path / "backups")
    restored(tmp_path / "backups", tmp_path / "again")
    url = catalog_url(tmp_path / "again")
    restored_as = revision_of(open_engine(url))
    migrate(url)
    assert revision_of(open_engine(url)) == restored_as


def test_a_disk_of_its_own_is_refused_before_anything_is_copied(tmp_path: Path) -> None:
    taken(make_home(tmp_path / "home"), tmp_path / "backups")
    with pytest.raises(BadOption, match="a disk of its own"):
        restored(tmp_path / "backups", Path("/proc"))
