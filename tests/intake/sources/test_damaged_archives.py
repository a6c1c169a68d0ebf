"""Archives that are damaged, cut off or crafted: nothing is lost without a row, and no member ends the whole intake."""

import gzip
import io
import random
import tarfile
import zipfile
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Engine

from blocks.errors import BadOption
from blocks.storage.stores import Store
from tasks.intake.sources.archives.headers import MOST_HEADER_BYTES
from tasks.intake.sources.protocol import AskedOfSource
from tasks.intake.sources.registry import source_kind_of
from tests.intake.factories import draw_noise, encoded
from tests.intake.looks import reasons
from tests.intake.sources.test_archives import packed, take, tar_info

PICTURES = {f"a/{n}.png": encoded(draw_noise(n)) for n in range(4)}
REST = "the rest of the archive"


def look(place: Path) -> str:
    asked = AskedOfSource(sequence_pattern="(.)/")
    return source_kind_of(place, asked).look_into(place, asked).about_sequences()


def with_pax(place: Path, name: str, size: int, **said: str) -> Path:
    """Write a tar of a good picture, one whose extended header says this, and a good one."""
    with tarfile.open(place, "w", format=tarfile.PAX_FORMAT) as tar:
        for each in ("a/0.png", name, "a/1.png"):
            info = tar_info(each, size if each == name else len(PICTURES[each]))
            info.pax_headers = said if each == name else {}
            tar.addfile(info, io.BytesIO(PICTURES.get(each, bytes(size))))
    return place


@pytest.mark.parametrize("name", ["p.tar", "p.tgz"])
@pytest.mark.parametrize("damage", ["flipped", "zeroed"])
def test_what_is_behind_a_damaged_header_is_told(
    engine: Engine, store: Store, tmp_path: Path, name: str, damage: str
) -> None:
    place = packed(tmp_path / "p.tar", PICTURES)
    data = bytearray(place.read_bytes())
    at = data.index(b"a/2.png")
    data[at : at + 512] = bytes(512) if damage == "zeroed" else b"x" + data[at + 1 : at + 512]
    place = written(tmp_path / name, bytes(data))
    report = take(engine, store, place)
    assert report.taken == 2
    (told,) = reasons(report).values()
    assert REST in told and ("behind its end" if damage == "zeroed" else "a header is broken") in told
    assert "'a'" in look(place), "what is before the fault is taken, so it is not refused"


def written(place: Path, tar: bytes) -> Path:
    """Write the bytes of a tar as a name says."""
    if place.suffix == ".tar":
        place.write_bytes(tar)
    else:
        place.write_bytes(gzip.compress(tar))
    return place


