"""What the store has lost is back once the same files, addresses, videos or texts are taken in again, as told."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

import tasks.intake.files
import tasks.intake.sources.archives.take_in
from blocks.database.engine import reading
from blocks.database.tables import Item, Source
from blocks.storage.stores import FolderStore, Store
from tasks.intake.files import BACK
from tasks.intake.folders import find_images, take_in
from tasks.intake.reports import IntakeReport
from tasks.intake.sources.protocol import AskedOfSource
from tasks.intake.sources.registry import source_kind_of
from tasks.intake.sources.urls.options import UrlOptions
from tasks.intake.sources.urls.take_in import NOT_BACK
from tasks.intake.video.options import VideoOptions
from tasks.keeping.check import check_objects
from tests.intake.factories import draw_noise, encoded, write_images
from tests.intake.sources.test_archives import packed
from tests.intake.sources.web import Page, serving
from tests.intake.video.films import draw_frames, write_film

ONE_BY_ONE = UrlOptions(per_second=1000, timeout_s=2, tries=1)


def take_place(engine: Engine, store: Store, place: Path, asked: AskedOfSource | None = None) -> IntakeReport:
    """Take a place in as the line does."""
    asked = asked or AskedOfSource(sequence_pattern=None, videos=VideoOptions(frames="all"))
    kind, report = source_kind_of(place, asked), IntakeReport()
    for shard in kind.list_shards(store, place, asked, 4):
        report += kind.take_in(engine, store, "lots", shard, asked)
    return report


def rows(engine: Engine) -> list[tuple[object, ...]]:
    with reading(engine) as session:
        found = session.exec(select(Source, Item.key).join(Item).order_by(Source.uri)).all()
        return [(row.uri, row.item_id, row.state, row.reason, row.seen_at, key) for row, key in found]


def lose_one_as_told(engine: Engine, store: Store) -> str:
    """Damage an object, see that it is found, and delete what is left of it, as `fsck` says."""
    key = list(store.keys("items/"))[1]
    store.put(key, b"rotten")
    (fault,) = check_objects(engine, [store]).faults
    assert (fault.key, fault.what, "take the same files in again" in fault.do) == (key, "damaged", True)
    store.delete(key)
    return key


def same(path: Path) -> None:
    """Leave a file as it is."""


def touched(path: Path) -> None:
    path.touch()


def written_anew(path: Path) -> None:
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)


@pytest.mark.parametrize("change", [same, touched, written_anew])
def test_lost_pictures_are_back_from_the_same_files(
    engine: Engine,
    store: FolderStore,
    tmp_path: Path,
    change: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if change is same:  # new files are read again, as clocks are coarse
        monkeypatch.setattr(tasks.intake.files, "CLOCK_GRAIN", -timedelta(hours=1))
    paths = write_images(tmp_path / "offered", 3)
    take_in(engine, store, "lots", paths)
    before = rows(engine)
    lose_one_as_told(engine, store)
    for path in paths:
        change(path)
    report = take_in(engine, store, "lots", find_images(tmp_path / "offered"))
    assert (report.taken, report.changed, report.notes) == (3, 0, {BACK: 1})
    assert rows(engine) == before
    assert check_objects(engine, [store]).faults == ()
    assert take_in(engine, store, "lots", paths).notes == {}


def test_what_a_bucket_has_lost_is_back_whatever_the_cache_of_this_machine_has(
    engine: Engine, open_s3: Callable[[], Store], tmp_path: Path
) -> None:
    mine, others = open_s3(), open_s3()
    paths = write_images(tmp_path / "offered", 3)
    take_in(engine, mine, "lots", paths)
    for key in list(mine.keys("items/")):
        mine.get(key)
        others.delete(key)
    assert check_objects(engine, [mine]).remaining == 3
    take_in(engine, mine, "lots", paths)
    assert check_objects(engine, [mine]).faults == ()


@pytest.mark.parametrize("name", ["p.zip", "p.tar"])
def test_lost_pictures_are_back_from_the_same_archive(
    engine: Engine, store: FolderStore, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.intake.sources.archives.take_in, "CLOCK_GRAIN", -timedelta(hours=1))
    place = packed(tmp_path / name, {f"{n}.png": encoded(draw_noise(n)) for n in range(3)})
    take_place(engine, store, place)
    before = rows(engine)
    lose_one_as_told(engine, store)
    report = take_place(engine, store, place)
    assert (report.taken, report.changed, report.notes) == (3, 0, {BACK: 1})
    assert rows(engine) == before
    assert check_objects(engine, [store]).faults == ()


def test_lost_frames_are_back_from_the_same_video(engine: Engine, store: FolderStore, tmp_path: Path) -> None:
    write_film(tmp_path / "offered" / "clip.mp4", draw_frames(6))
    take_place(engine, store, tmp_path / "offered")
    before = rows(engine)
    lose_one_as_told(engine, store)
    report = take_place(engine, store, tmp_path / "offered")
    assert (report.taken, report.changed) == (6, 0)
    assert rows(engine) == before
    assert check_objects(engine, [store]).faults == ()


def test_lost_texts_are_back_from_the_same_table(engine: Engine, store: FolderStore, tmp_path: Path) -> None:
    table = tmp_path / "notes.csv"
    table.write_text("id,text\n" + "".join(f"{n},what the number {n} says\n" for n in range(4)))
    take_place(engine, store, table)
    lose_one_as_told(engine, store)
    take_place(engine, store, table)
    assert check_objects(engine, [store]).faults == ()


@pytest.mark.usefixtures("loopback")
def test_lost_pictures_are_back_from_the_same_addresses_and_nothing_else_is_asked_for(
    engine: Engine, store: FolderStore, tmp_path: Path
) -> None:
    pictures = {f"/{n}.png": encoded(draw_noise(n)) for n in range(4)}
    asked = AskedOfSource(sequence_pattern="(.+)", urls=ONE_BY_ONE)

    def answer(path: str, before: int) -> Page:
        return Page(body=pictures[path]) if path in pictures else Page(404)

    with serving(answer) as web:
        place = tmp_path / "list.txt"
        place.write_text("".join(f"{web.url(path)}\n" for path in pictures))
        take_place(engine, store, place, asked)
        before = rows(engine)
        lost = lose_one_as_told(engine, store)
        report = take_place(engine, store, place, asked)
        assert (report.taken, report.changed, report.notes) == (4, 0, {BACK: 1})
        assert sorted(web.count(path) for path in pictures) == [1, 1, 1, 2]
        assert check_objects(engine, [store]).faults == ()
        # An address that gives nothing, or another picture, takes no item from its labels.
        path = next(f"/{n}.png" for n in range(4) if lost.endswith(f"{_digest(pictures[f'/{n}.png'])}.png"))
        for given in (encoded(draw_noise(9)), b""):
            pictures[path] = given
            store.delete(lost)
            report = take_place(engine, store, place, asked)
            assert (report.taken, report.set_aside, report.notes) == (4, (), {NOT_BACK: 1})
            assert rows(engine) == before


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
