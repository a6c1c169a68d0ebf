"""The film that a browser plays: frame n of it is frame n of its sequence, whatever the frames came from."""

import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from sqlalchemy import Engine

from blocks.database.tables import Item
from blocks.errors import BadOption, ObjectMissing, UnfaithfulFilm, UnreadableVideo
from blocks.storage.stores import FolderStore
from tasks.detect.proposers.propagated import frames_of
from tasks.intake.images import Pixels, decode_upright
from tasks.intake.video import playable
from tasks.intake.video.options import VideoOptions
from tasks.intake.video.playable import Film, FilmSample, encode_film, film_of, make_film, played_size, verify_film
from tasks.intake.video.take_in import take_in_video
from tests.intake.video.films import draw_frame, draw_frames, write_film

DURATION = bytes.fromhex("23E383")
"""Begins the field of a Matroska header that says how long a frame lasts."""


def taken_in(engine: Engine, store: FolderStore, path: Path) -> list[Item]:
    take_in_video(engine, store, "films", path, Path(path.name), VideoOptions(frames="all"))
    return frames_of(engine, "films", path.name)


def squares_in(store: FolderStore, film: Film) -> list[int]:
    """The left edge of the bright square in each frame of a film."""
    with av.open(str(store.local_path(film.key))) as container:
        return [left_of(frame.to_ndarray(format="bgr24")) for frame in container.decode(container.streams.video[0])]


def left_of(pixels: Pixels) -> int:
    return int(np.flatnonzero((pixels[:, :, 2] > 160).sum(axis=0) > 8).min())


def told(store: FolderStore, items: list[Item]) -> list[int]:
    return [left_of(decode_upright(store.get(item.key))) for item in items]


def mistold(film: Path) -> Path:
    """A Matroska file whose header speaks of a thousand frames a second."""
    data = film.read_bytes()
    at = data.index(DURATION)
    film.write_bytes(data[: at + 3] + b"\x84" + struct.pack(">I", 1_000_000) + data[at + 8 :])
    return film


