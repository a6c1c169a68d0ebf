"""A video's frames as they are shown, whatever its file is like: upright, by their own times, whole or left out."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from blocks.errors import UnreadableVideo
from tasks.intake.video.choosing import chooser_of
from tasks.intake.video.containers import container_of, opened
from tasks.intake.video.frames import INTERLACED, ROTATED, Damage, read_frames
from tasks.intake.video.options import VideoOptions
from tests.intake.video.films import draw_frame, draw_frames, write_film


def numbers_taken(path: Path, frames: str) -> list[int]:
    chooser = chooser_of(VideoOptions(frames=frames))
    return [
        shown.number
        for shown in read_frames(path, Damage(), chooser.may_take)
        if chooser.takes(shown.seconds, shown.pixels)
    ]


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [(".mp4", "libx264"), (".mov", "libx264"), (".webm", "libvpx"), (".mkv", "libx264"), (".avi", "mpeg4")],
)
def test_every_container_gives_its_frames_in_order(tmp_path: Path, suffix: str, codec: str) -> None:
    film = write_film(tmp_path / f"film{suffix}", draw_frames(12), codec=codec)
    shown = list(read_frames(film, Damage()))
    assert [each.number for each in shown] == list(range(12))
    assert [each.seconds for each in shown] == pytest.approx([at / 10 for at in range(12)], abs=0.002)
    for at in (0, 5, 11):
        assert np.abs(shown[at].pixels[..., ::-1].astype(int) - draw_frame(at)).mean() < 8


@pytest.mark.parametrize(
    ("frames", "taken"),
    [("all", list(range(20))), ("10", list(range(20))), ("5", list(range(0, 20, 2))), ("1", [0, 10]), ("0.5", [0])],
)
def test_frames_are_taken_by_their_rate(tmp_path: Path, frames: str, taken: list[int]) -> None:
    assert numbers_taken(write_film(tmp_path / "film.mp4", draw_frames(20)), frames) == taken


def test_a_variable_rate_is_taken_by_time_and_not_by_number(tmp_path: Path) -> None:
    ticks = [0, 1, 2, 3, 4, 30, 31, 55]  # tenths of a second: a burst, a long gap
    film = write_film(tmp_path / "phone.mp4", draw_frames(8), ticks=ticks)
    assert numbers_taken(film, "1") == [0, 5, 7]


def test_a_wrong_rate_in_the_header_changes_nothing_where_frames_have_times(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mkv", draw_frames(20))
    data = film.read_bytes()
    wrong = data.replace(
        bytes.fromhex("23E383") + data[data.index(bytes.fromhex("23E383")) + 3 :][:5],
        bytes.fromhex("23E383") + b"\x84" + struct.pack(">I", 1_000_000),
        1,
    )
    assert wrong != data
    film.write_bytes(wrong)
    with av.open(str(film)) as container:
        assert container.streams.video[0].average_rate != 10
    assert numbers_taken(film, "1") == [0, 10]


def test_scenes_are_told_by_what_is_seen(tmp_path: Path) -> None:
    shots = [draw_frames(10, colour=colour) for colour in ((40, 90, 40), (200, 30, 30), (20, 20, 160))]
    film = write_film(tmp_path / "film.mp4", [frame for shot in shots for frame in shot])
    assert numbers_taken(film, "scenes") == [0, 10, 20]


def test_a_flash_is_no_scene(tmp_path: Path) -> None:
    frames = draw_frames(30)
    frames[2] = np.full_like(frames[2], 255)
    assert numbers_taken(write_film(tmp_path / "film.mp4", frames), "scenes") == [0]


@pytest.mark.parametrize("frames", ["", "0", "-1", "every", "241", "1e3", "nan"])
def test_other_words_for_frames_are_refused(frames: str) -> None:
    with pytest.raises(ValueError, match="expected frames a second"):
        VideoOptions(frames=frames)


def test_a_phone_held_upright_gives_upright_frames(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", draw_frames(3))
    data = bytearray(film.read_bytes())
    unit = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    turned = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 64 << 16, 0, 1 << 30)  # a quarter to the right
    at = data.index(unit, data.index(b"tkhd"))
    data[at : at + len(unit)] = turned
    film.write_bytes(data)
    shown = next(read_frames(film, Damage()))
    assert shown.pixels.shape == (96, 64, 3)
    assert ROTATED in shown.notes
    upright = np.rot90(draw_frame(0), -1)
    assert np.abs(shown.pixels[..., ::-1].astype(int) - upright).mean() < 8


def test_an_interlaced_frame_has_no_combs(tmp_path: Path) -> None:
    frames = []
    for at in range(6):
        both = draw_frame(8 * at).copy()
        both[1::2] = draw_frame(8 * at + 4)[1::2]
        frames.append(both)
    film = write_film(tmp_path / "film.mkv", frames, options={"x264-params": "tff=1:interlaced=1"})
    shown = list(read_frames(film, Damage()))
    assert all(INTERLACED in each.notes for each in shown)
    grey = shown[2].pixels.mean(axis=2)
    assert np.abs(np.diff(grey, axis=0))[17:30].mean() < 3


def test_what_is_before_a_broken_end_is_taken_and_the_rest_is_said(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (64, 96, 3), dtype=np.uint8) for _ in range(40)]
    film = write_film(tmp_path / "film.mkv", noise, options={"g": "5"})
    film.write_bytes(film.read_bytes()[: film.stat().st_size * 6 // 10])
    damage = Damage()
    taken = [shown.number for shown in read_frames(film, damage)]
    assert 10 < len(taken) < 40
    assert taken == list(range(len(taken)))


def test_a_broken_middle_is_left_out_and_counted(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (64, 96, 3), dtype=np.uint8) for _ in range(40)]
    film = write_film(tmp_path / "film.avi", noise, codec="mpeg4")
    data = bytearray(film.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = rng.bytes(20_000)
    film.write_bytes(data)
    damage = Damage()
    taken = list(read_frames(film, damage))
    assert 10 < len(taken) < 40
    assert "were left out" in str(damage)


def test_one_frame_is_a_video(tmp_path: Path) -> None:
    assert numbers_taken(write_film(tmp_path / "film.mp4", draw_frames(1)), "1") == [0]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the file is empty"),
        (b"not a film at all", "does not begin as a video"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "does not begin as a video"),
        (b"\0\0\0\x18ftypisom" + bytes(500), "no video that can be read"),
        (b"RIFF\xff\xff\xff\x7fAVI " + bytes(500), "no video that can be read|no video stream|without frames"),
    ],
    ids=["empty", "text", "playlist", "no index", "riff alone"],
)
def test_what_is_no_video_is_refused_in_words(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(data)
    with pytest.raises(UnreadableVideo, match=why):
        list(read_frames(path, Damage()))


def test_an_mp4_cut_before_its_index_is_refused_and_says_why(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", draw_frames(20))
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    with pytest.raises(UnreadableVideo, match="cut off before its index"):
        list(read_frames(film, Damage()))


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    write_film(tmp_path / "film.mp4", draw_frames(2))
    (tmp_path / "link.mp4").symlink_to(tmp_path / "film.mp4")
    with pytest.raises(OSError, match="symbolic links"), opened(tmp_path / "link.mp4"):
        pass


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44_100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44_100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(UnreadableVideo, match="holds no video stream"):
        list(read_frames(path, Damage()))


def test_containers_are_told_by_their_first_bytes() -> None:
    assert container_of(b"\0\0\0\x20ftypisom") == "mov"
    assert container_of(b"\x1a\x45\xdf\xa3" + bytes(8)) == "matroska"
    assert container_of(b"RIFF\0\0\0\0WEBP") is None
    assert container_of(b"") is None
