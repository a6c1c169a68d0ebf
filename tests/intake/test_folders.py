"""A folder with everything that goes wrong in folders: each file ends as one source row, and none stops the others."""

import os
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from PIL import Image
from sqlalchemy import Engine
from sqlmodel import select

import tasks.intake.files
from blocks.database import reading
from blocks.errors import BadInput, BadOption, StoreUnavailable
from blocks.stores import FolderStore, Store
from blocks.tables import Item, Source
from tasks.intake.batches import items_of, open_batch
from tasks.intake.files import uri_of
from tasks.intake.folders import IntakeReport, find_images, list_files, paths_of, take_in, walk_images
from tasks.intake.images import decode_upright, read_item
from tests.intake.factories import draw_corners, draw_noise, encoded, png_claiming, with_orientation, write_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder to offer."""
    path = tmp_path / "offered"
    path.mkdir()
    return path


def sources(engine: Engine, collection: str = "lots") -> dict[str, Source]:
    """Source rows by file name."""
    with reading(engine) as session:
        rows = session.exec(select(Source).where(Source.collection == collection))
        return {row.uri.rpartition("/")[2]: row for row in rows}


def items(engine: Engine) -> dict[str, Item]:
    """Items by the name under which they were first seen."""
    with reading(engine) as session:
        return {item.name: item for item in session.exec(select(Item))}


def reasons(report: IntakeReport) -> dict[str, str]:
    """Reasons by file name."""
    return {file.uri.rpartition("/")[2]: file.reason for file in report.set_aside}


def adds_up(report: IntakeReport) -> bool:
    return report.offered == report.taken + report.duplicates + len(report.set_aside)


# --- which files are offered ---


def test_every_regular_file_is_offered_but_hidden_ones_and_sidecars(folder: Path) -> None:
    for name in ("b.JPG", "a.png", "noext", "sub/c.tiff", "sub/deep/d.webp", "odd.xyz"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    for name in ("a.txt", "b.XML", "c.json", "o.names", "data.yaml", "t.csv", ".DS_Store", ".git/x.jpg", "sub/.x.jpg"):
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


# --- what becomes of them ---


def test_no_files_make_an_empty_report(engine: Engine, store: Store) -> None:
    assert take_in(engine, store, "lots", []) == IntakeReport()


def test_one_file_becomes_an_item_with_its_facts_and_bytes(folder: Path, engine: Engine, store: Store) -> None:
    data = with_orientation(draw_corners(), 6)
    (folder / "sub").mkdir()
    (folder / "sub" / "DJI_0007.jpeg").write_bytes(data)
    report = take_in(engine, store, "lots", find_images(folder), folder=folder)
    assert report == IntakeReport(offered=1, taken=1, changed=1)
    item = items(engine)["DJI_0007.jpeg"]
    assert item.key == f"items/{item.id[:2]}/{item.id}.jpg"
    assert (item.width, item.height, item.orientation, item.plain) == (48, 32, 6, False)
    assert (item.sequence, item.media_type, item.size_bytes) == ("sub/DJI_", "image/jpeg", len(data))
    assert store.get(item.key) == data
    assert read_item(store, item.key).shape == (32, 48, 3)
    assert sources(engine)["DJI_0007.jpeg"].uri == (folder / "sub" / "DJI_0007.jpeg").as_uri()


def test_every_bad_file_is_set_aside_with_its_reason_and_the_good_ones_are_taken(
    folder: Path, tmp_path: Path, engine: Engine, store: Store
) -> None:
    whole = encoded(draw_noise(1, 300, 200), "JPEG")
    bad = {
        "empty.jpg": (b"", "the file is empty"),
        "truncated.jpg": (whole[: len(whole) // 2], "broken or truncated image"),
        "truncated.png": (encoded(draw_noise(1, 300, 200))[:-500], "broken or truncated image"),
        "text.jpg": (b"I am a text", "not an image of a known format"),
        "archive.zip": (b"PK\x03\x04" + b"\x00" * 99, "not an image of a known format"),
        "bomb.png": (png_claiming(100_000, 100_000), "more than the 400,000,000"),
        "promise.png": (png_claiming(9_000, 9_000), "broken or truncated image"),
    }
    for name, (data, _) in bad.items():
        (folder / name).write_bytes(data)
    (tmp_path / "outside.jpg").write_bytes(whole)
    (folder / "link-outside.jpg").symlink_to(tmp_path / "outside.jpg")
    (folder / "link-dangling.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "link-folder").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket.jpg"))
        write_images(folder, 3, prefix="good_")
        report = take_in(engine, store, "lots", find_images(folder))
    expected = {name: reason for name, (_, reason) in bad.items()} | {
        "link-outside.jpg": "a link: links are not followed",
        "link-dangling.jpg": "a link: links are not followed",
        "link-folder": "a link: links are not followed",
        "pipe.jpg": "a named pipe",
        "socket.jpg": "a socket",
    }
    assert set(reasons(report)) == set(expected)
    assert all(reason in reasons(report)[name] for name, reason in expected.items())
    assert (report.offered, report.taken) == (len(expected) + 3, 3)
    assert adds_up(report)
    assert Counter(row.state for row in sources(engine).values()) == {"taken": 3, "set_aside": len(expected)}
    assert len(list(store.keys("items/"))) == 3


def test_every_odd_but_good_picture_is_taken(folder: Path, engine: Engine, store: Store) -> None:
    rgb = draw_corners()
    picture = Image.fromarray(rgb)
    odd = {
        "deep.png": encoded(Image.new("I;16", (20, 10), 40_000)),
        "cmyk.jpg": encoded(picture.convert("CMYK"), "JPEG"),
        "grey.jpg": encoded(picture.convert("L"), "JPEG"),
        "alpha.png": encoded(picture.convert("RGBA")),
        "palette.png": encoded(picture.quantize(4)),
        "moving.gif": encoded(picture, "GIF", save_all=True, append_images=[Image.new("RGB", (48, 32))]),
        "one-pixel.png": encoded(Image.new("RGB", (1, 1))),
        "smaller-than-a-tile.png": encoded(picture.resize((5, 3))),
        "large.jpg": encoded(Image.new("RGB", (10_000, 10_000)), "JPEG"),
        "wrong-suffix.txt.dat": encoded(rgb, "WEBP"),
        "Ünïcode 漢字 & (1) #%20?.png": encoded(draw_noise(7)),
    } | {f"held-{n}.jpg": with_orientation(rgb, n) for n in range(1, 9)}
    for name, data in odd.items():
        (folder / name).write_bytes(data)
    report = take_in(engine, store, "lots", find_images(folder))
    assert reasons(report) == {}
    assert (report.offered, report.taken) == (len(odd), len(odd))
    taken = items(engine)
    assert set(taken) == set(odd)
    for name, item in taken.items():
        assert decode_upright(store.get(item.key)).shape == (item.height, item.width, 3), name
    assert {item.orientation for name, item in taken.items() if name.startswith("held")} == set(range(1, 9))


def test_a_name_that_is_no_text_is_kept_readable(folder: Path, engine: Engine, store: Store) -> None:
    path = Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe 12.png"))
    path.write_bytes(encoded(draw_noise(1)))
    shard = list_files(store, folder)[0]
    report = take_in(engine, store, "lots", paths_of(store, shard))
    assert report.taken == 1
    assert list(items(engine)) == ["\ufffd\ufffd 12.png"]
    assert list(sources(engine)) == ["%FF%FE%2012.png"]


def test_a_file_that_may_not_be_read_is_set_aside(
    folder: Path, engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read everything, so the refusal is the one thing here that is not real."""
    write_images(folder, 3)
    open_file = os.open

    def refuse(path: Path, flags: int, mode: int = 0o777) -> int:
        if str(path).endswith("DJI_0001.jpg"):
            raise PermissionError(13, "Permission denied")
        return open_file(path, flags, mode)

    monkeypatch.setattr(tasks.intake.files.os, "open", refuse)
    report = take_in(engine, store, "lots", find_images(folder))
    assert reasons(report) == {"DJI_0001.jpg": "cannot be read: Permission denied"}
    assert report.taken == 2
    monkeypatch.undo()
    again = take_in(engine, store, "lots", find_images(folder))
    assert (again.taken, again.set_aside, again.changed) == (3, (), 1)