def test_a_tar_cut_off_anywhere_loses_no_picture_without_a_row(engine: Engine, store: Store, tmp_path: Path) -> None:
    data = packed(tmp_path / "whole.tar", dict(list(PICTURES.items())[:2])).read_bytes()
    start = data.rindex(b"\x89PNG")
    end = -(-(start + len(PICTURES["a/1.png"])) // 512) * 512
    for at in sorted({*range(512, end + 2048, 512), *range(700, end, 512 * 5), start + len(PICTURES["a/1.png"])}):
        place = tmp_path / f"{at}.tar"
        place.write_bytes(data[:at])
        report = take(engine, store, place)
        has_rest = any(REST in told for told in reasons(report).values())
        assert has_rest == (at < end + 512), f"cut at {at}"
        assert has_rest or report.taken + report.duplicates == 2


def test_two_tars_one_behind_the_other_are_told(engine: Engine, store: Store, tmp_path: Path) -> None:
    one, two = (packed(tmp_path / f"{n}.tar", {f"{n}.png": PICTURES[f"a/{n}.png"]}).read_bytes() for n in (0, 1))
    report = take(engine, store, written(tmp_path / "both.tar", one + two))
    assert report.taken == 1 and "a second archive" in " ".join(reasons(report).values())


@pytest.mark.parametrize(
    "said",
    [
        {"GNU.sparse.map": "x,y", "GNU.sparse.size": "z"},
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "a/x.png"},
        {"GNU.sparse.realsize": "many"},
    ],
    ids=["map", "blocks", "size"],
)
def test_an_extended_header_of_nonsense_ends_no_intake(
    engine: Engine, store: Store, tmp_path: Path, said: dict[str, str]
) -> None:
    place = with_pax(tmp_path / "p.tar", "a/x.png", 512, **said)
    report = take(engine, store, place)
    assert report.taken == 1 and REST in " ".join(reasons(report).values())
    assert "'a'" in look(place)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_bytes_of_an_archive_are_damaged_each_member_ends_as_a_row(
    engine: Engine, store: Store, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    place = packed(tmp_path / ("p.zip" if seed % 2 else "p.tar"), {f"a/\u00e9{n}.png": b"%d" % n for n in range(6)})
    data = bytearray(place.read_bytes().rstrip(bytes(1)) + bytes(1024))
    for _ in range(chance.choice((1, 4, 16))):
        data[chance.randrange(len(data))] = chance.randrange(256)
    place.write_bytes(data)
    try:
        report = take(engine, store, place)
    except BadOption:
        return
    assert report.taken == 0 and len(report.set_aside) == report.offered


def test_a_local_name_that_is_no_text_sets_one_member_aside(engine: Engine, store: Store, tmp_path: Path) -> None:
    place = tmp_path / "p.zip"
    with zipfile.ZipFile(place, "w") as archive:
        for n in range(3):
            archive.writestr(f"\u00e9{n}.png", PICTURES[f"a/{n}.png"])
    data = bytearray(place.read_bytes())
    at = data.index("\u00e91.png".encode())
    data[at : at + 2] = b"\xff\xfe"
    place.write_bytes(data)
    report = take(engine, store, place)
    assert report.taken == 2 and "broken in the archive" in " ".join(reasons(report).values())


def test_a_member_without_a_name_is_set_aside(engine: Engine, store: Store, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo(""), b"nobody")
        archive.writestr("one.png", encoded(draw_noise(1)))
    report = take(engine, store, tmp_path / "odd.zip")
    assert (report.offered, report.taken, len(report.set_aside)) == (2, 1, 1)


def test_sparse_members_are_set_aside_unread(engine: Engine, store: Store, tmp_path: Path) -> None:
    said = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,512", "GNU.sparse.name": "a/x.png"}
    place = with_pax(tmp_path / "p.tar", "a/x.png", 512, **said, **{"GNU.sparse.size": str(2**29)})
    before = psutil.Process().memory_info().rss
    report = take(engine, store, place)
    assert report.taken == 2 and "sparse" in reasons(report)["x.png"]
    assert psutil.Process().memory_info().rss - before < 200_000_000


def test_a_header_of_any_length_is_not_read_into_memory(engine: Engine, store: Store, tmp_path: Path) -> None:
    place = tmp_path / "p.tar"
    with tarfile.open(place, "w") as tar:
        tar.addfile(tar_info("a.png", len(PICTURES["a/0.png"])), io.BytesIO(PICTURES["a/0.png"]))
        size = MOST_HEADER_BYTES + 1
        tar.addfile(tar_info("long", size, tarfile.GNUTYPE_LONGNAME), io.BytesIO(bytes(size)))
    report = take(engine, store, place)
    assert report.taken == 1 and f"a header of {size:,} bytes" in " ".join(reasons(report).values())


def test_a_size_that_no_disk_has_is_not_read_up_to(engine: Engine, store: Store, tmp_path: Path) -> None:
    place = tmp_path / "p.tar"
    with tarfile.open(place, "w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(tar_info("a.png", len(PICTURES["a/0.png"])), io.BytesIO(PICTURES["a/0.png"]))
        tar.addfile(tar_info("b.png", 2**60))
    report = take(engine, store, place)
    assert report.taken == 1 and REST in " ".join(reasons(report).values())
