"""Labels in archives: what leads outside stays out and is told, what is good beside it comes in."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import Engine

from blocks.errors import BadTruth
from blocks.storage.stores import Store
from tasks.dataset.imports import report as told
from tests.dataset.imports.world import bring, draw, labels

LABELS = {"a.txt": "0 0.5 0.5 0.2 0.2", "classes.txt": "car"}
OUTSIDE = ["../up.txt", "/tmp/absolute.txt", "x/../../up.txt", "..\\up.txt", "C:\\up.txt"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LABELLINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def members(tmp_path: Path) -> dict[str, bytes]:
    picture = draw(tmp_path / "drawn" / "a.png").read_bytes()
    return {"set/a.png": picture, **{f"set/{name}": text.encode() for name, text in LABELS.items()}}


def zipped(path: Path, content: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, data in content.items():
            file.writestr(name, data)
        link = zipfile.ZipInfo("set/link.txt")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")
    return path


def tarred(path: Path, content: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("set/link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(link)
    return path


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_what_leads_outside_stays_out_and_the_rest_comes_in(
    engine: Engine, store: Store, tmp_path: Path, home: Path, kind: str
) -> None:
    content = members(tmp_path) | dict.fromkeys(OUTSIDE, b"0 0.5 0.5 1 1")
    archive = (zipped if kind == "zip" else tarred)(tmp_path / f"set.{kind}", content)
    report = bring(engine, store, archive)
    assert report.counts.pictures == {told.SETTLED: 1}
    assert report.counts.problems == {"left out": len(OUTSIDE) + 1}, report.told()
    assert bring(engine, store, archive).counts.pictures == {told.UNCHANGED: 1}
    assert [(row.class_name, row.import_file) for row in labels(engine)] == [("car", "set/a.txt")]
    assert not list(tmp_path.rglob("up.txt"))
    assert not Path("/tmp/absolute.txt").exists()
    unpacked = {path.name for path in home.rglob("*") if path.is_file()}
    assert unpacked == {"a.png", "a.txt", "classes.txt"}


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no archive", b"\x1f\x8b\x08\x00 no archive"])
def test_what_is_no_archive_is_refused_in_words(engine: Engine, store: Store, tmp_path: Path, data: bytes) -> None:
    for name in ("set.zip", "set.tar"):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(BadTruth, match="cannot be unpacked"):
            bring(engine, store, tmp_path / name)