def turned(film: Path) -> Path:
    """An MP4 file that says that it is to be turned on its head: rightwards becomes leftwards."""
    data = bytearray(film.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    struct.pack_into(">9i", data, at, -65536, 0, 0, 0, -65536, 0, 0, 0, 1 << 30)
    film.write_bytes(data)
    return film


FILMS = {
    "variable rate": lambda path: write_film(path, draw_frames(12), ticks=[0, 1, 2, 3, 9, 10, 11, 40, 41, 43, 50, 51]),
    "no times": lambda path: write_film(path.with_suffix(".avi"), draw_frames(12), codec="mpeg4", rate=30),
    "frames that are decoded before others": lambda path: write_film(path, draw_frames(12), options={"bf": "3"}),
    "odd sides": lambda path: write_film(
        path.with_suffix(".mkv"), [draw_frame(at, (97, 63)) for at in range(12)], codec="ffv1"
    ),
    "interlaced": lambda path: write_film(
        path.with_suffix(".mkv"), draw_frames(12), options={"x264-params": "tff=1:interlaced=1"}
    ),
    "wrong rate in the header": lambda path: mistold(write_film(path.with_suffix(".mkv"), draw_frames(12))),
    "turned by a phone": lambda path: turned(write_film(path, draw_frames(12))),
    "one frame": lambda path: write_film(path, draw_frames(1)),
}


@pytest.mark.parametrize("kind", FILMS)
def test_each_frame_of_the_film_shows_its_own_frame(
    engine: Engine, store: FolderStore, tmp_path: Path, kind: str
) -> None:
    items = taken_in(engine, store, FILMS[kind](tmp_path / "film.mp4"))
    film = make_film(store, items)
    shown = squares_in(store, film)
    assert len(shown) == len(items) == film.frames
    assert np.abs(np.array(shown) - told(store, items)).max() <= 1


def test_what_is_cut_off_is_a_film_of_what_there_is(engine: Engine, store: FolderStore, tmp_path: Path) -> None:
    film = write_film(tmp_path / "cut.mkv", draw_frames(40))
    film.write_bytes(film.read_bytes()[: film.stat().st_size * 2 // 3])
    items = taken_in(engine, store, film)
    assert 0 < len(items) < 40
    assert make_film(store, items).frames == len(items)


def test_frames_of_another_size_get_that_of_the_first(store: FolderStore, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    encode_film(path, iter([draw_frame(0), draw_frame(1, (192, 128)), draw_frame(2)]), rate=10)
    with av.open(str(path)) as container:
        assert {(frame.width, frame.height) for frame in container.decode(container.streams.video[0])} == {(96, 64)}


def test_it_is_h264_at_a_constant_rate_that_begins_at_once(engine: Engine, store: FolderStore, tmp_path: Path) -> None:
    film = make_film(store, taken_in(engine, store, write_film(tmp_path / "film.mp4", draw_frames(25), rate=30)))
    with av.open(str(store.local_path(film.key))) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt, stream.average_rate) == ("h264", "yuv420p", 10)
        assert [frame.time for frame in container.decode(stream)] == pytest.approx([at / 10 for at in range(25)])
    assert store.local_path(film.key).read_bytes().index(b"moov") < 100  # a browser reads the index first


def test_it_is_made_once_and_anew_for_other_frames(
    engine: Engine, store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = taken_in(engine, store, write_film(tmp_path / "film.mp4", draw_frames(8)))
    film = make_film(store, items)

    def never(*_: object) -> None:
        raise AssertionError("encoded again")

    monkeypatch.setattr(playable, "encode_film", never)
    assert make_film(store, items) == film
    names = {film.name, film_of(items[1:]).name, film_of(items[::-1]).name, film_of(items, rate=5).name}
    assert len(names) == 4


def slipped(at: int) -> Iterator[Pixels]:
    """Frames of which one is lost, and another twice."""
    frames = draw_frames(64)
    yield from (*frames[:at], *frames[at + 1 : at + 20], frames[at + 19], *frames[at + 20 :])


@pytest.mark.parametrize("at", [0, 20, 43])
def test_a_film_that_slips_by_a_frame_is_refused(tmp_path: Path, at: int) -> None:
    looks, film = FilmSample.of(64), Film("slips.mp4", 64)
    for place, pixels in enumerate(draw_frames(64)):
        looks.note(place, pixels)
    encode_film(tmp_path / film.name, slipped(at), film.rate)
    with pytest.raises(UnfaithfulFilm, match="like their neighbours more than like their own"):
        verify_film(tmp_path / film.name, film, looks)


def test_a_film_that_shows_something_else_is_refused(tmp_path: Path) -> None:
    looks, film = FilmSample.of(8), Film("other.mp4", 8)
    for place, pixels in enumerate(draw_frames(8)):
        looks.note(place, pixels)
    encode_film(tmp_path / film.name, iter(draw_frames(8, colour=(200, 10, 10))), film.rate)
    with pytest.raises(UnfaithfulFilm, match="differs from its own by"):
        verify_film(tmp_path / film.name, film, looks)


@pytest.mark.parametrize(("rate", "frames", "words"), [(10, 7, "7 frames was made of 8"), (5, 8, "made with 5")])
def test_a_film_of_other_frames_or_another_rate_is_refused(tmp_path: Path, rate: int, frames: int, words: str) -> None:
    looks, film = FilmSample.of(8), Film("other.mp4", 8)
    for place, pixels in enumerate(draw_frames(8)):
        looks.note(place, pixels)
    encode_film(tmp_path / film.name, iter(draw_frames(frames)), rate)
    with pytest.raises(UnfaithfulFilm, match=words):
        verify_film(tmp_path / film.name, film, looks)


def test_nothing_is_kept_of_what_was_refused(
    engine: Engine, store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = taken_in(engine, store, write_film(tmp_path / "film.mp4", draw_frames(8)))
    monkeypatch.setattr(playable, "MOST_OFF", 0.0)
    with pytest.raises(UnfaithfulFilm):
        make_film(store, items)
    assert not list(store.keys("films"))


def test_a_lost_frame_no_frames_and_no_library_are_named(
    engine: Engine, store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = taken_in(engine, store, write_film(tmp_path / "film.mp4", draw_frames(4)))
    with pytest.raises(BadOption, match="0 frames"):
        make_film(store, [])
    store.delete(items[2].key)
    with pytest.raises(ObjectMissing):
        make_film(store, items)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UnreadableVideo, match="PyAV is not installed"):
        make_film(store, items[:2])


def test_sides_are_even_and_large_frames_smaller() -> None:
    assert [played_size(*size) for size in ((97, 63), (1, 1), (3840, 2160), (2160, 3840))] == [
        (96, 64),
        (2, 2),
        (1920, 1080),
        (1080, 1920),
    ]
