"""Whatever goes wrong in folders, each file ends as one source row with its reason, and none stops the others."""

import os
import socket
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import Engine
from sqlmodel import select

import tasks.intake.files
from blocks.database.engine import reading
from blocks.database.tables import Item
from blocks.storage.stores import Store
from tasks.intake.batches import open_batch
from tasks.intake.folders import IntakeReport, find_images, list_files, paths_of, take_in
from tasks.intake.images import decode_upright, read_item
from tests.intake.factories import draw_corners, draw_noise, encoded, png_claiming, with_orientation, write_images
from tests.intake.looks import adds_up, items, reasons, sources


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
