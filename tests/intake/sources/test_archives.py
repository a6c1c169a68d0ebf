"""Pictures in archives: each member is accounted for, and what was packed to do harm does none."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Engine

from blocks.errors import BadOption
from blocks.storage.stores import Store
from tasks.intake.reports import IntakeReport
from tasks.intake.sources.archives import members, take_in
from tasks.intake.sources.protocol import AskedOfSource
from tasks.intake.sources.registry import source_kind_of, source_kind_of_shard
from tests.intake.factories import draw_noise, encoded
from tests.intake.looks import adds_up, items, reasons, sources

FILES = {
    "a/1.png": encoded(draw_noise(1)),
    "a/2.png": encoded(draw_noise(2)),
    "b/same.png": encoded(draw_noise(1)),
    "b/broken.jpg": b"\xff\xd8\xff",
    "b/film.mp4": b"",
    "../outside.png": encoded(draw_noise(3)),
    "/root.png": encoded(draw_noise(4)),
    "b/labels.txt": b"0 0.5 0.5 1 1",
    ".hidden/x.png": b"",
    "__MACOSX/x.png": b"",
}


def packed(path: Path, files: dict[str, bytes]) -> Path:
    """Write an archive as its name says."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return path
    with tarfile.open(path, "w:gz" if path.name.lower().endswith("gz") else "w") as tar:
        for name, data in files.items():
            tar.addfile(tar_info(name, len(data)), io.BytesIO(data))
    return path


def tar_info(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, "/etc/passwd"
    return info


def take(engine: Engine, store: Store, place: Path, size: int = 3) -> IntakeReport:
    asked, report = AskedOfSource(), IntakeReport()
    for shard in source_kind_of(place, asked).list_shards(store, place, asked, size):
        report += source_kind_of_shard(shard).take_in(engine, store, "lots", shard, asked)
    assert adds_up(report)
    return report


@pytest.mark.parametrize("name", ["p.zip", "p.tar", "p.tar.gz", "p.TGZ"])
def test_every_member_is_taken_doubled_or_set_aside_and_again_nothing_changes(
    engine: Engine, store: Store, tmp_path: Path, name: str
) -> None:
    place = packed(tmp_path / name, FILES)
    report = take(engine, store, place)
    assert (report.offered, report.taken, report.duplicates, len(report.set_aside)) == (7, 2, 1, 4)
    told = reasons(report)
    assert "leads outside" in told["outside.png"] and "leads outside" in told["root.png"]
    assert "unpack it" in told["film.mp4"] and "broken.jpg" in told
    assert {source.uri for source in sources(engine).values()} >= {f"{place.as_uri()}/a/1.png"}
    assert items(engine)["1.png"].sequence == "a/"
    assert take(engine, store, place).changed == 0
    unpacked = {path for path in tmp_path.rglob("*.png") if "items" not in path.parts}
    assert not unpacked, "nothing goes anywhere but into the store"


def test_two_members_of_one_name_are_two(engine: Engine, store: Store, tmp_path: Path) -> None:
    place = tmp_path / "p.tar"
    with tarfile.open(place, "w") as tar:
        for n in (1, 2):
            data = encoded(draw_noise(n))
            tar.addfile(tar_info("a.png", len(data)), io.BytesIO(data))
    assert take(engine, store, place).taken == 2


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_of_many_members_is_cut_into_few_shards_that_number_equal_names_alike(
    engine: Engine, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(take_in, "MOST_SHARDS", 3)
    place = tmp_path / "p.zip"
    with zipfile.ZipFile(place, "w") as archive:
        for n in range(10):
            archive.writestr("a.png" if n % 3 == 0 else f"{n}.png", encoded(draw_noise(n)))
            archive.writestr(f"{n}.txt", b"0 0.5 0.5 1 1")
    assert [(shard.start, shard.stop) for shard in take_in.list_archive(place, 1)] == [(0, 4), (4, 8), (8, 12)]
    assert take(engine, store, place, size=1).taken == 10
    equal = {uri.rpartition("/")[2] for uri in (row.uri for row in sources(engine).values()) if "a.png" in uri}
    assert equal == {"a.png", "a.png#2", "a.png#3", "a.png#4"}


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("a.png", True),
        ("../a.png", True),
        ("./a.png", True),
        ("/a", True),
        ("a.b/c", True),
        ("txt", True),
        ("", True),
        ("a.TXT", False),
        ("a.txt/", False),
        (".a/b.png", False),
        ("a/.b.png", False),
        ("..a", False),
        ("__MACOSX/a.png", False),
    ],
)
def test_what_is_hidden_or_lies_beside_pictures_does_not_count(name: str, counts: bool) -> None:
    assert members._may_be_picture(name) == counts


