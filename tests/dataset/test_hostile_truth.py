"""Label files that were made to hurt: each ends as one named error or one sentence, in bounded time and memory."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from blocks.errors import BadOption, BadTruth, BadWeights, LabellingError, StackError
from blocks.storage.outside_files import decode_text, parse_json, parse_xml, parse_yaml, read_bounded
from tests.intake.factories import draw_noise, encoded

READ = """
import json, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
from blocks.errors import BadTruth
from tests.bench.peak_memory import peak_mb
from tasks.dataset.formats.published import read_truth
before, said = peak_mb(), []
for folder in sys.argv[1:]:
    try:
        said.append(["read", *(each.told() for each in read_truth(Path(folder)).problems)])
    except BadTruth as error:
        said.append(["refused", str(error)])
assert peak_mb() - before < 300, peak_mb()
print(json.dumps(said))
"""

LETTERS = "abcdefghij"
STEPS = list(pairwise(LETTERS[:9]))
BOMB = "<!DOCTYPE a [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
    f"<!ENTITY {larger} '" + f"&{smaller};" * 10 + "'>" for smaller, larger in STEPS
)
LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{larger}: &{larger} [" + ",".join([f"*{smaller}"] * 9) + "]\n" for smaller, larger in STEPS
)


PICTURE = encoded(draw_noise(1), "JPEG")
BLOCK = b"0 .5 .5 .1 .1\n"

NAMES = [
    (b"names: {0: car, 2000000000: x}", "class number 2000000000: expected whole numbers from 0 to 9,999"),
    (b"names: {-1: car}", "class number -1"),
    (b"names: {1.5: car}", "class number 1.5"),
    (b"names: {[1, 2]: car}", "no readable YAML"),
    (f"{LAUGHS}names: *i".encode(), "has an alias"),
    (b"names: &n [*n]", "has an alias"),
    (b"[" * 500, "nested more than 100 deep"),
    (b"[" * 100_000, "no readable YAML"),
    (b"names: [" + b"x, " * 10_001 + b"]", "names 10,001 classes"),
    (b"names: [car\0]", "byte 11 is zero"),
    (b"names: 2026-99-99", "no readable YAML"),
    *((f"names: !!{tag}".encode(), "no readable YAML") for tag in ("bool car", "int ''", "float ''", "timestamp car")),
    (b"names: [yes, car]", "names a class that YAML reads as True"),
    (b"names: {0: car, 1: ~}", "names a class that YAML reads as None"),
    (b"names: !!python/object/apply:os.system [ls]", "no readable YAML"),
    (b"names: [" + b"x" * 1_000_001 + b"]", "expected a file of at most 1,000,000"),
    (b"5", "no list of class names"),
]

DOCUMENTS = [
    b"[" * 200_000,
    b'{"annotations": ' + b"[" * 200_000,
    b'{"annotations": 5, "images": 5, "categories": 5}',
    b'{"annotations": [5], "images": [5], "categories": [5]}',
    b'{"annotations": [{"image_id": [], "category_id": {}, "bbox": "abcd"}], "images": [], "categories": []}',
    b'{"annotations": [{"image_id": [1], "category_id": 1, "bbox": [1,2,3,4]}], "images": [{"id": [1], '
    b'"file_name": "a.jpg"}], "categories": [{"id": 1, "name": "car"}]}',
    b'{"annotations": [], "images": [{"file_name": "a\\u0000.jpg"}], "categories": []}',
    b'{"annotations": [{"bbox": [NaN, 1e999, -1e999, 1], "image_id": 1, "category_id": 1}], "images": '
    b'[{"id": 1, "file_name": "a.jpg"}], "categories": [{"id": 1}]}',
    b'{"annotations": [{"bbox": [1' + b"0" * 400 + b', 1, 1, 1], "image_id": 1}], "images": [], "categories": []}',
    b'{"annotations": [], "images": [], "categories": [], "info": ' + b"9" * 5000 + b"}",
]

MARKUP = [
    (b"<a>" * 100_000, "nested more than 100 deep"),
    (b"<a>\0</a>", "broken XML"),
    (b"<?xml version='1.0' encoding='nonsense'?><a/>", "broken XML"),
    (b"", "broken XML"),
    *(
        (f"<?xml version='1.0' encoding='{name[:6]}'?>{BOMB}]><a>&i;</a>".encode(name), said)
        for name, said in (("utf-8", "document type"), ("utf-16", "document type"), ("utf-16-be", "document type"))
    ),
]


def folder_with(parent: Path, number: int, files: dict[str, bytes]) -> Path:
    """Make a folder of one picture and some files."""
    folder = parent / str(number)
    folder.mkdir()
    for name, content in {"a.jpg": PICTURE, **files}.items():
        (folder / name).write_bytes(content)
    return folder


def read(folders: Sequence[Path]) -> list[list[str]]:
    """Read truth folders in a process of its own, since what hangs cannot be interrupted here; return what it says."""
    command = [sys.executable, "-c", READ, *map(str, folders)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_a_hostile_list_of_names_is_one_named_error(tmp_path: Path) -> None:
    files = ({"a.txt": BLOCK, "data.yaml": content} for content, _ in NAMES)
    said = read([folder_with(tmp_path, number, each) for number, each in enumerate(files)])
    for (outcome, words), (content, expected) in zip(said, NAMES, strict=True):
        assert outcome == "refused", content[:60]
        assert expected in words, content[:60]


def test_hostile_json_is_read_or_refused(tmp_path: Path) -> None:
    said = read([folder_with(tmp_path, number, {"t.json": each}) for number, each in enumerate(DOCUMENTS)])
    assert [outcome for outcome, *_ in said].count("refused") == 3


def test_hostile_xml_is_left_out_with_its_reason_in_every_encoding(tmp_path: Path) -> None:
    said = read([folder_with(tmp_path, number, {"a.xml": content}) for number, (content, _) in enumerate(MARKUP)])
    for (outcome, *problems), (content, expected) in zip(said, MARKUP, strict=True):
        assert outcome == "read"
        assert expected in problems[0], content[:60]
        assert "is not known" in problems[0], content[:60]


def test_what_is_no_file_is_never_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = []
    with ExitStack() as sockets:
        for name in ("data.yaml", "t.json", "a.xml", "a.txt", "classes.txt", "a.jpg"):
            for kind in ("pipe", "socket", "endless link", "device", "folder"):
                folder = folder_with(tmp_path, len(folders), {"a.txt": BLOCK})
                (folder / name).unlink(missing_ok=True)
                folders.append(folder)
                if kind == "pipe":
                    os.mkfifo(folder / name)
                elif kind == "socket":
                    monkeypatch.chdir(folder)  # a socket's path is short
                    sockets.enter_context(socket.socket(socket.AF_UNIX)).bind(name)
                elif kind == "folder":
                    (folder / name).mkdir()
                else:
                    (folder / name).symlink_to(name if kind == "endless link" else "/dev/zero")
        assert len(read(folders)) == 30


# --- the one door ---


def test_a_file_is_read_as_far_as_was_agreed(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x" * 100)
    assert read_bounded(path, BadTruth, 100) == b"x" * 100
    with pytest.raises(BadOption, match=r"f is 100 bytes long: expected a file of at most 99"):
        read_bounded(path, BadOption, 99)
    with pytest.raises(BadTruth, match=r"gone cannot be read: No such file"):
        read_bounded(tmp_path / "gone", BadTruth, 99)
    with pytest.raises(BadTruth, match="cannot be read"):
        read_bounded(Path("a\0b"), BadTruth, 99)
    with pytest.raises(StackError, match="longer than 10 bytes"):  # says of itself that it has none
        read_bounded(Path("/proc/self/status"), StackError, 10)


@pytest.mark.parametrize("parse", [parse_json, parse_yaml, parse_xml, decode_text])
@pytest.mark.parametrize("error", [BadTruth, BadWeights])
def test_every_reader_raises_the_error_of_its_caller(parse: type, error: type[LabellingError]) -> None:
    for data in (b"\xff\xfe\xfa[", b"a\0b", b"{" * 50_000 + b"\0", b"\x00"):
        with pytest.raises(error):
            parse(data, "name", error)


def test_plain_files_are_read(tmp_path: Path) -> None:
    assert parse_json(b"\xef\xbb\xbf[1]", "j", BadTruth) == [1]
    assert parse_yaml(b"names: {0: car}", "y", BadTruth) == {"names": {0: "car"}}
    assert parse_xml("<a>ü</a>".encode("utf-16"), "x", BadTruth).text == "ü"


OTHERS = [
    ("labels.jsonl", b"[" * 200_000),
    ("labels.jsonl", b'{"picture": "a.jpg", "labels": [{"class": "car", "shape": ' + b"[" * 100_000),
    ("labels.jsonl", b'{"picture": "a.jpg", "labels": [5, {"class": 5}, {"class": "car", "shape": {"type": "x"}}]}'),
    ("labels.jsonl", b'{"picture": "a.jpg", "width": 1e999, "height": [], "labels": {}}\n\xff\xfe\n5\n{}'),
    ("tasks.json", b'[{"data": ' + b"[" * 200_000),
    ("tasks.json", b'[5, {"data": 5}, {"data": {"image": 5}}, {"data": {"image": "//[/a"}}, {"data": '
     b'{"image": "/a.jpg"}, "annotations": [{"result": [5, {"value": {"x": "1e999", "rectanglelabels": ["car"]}, '
     b'"original_width": 4, "original_height": 4}, {"value": {"points": 5, "labels": ["a"]}}]}]}]'),
    ("annotations.xml", f"<?xml version='1.0'?>{BOMB}]><annotations>&i;</annotations>".encode()),
    ("annotations.xml", f"<?xml version='1.0' encoding='utf-16'?>{BOMB}]><annotations/>".encode("utf-16")),
    ("annotations.xml", b"<annotations>" + b"<image>" * 100_000),
    ("annotations.xml", b"<annotations><image name='a.jpg' width='1e999'><mask rle='9999999999' left='0' top='0' "
     b"width='99999' height='99999'/><polygon points='1,x;'/><box xtl='nan'/><box/></image></annotations>"),
    ("labels.csv", b'filename,class\n"' + b"x" * 2_000_000),
    ("labels.csv", b"filename,class,xmin,ymin,xmax,ymax\na.jpg,car,nan,1e999,-1e999,0\na.jpg\n\0,\0\n"),
    ("labels.csv", b"ImageID,LabelName,XMin\na,b,c\n"),
    ("a.json", b'{"imagePath": "a.jpg", "shapes": [5, {"points": 5}, {"label": "x", "points": [[1]]}]}'),
    ("a.json", b'{"imagePath": ' + b"[" * 200_000),
    ("a.txt", b"Car 0 0 0 nan 1e999 -1e999 1 0 0 0 0 0 0 0\nCar\n\0"),
]  # fmt: skip
"""One of each kind of fault for the formats that are read as streams."""


def test_other_hostile_files_are_read_or_refused_and_nothing_is_known_to_be_empty(tmp_path: Path) -> None:
    said = read([folder_with(tmp_path, number, {name: content}) for number, (name, content) in enumerate(OTHERS)])
    for (outcome, *words), (name, content) in zip(said, OTHERS, strict=True):
        assert outcome in ("read", "refused")
        assert words, (name, content[:60])