def test_a_file_that_vanishes_or_turns_into_a_link_is_set_aside(folder: Path, engine: Engine, store: Store) -> None:
    paths = write_images(folder, 3)
    paths[0].unlink()
    paths[1].unlink()
    paths[1].symlink_to("/etc/passwd")
    report = take_in(engine, store, "lots", paths)
    assert reasons(report)["DJI_0000.jpg"] == "the file is gone"
    assert reasons(report)["DJI_0001.jpg"].startswith("a link")
    assert report.taken == 1


def test_a_file_that_is_too_large_is_not_read(
    folder: Path, engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.intake.files, "MAX_FILE_BYTES", 1000)
    write_images(folder, 1)
    report = take_in(engine, store, "lots", find_images(folder))
    assert "bytes are more than the 1,000 that are taken in" in reasons(report)["DJI_0000.jpg"]


def test_the_same_bytes_twice_are_one_item_and_a_duplicate(folder: Path, engine: Engine, store: Store) -> None:
    data = encoded(draw_noise(1))
    for name in ("a.png", "b.png", "sub/a.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    report = take_in(engine, store, "lots", find_images(folder))
    assert (report.offered, report.taken, report.duplicates) == (3, 1, 2)
    assert len(items(engine)) == 1
    states = Counter((row.state, row.reason) for row in sources(engine).values())
    assert states[("duplicate", f"same bytes as {(folder / 'a.png').as_uri()}")] >= 1
    assert open_batch(engine, "b1", "lots", 10).size == 1


def test_the_same_name_with_different_bytes_is_two_items(folder: Path, engine: Engine, store: Store) -> None:
    for n in range(2):
        (folder / str(n)).mkdir()
        (folder / str(n) / "a.png").write_bytes(encoded(draw_noise(n)))
    report = take_in(engine, store, "lots", find_images(folder), folder=folder)
    assert (report.taken, report.duplicates) == (2, 0)
    with reading(engine) as session:
        assert {item.sequence for item in session.exec(select(Item))} == {"0/a", "1/a"}


def test_a_path_offered_twice_is_one_source(folder: Path, engine: Engine, store: Store) -> None:
    path = write_images(folder, 1)[0]
    assert take_in(engine, store, "lots", [path, path]).offered == 1


def test_an_item_of_another_collection_is_taken_here_too(folder: Path, engine: Engine, store: Store) -> None:
    write_images(folder, 2)
    take_in(engine, store, "lots", find_images(folder))
    report = take_in(engine, store, "roads", find_images(folder))
    assert (report.taken, report.duplicates) == (2, 0)
    assert len(items(engine)) == 2


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