def test_links_and_devices_are_set_aside(engine: Engine, store: Store, tmp_path: Path) -> None:
    place = tmp_path / "p.tar"
    with tarfile.open(place, "w") as tar:
        for n, kind in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)):
            tar.addfile(tar_info(f"{n}.png", kind=kind))
    report = take(engine, store, place)
    assert len(report.set_aside) == 4 and all("and no file" in why for why in reasons(report).values())
    linked = tmp_path / "l.zip"
    with zipfile.ZipFile(linked, "w") as archive:
        info = zipfile.ZipInfo("link.png")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    assert "links are not followed" in reasons(take(engine, store, linked))["link.png"]


@pytest.mark.parametrize("name", ["bomb.zip", "bomb.tgz"])
def test_a_bomb_is_given_up_before_it_fills_the_machine(
    engine: Engine, store: Store, tmp_path: Path, name: str
) -> None:
    place = tmp_path / name
    good = encoded(draw_noise(1))
    if name.endswith(".zip"):
        with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("good.png", good)
            with archive.open("bomb.png", "w", force_zip64=True) as out:
                for _ in range(200):
                    out.write(bytes(1_000_000))
    else:
        with gzip.open(place, "wb", compresslevel=1) as out, tarfile.open(fileobj=out, mode="w|") as tar:
            tar.addfile(tar_info("good.png", len(good)), io.BytesIO(good))
            tar.addfile(tar_info("bomb.png", 900_000_000), Zeros(900_000_000))
    before = psutil.Process().memory_info().rss
    report = take(engine, store, place)
    assert (report.taken, len(report.set_aside)) == (1, 2 if name.endswith("tgz") else 1)
    assert any(f"{members.MOST_TIMES} times its size" in why for why in reasons(report).values())
    assert psutil.Process().memory_info().rss - before < 400_000_000


class Zeros(io.RawIOBase):
    """So many zeros."""

    def __init__(self, count: int) -> None:
        self._left = count

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        given = min(size, self._left)
        self._left -= given
        return bytes(given)


@pytest.mark.parametrize("name", ["p.zip", "p.tar", "p.tar.gz"])
def test_half_an_archive_gives_what_is_whole_or_says_that_it_cannot_be_read(
    engine: Engine, store: Store, tmp_path: Path, name: str
) -> None:
    place = packed(tmp_path / name, {f"{n}.png": encoded(draw_noise(n)) for n in range(20)})
    place.write_bytes(place.read_bytes()[: place.stat().st_size * 2 // 3])
    if name.endswith(".zip"):
        with pytest.raises(BadOption, match="no zip that can be read"):
            take(engine, store, place)
        return
    report = take(engine, store, place)
    assert report.taken >= 8 and 1 <= len(report.set_aside) <= 2
    assert "the rest of the archive" in " ".join(reasons(report).values())


def test_an_encrypted_member_is_told(engine: Engine, store: Store, tmp_path: Path) -> None:
    place = packed(tmp_path / "p.zip", {"a.png": encoded(draw_noise(1)), "b.png": encoded(draw_noise(2))})
    data = bytearray(place.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # of the first one, in the table of contents
    place.write_bytes(data)
    report = take(engine, store, place)
    assert report.taken == 1 and "encrypted" in reasons(report)["a.png"]


def test_a_look_tells_what_is_there_and_refuses_an_archive_without_pictures(tmp_path: Path) -> None:
    asked = AskedOfSource(sequence_pattern="(.)/")
    place = packed(tmp_path / "p.tar.gz", FILES)
    look = source_kind_of(place, asked).look_into(place, asked)
    assert "sequences of 7 files: 'a', 'b'" in look.about_sequences()
    empty = packed(tmp_path / "e.zip", {"labels.txt": b"x"})
    with pytest.raises(BadOption, match="holds no images"):
        source_kind_of(empty, asked).look_into(empty, asked)
    for name, told in (("x.zip", "no zip that can be read"), ("x.tar", "cannot be read"), ("x.tgz", "cannot be read")):
        broken = tmp_path / name
        broken.write_bytes(b"PK nothing" * 100)
        with pytest.raises(BadOption, match=told):
            source_kind_of(broken, asked).look_into(broken, asked)
