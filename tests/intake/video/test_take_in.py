"""Videos into a collection, beside pictures: every frame that is chosen is an item or a duplicate of one."""

from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from blocks.database.tables import Item, Source
from blocks.storage.stores import Store
from tasks.intake.batches import items_of, open_batch
from tasks.intake.folders import find_images, take_in
from tasks.intake.images import decode_upright
from tasks.intake.preview import look_into
from tasks.intake.sequences import assign_splits, splits_of
from tasks.intake.video import take_in as video_intake
from tasks.intake.video.options import VideoOptions
from tests.intake.factories import write_images
from tests.intake.video.films import draw_frame, draw_frames, write_film

ALL = VideoOptions(frames="all")


def items(engine: Engine) -> list[Item]:
    with Session(engine) as session:
        return list(session.exec(select(Item).order_by(Item.sequence, Item.frame)))  # type: ignore[arg-type]


def test_frames_become_items_beside_pictures_and_again_change_nothing(
    engine: Engine, store: Store, folder: Path
) -> None:
    write_images(folder / "stills", 3)
    write_film(folder / "site" / "clip.mp4", draw_frames(12))
    for changed in (15, 0):
        report = take_in(engine, store, "lots", find_images(folder), folder=folder, videos=ALL)
        assert (report.offered, report.taken, report.duplicates, report.changed) == (15, 15, 0, changed)
    frames = [item for item in items(engine) if item.frame is not None]
    assert [item.frame for item in frames] == list(range(12))
    assert {item.sequence for item in frames} == {"site/clip.mp4"}
    assert frames[3].name == "clip-000003.jpg"
    assert decode_upright(store.get(frames[3].key)).shape == (64, 96, 3)
    assert (frames[3].width, frames[3].height) == (96, 64)


def test_equal_frames_share_their_bytes(engine: Engine, store: Store, folder: Path) -> None:
    still = draw_frame(0)
    write_film(folder / "clip.mkv", [still] * 5, codec="ffv1")
    report = take_in(engine, store, "lots", find_images(folder), folder=folder, videos=ALL)
    assert (report.offered, report.taken, report.duplicates) == (5, 1, 4)
    assert [item.frame for item in items(engine)] == [0]


def test_a_batch_has_frames_in_the_order_in_which_they_are_shown(engine: Engine, store: Store, folder: Path) -> None:
    write_film(folder / "clip.mp4", draw_frames(130, size_wh=(320, 64)))
    take_in(engine, store, "lots", find_images(folder), folder=folder, videos=ALL)
    batch = open_batch(engine, "b", "lots", 200)
    assert [item.frame for item in items_of(engine, batch.id)] == list(range(130))


def test_frames_of_one_video_never_part_between_splits(engine: Engine, store: Store, folder: Path) -> None:
    for clip in range(6):
        write_film(folder / f"clip{clip}.mp4", draw_frames(5, colour=(30 * clip, 200 - 30 * clip, 90)))
    for pattern in (None, "(.+)"):
        take_in(engine, store, "lots", find_images(folder), pattern, folder=folder, videos=ALL)
        assign_splits(engine, "lots")
        split = splits_of(engine, "lots")
        by_clip: dict[str, set[str]] = {}
        for item in items(engine):
            by_clip.setdefault(item.name.rpartition("-")[0], set()).add(split[item.id])
        assert len(by_clip) == 6
        assert all(len(splits) == 1 for splits in by_clip.values())
        assert set(split.values()) == {"train", "val", "test"}


def test_another_rate_takes_in_what_is_missing(engine: Engine, store: Store, folder: Path) -> None:
    write_film(folder / "clip.mp4", draw_frames(20))
    reports = [
        take_in(engine, store, "lots", find_images(folder), folder=folder, videos=VideoOptions(frames=frames))
        for frames in ("1", "all", "1")
    ]
    assert [(report.offered, report.changed) for report in reports] == [(2, 2), (20, 18), (2, 0)]


def test_a_video_of_no_use_is_set_aside_and_taken_once_it_is_mended(engine: Engine, store: Store, folder: Path) -> None:
    whole = write_film(folder.parent / "whole.mp4", draw_frames(4)).read_bytes()
    path = folder / "clip.mp4"
    path.write_bytes(whole[: len(whole) // 2])
    report = take_in(engine, store, "lots", [path], folder=folder, videos=ALL)
    assert "cut off before its index" in report.set_aside[0].reason
    path.write_bytes(whole)
    report = take_in(engine, store, "lots", [path], folder=folder, videos=ALL)
    assert (report.taken, report.set_aside) == (4, ())
    with Session(engine) as session:
        assert session.get(Source, ("lots", path.absolute().as_uri())) is None


def test_pictures_alone_leave_videos_aside(engine: Engine, store: Store, folder: Path) -> None:
    path = write_film(folder / "clip.mp4", draw_frames(2))
    report = take_in(engine, store, "lots", [path], folder=folder)
    assert (report.offered, len(report.set_aside)) == (1, 1)


def test_of_a_video_of_too_many_frames_the_first_are_taken_and_the_rest_is_said(
    engine: Engine, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_intake, "MOST_FRAMES", 70)
    write_film(folder / "clip.mp4", draw_frames(100, size_wh=(320, 64)))
    report = take_in(engine, store, "lots", find_images(folder), folder=folder, videos=ALL)
    assert report.taken == 70
    assert report.notes[video_intake.TOO_MANY] == 1


def test_a_look_counts_videos_and_says_when_all_is_one(folder: Path) -> None:
    film = write_film(folder / "clip.mp4", draw_frames(2))
    for place in (folder, film):
        look = look_into(place)
        assert (look.pictures, look.videos, look.sequences) == (1, 1, ("clip.mp4",))
        assert "all frames are of one video" in look.about_one_sequence()
    write_images(folder, 2)
    assert look_into(folder).about_one_sequence() == ""
