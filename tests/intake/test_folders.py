"""Which files of a folder are offered, what a second run does, and how shards are listed."""

import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from sqlalchemy import Engine

import tasks.intake.files
from blocks.errors import BadInput, BadOption, StoreUnavailable
from blocks.storage.stores import FolderStore, Store
from tasks.intake.batches import items_of, open_batch
from tasks.intake.files import uri_of
from tasks.intake.folders import IntakeReport, find_images, list_files, paths_of, take_in, walk_images
from tasks.intake.images import MENDED, STRETCHED
from tasks.intake.reports import as_markdown
from tests.intake.factories import draw_noise, encoded, tiff, write_images
from tests.intake.looks import items, reasons, sources

# --- which files are offered ---


def test_every_regular_file_is_offered_but_hidden_ones_and_sidecars(folder: Path) -> None:
    for name in ("b.JPG", "a.png", "noext", "sub/c.tiff", "sub/deep/d.webp", "odd.xyz"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    sidecars = ("a.txt", "b.XML", "c.json", "d.jsonl", "o.names", "data.yaml", "t.csv", "README.md", "labels.cache")
    for name in (*sidecars, ".DS_Store", ".git/x.jpg", "sub/.x.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    found = [path.relative_to(folder).as_posix() for path in find_images(folder)]
    assert found == ["a.png", "b.JPG", "noext", "odd.xyz", "sub/c.tiff", "sub/deep/d.webp"]


def test_links_are_offered_and_never_walked(folder: Path, tmp_path: Path) -> None:
    write_images(tmp_path / "elsewhere", 2)
    (folder / "linked-folder").symlink_to(tmp_path / "elsewhere")
    (folder / "loop").symlink_to(folder)
    assert [path.name for path in find_images(folder)] == ["linked-folder", "loop"]


def test_a_folder_reached_by_a_link_is_the_folder(folder: Path, tmp_path: Path) -> None:
    write_images(folder, 2)
    (tmp_path / "shortcut").symlink_to(folder)
    assert find_images(tmp_path / "shortcut") == find_images(folder)


@pytest.mark.parametrize("name", ["gone", "file.jpg", "empty", "only-sidecars"])
def test_a_folder_that_offers_nothing_says_what_to_do(folder: Path, store: Store, name: str) -> None:
    (folder / "file.jpg").touch()
    (folder / "empty").mkdir()
    (folder / "only-sidecars" / "sub").mkdir(parents=True)
    (folder / "only-sidecars" / "sub" / "a.txt").touch()
    for look in (find_images, lambda path: list_files(store, path)):
        with pytest.raises(BadOption, match=f"{name}.*(Name an existing folder|name the folder that has them)"):
            look(folder / name)


def test_a_folder_that_may_not_be_listed_is_reported(
    folder: Path, engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may list everything, so the refusal is the one thing here that is not real."""
    write_images(folder, 1)
    write_images(folder / "locked", 1, first_seed=1)
    scandir = os.scandir

    def refuse(path: str | Path) -> Iterator[os.DirEntry[str]]:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    report = take_in(engine, store, "lots", walk_images(folder))
    assert reasons(report) == {"locked": "a folder that this user may not list"}
    assert report.taken == 1


# --- again, and after a crash ---


def test_taking_in_twice_changes_nothing(folder: Path, engine: Engine, store: Store) -> None:
    write_images(folder, 5)
    (folder / "copy.jpg").write_bytes((folder / "DJI_0000.jpg").read_bytes())
    (folder / "broken.jpg").write_bytes(b"broken")
    first = take_in(engine, store, "lots", find_images(folder))
    rows = {name: row.model_dump() for name, row in sources(engine).items()}
    again = take_in(engine, store, "lots", find_images(folder))
    assert first.changed == 7
    assert again == first.model_copy(update={"changed": 0})
    assert {name: row.model_dump() for name, row in sources(engine).items()} == rows


def test_a_file_that_has_not_changed_is_not_read_again(
    folder: Path, engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.intake.files, "CLOCK_GRAIN", timedelta(0))
    paths = write_images(folder, 3)
    take_in(engine, store, "lots", paths)
    read = []
    read_file = tasks.intake.files.read_file
    monkeypatch.setattr(tasks.intake.files, "read_file", lambda path: read.append(path) or read_file(path))
    paths[1].write_bytes(encoded(draw_noise(99), "JPEG"))
    report = take_in(engine, store, "lots", paths)
    assert read == [paths[1]]
    assert (report.taken, report.changed) == (3, 1)
    assert "replaces item" in str(sources(engine)["DJI_0001.jpg"].reason)
    assert take_in(engine, store, "lots", paths).changed == 0


def test_what_was_batched_stays_batched_when_its_file_is_replaced(folder: Path, engine: Engine, store: Store) -> None:
    path = write_images(folder, 1)[0]
    take_in(engine, store, "lots", [path])
    open_batch(engine, "b1", "lots", 10)
    before = items_of(engine, "b1")
    path.write_bytes(encoded(draw_noise(5), "JPEG"))
    take_in(engine, store, "lots", [path])
    assert items_of(engine, "b1") == before
    assert open_batch(engine, "b2", "lots", 10).size == 1


def test_a_store_that_fails_midway_stops_the_intake_and_the_next_run_completes_it(
    folder: Path, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write_images(folder, 20)
    monkeypatch.setattr("tasks.intake.folders.CHUNK", 8)
    store = FolderStore(tmp_path / "objects")
    put, count = store.put, iter(range(1000))

    def fail_at_the_twelfth(key: str, data: bytes | Path, media_type: str = "") -> None:
        if next(count) == 11:
            raise StoreUnavailable("the store is gone")
        put(key, data, media_type)

    store.put = fail_at_the_twelfth  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        take_in(engine, store, "lots", paths)
    assert len(sources(engine)) == 8
    report = take_in(engine, FolderStore(tmp_path / "objects"), "lots", paths)
    assert (report.offered, report.taken, report.changed) == (20, 20, 12)


def test_shards_taken_in_at_the_same_time_agree(folder: Path, engine: Engine, store: Store) -> None:
    """Two shards with the same bytes, in two threads: one item, one taken source, the rest duplicates."""
    for half in range(2):
        write_images(folder / str(half), 20)
    shards = list_files(store, folder, size=20)
    reports = []
    threads = [
        threading.Thread(target=lambda s=shard: reports.append(take_in(engine, store, "lots", paths_of(store, s))))
        for shard in shards
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = sum(reports, IntakeReport())
    assert (total.offered, total.taken, total.duplicates) == (40, 20, 20)
    assert len(items(engine)) == 20


def test_a_wrong_pattern_stops_before_the_first_file(folder: Path, engine: Engine, store: Store) -> None:
    write_images(folder, 1)
    with pytest.raises(BadOption, match="no regular expression"):
        take_in(engine, store, "lots", find_images(folder), "(")
    assert sources(engine) == {}


# --- shards ---


def test_shards_list_every_file_once_and_again_the_same(folder: Path, store: Store) -> None:
    write_images(folder, 7)
    shards = list_files(store, folder, size=3)
    assert [shard.files for shard in shards] == [3, 3, 1]
    assert [path for shard in shards for path in paths_of(store, shard)] == find_images(folder)
    assert list_files(store, folder, size=3) == shards
    with pytest.raises(BadOption, match="shards of 0 files"):
        list_files(store, folder, size=0)


def test_a_listing_cannot_point_out_of_its_folder(folder: Path, store: Store) -> None:
    write_images(folder, 1)
    shard = list_files(store, folder)[0]
    store.put(shard.listing, b'["../../etc/passwd"]')
    with pytest.raises(BadInput, match="listing"):
        paths_of(store, shard)


def test_memory_does_not_grow_with_the_number_of_files(folder: Path, engine: Engine, store: Store) -> None:
    """400 files of 1 MB each, 400 MB in all, must pass through far less than that."""
    pixels = bytearray(encoded(draw_noise(1, 800, 400), "BMP"))
    for n in range(400):
        pixels[-4:] = n.to_bytes(4, "big")
        (folder / f"{n}.bmp").write_bytes(pixels)
    process = psutil.Process()
    take_in(engine, store, "warm up", list(walk_images(folder))[:20])
    before, peak, done = process.memory_info().rss, 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.005):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        report = take_in(engine, store, "lots", walk_images(folder))
    finally:
        done.set()
        watcher.join()
    assert report.taken == 400
    assert peak - before < 60e6


def test_the_address_of_a_file_is_absolute(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert uri_of(Path("a b.jpg")) == f"file://{folder}/a%20b.jpg"


def test_what_is_not_shown_as_stored_is_counted_by_kind_in_the_report(
    engine: Engine, store: Store, folder: Path
) -> None:
    values = np.arange(300, dtype=np.uint16).reshape(15, 20)
    for number in range(3):
        (folder / f"thermal{number}.tif").write_bytes(tiff(values + 28_000 + number))
    (folder / "cut.jpg").write_bytes(encoded(draw_noise(1), "JPEG")[:-2])
    (folder / "plain.jpg").write_bytes(encoded(draw_noise(2), "JPEG"))
    (folder / "wide.tif").write_bytes(encoded(Image.new("RGB", (70_000, 2)), "TIFF"))
    report = take_in(engine, store, "c", find_images(folder))
    assert (report.taken, len(report.set_aside)) == (5, 1)
    assert "browsers show no side longer than 32,767" in report.set_aside[0].reason
    assert report.notes == {STRETCHED: 3, MENDED: 1}
    assert f"3 × {STRETCHED}" in str(report)
    assert f"| 1 | {MENDED} |" in as_markdown("c", report)
    assert (report + report).notes == {STRETCHED: 6, MENDED: 2}
