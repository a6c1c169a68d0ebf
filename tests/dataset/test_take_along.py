"""Labels to take along: what pycocotools and ultralytics read is what was settled, under the files' own names."""

import fcntl
import json
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import cv2
import pytest
import yaml
from pycocotools.coco import COCO
from sqlalchemy import Engine
from sqlmodel import select, update

from blocks.database.engine import reading, upsert, writing
from blocks.database.origin_tables import Origin
from blocks.database.tables import (
    Answer,
    Batch,
    BatchItem,
    Item,
    Label,
    Proposal,
    Question,
    Snapshot,
    Source,
    utc_now,
)
from blocks.errors import BadOption, NotEnoughData
from blocks.storage.stores import FolderStore, Store
from tasks.dataset.certificates import issue_certificate
from tasks.dataset.formats.opened import open_dataset
from tasks.dataset.snapshots import take_snapshot
from tasks.dataset.take_along import take_along
from tasks.detect.backends.safe_weights import quiet_ultralytics
from tasks.intake.folders import find_images, take_in
from tests.dataset.scenes import draw_scene, label_row, settle_scenes

SPLITS = {"s0": "train", "s1": "val", "s2": "test"}
NAMES = ["north/a.png", "south/a.png", "south/b (2).png", "größe 100%.png", "停車場/a.png", "south/a.jpg"]


@pytest.fixture
def ids(engine: Engine, store: Store) -> list[str]:
    """Six settled pictures, two in each split; three are called `a.png`, and `a.jpg` lies beside one of them."""
    scenes = [draw_scene(n, sequence=f"s{n % 3}", squares=n) for n in range(6)]
    ids = settle_scenes(engine, store, scenes, SPLITS)
    note_names(engine, dict(zip(NAMES, ids, strict=True)))
    return ids


def note_names(engine: Engine, by_name: dict[str, str], state: str = "taken") -> None:
    with writing(engine) as session:
        rows = [
            {"collection": "lot", "uri": Path("/photos", name).as_uri(), "item_id": item_id, "state": state}
            for name, item_id in by_name.items()
        ]
        upsert(session, Source, rows)


def read_coco(folder: Path, split: str) -> COCO:
    with redirect_stdout(StringIO()):
        return COCO(str(folder / "annotations" / f"instances_{split}.json"))


def settled(engine: Engine) -> set[tuple[str, float, float, float, float]]:
    with reading(engine) as session:
        rows = session.exec(select(Label).where(Label.retracted == False)).all()  # noqa: E712 SQL
    return {(row.class_name, row.x_min, row.y_min, row.x_max - row.x_min, row.y_max - row.y_min) for row in rows}


def test_who_made_a_picture_leaves_with_it_in_coco_and_json_lines(
    engine: Engine, store: Store, ids: list[str], tmp_path: Path
) -> None:
    facts = {"page_url": None, "title": "A cat", "licence_url": "https://l.org/by"}
    of = [ids[0], ids[0], ids[1], ids[2]]  # the first picture is offered at two addresses
    with writing(engine) as session:
        for n, item_id in enumerate(of):
            url = f"https://e.org/{n}.jpg"
            row = {"collection": "lot", "item_id": item_id, "uri": url, "url": url, **facts}
            upsert(session, Origin, [{**row, "author": f"Ann {n}", "licence": "CC BY"}])
    take_along(engine, store, "lot", tmp_path / "coco", "coco", "none")
    made = {}
    for split in ("train", "val", "test"):
        data = json.loads((tmp_path / "coco" / "annotations" / f"instances_{split}.json").read_text())
        licences = {row["id"]: (row["name"], row["url"]) for row in data["licenses"]}
        credited = [row for row in data["images"] if "coco_url" in row]
        made |= {row["coco_url"]: (row["author"], licences[row["license"]]) for row in credited}
        assert all(row["title"] == "A cat" and "page_url" not in row for row in credited)
        assert read_coco(tmp_path / "coco", split).imgs
    by = ("CC BY", "https://l.org/by")
    assert made == {f"https://e.org/{n}.jpg": (f"Ann {n}", by) for n in (0, 2, 3)}
    take_along(engine, store, "lot", tmp_path / "jsonl", "jsonl", "none")
    lines = [json.loads(line) for line in (tmp_path / "jsonl" / "labels.jsonl").read_text().splitlines()[1:]]
    authors = {row["item"]: row.get("credit", {}).get("author") for row in lines}
    assert authors == {**dict.fromkeys(ids), ids[0]: "Ann 0", ids[1]: "Ann 2", ids[2]: "Ann 3"}


def test_pycocotools_reads_what_was_settled(engine: Engine, store: Store, ids: list[str], tmp_path: Path) -> None:
    result = take_along(engine, store, "lot", tmp_path / "out", "coco", "copy")
    found, names = set(), []
    for split in ("train", "val", "test"):
        coco = read_coco(tmp_path / "out", split)
        names += [image["file_name"] for image in coco.dataset["images"]]
        classes = {row["id"]: row["name"] for row in coco.dataset["categories"]}
        assert classes == {1: "blue", 2: "red"}
        for row in coco.loadAnns(coco.getAnnIds()):
            found.add((classes[row["category_id"]], *row["bbox"]))
            assert row["area"] == row["bbox"][2] * row["bbox"][3]
        for image in coco.dataset["images"]:
            picture = cv2.imread(str(tmp_path / "out" / "images" / split / image["file_name"]))
            assert picture is not None
            assert picture.shape[:2] == (image["height"], image["width"])
    assert found == settled(engine)
    assert sorted(names) == sorted(NAMES)
    assert dict(result.pictures) == {"train": 2, "val": 2, "test": 2}
    assert sum(result.labels.values()) == 15


def test_ultralytics_reads_what_was_settled(engine: Engine, store: Store, ids: list[str], tmp_path: Path) -> None:
    quiet_ultralytics()
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    out = tmp_path / "out"
    take_along(engine, store, "lot", out, "yolo", "copy")
    out = out.rename(tmp_path / "moved")
    data = check_det_dataset(str(out / "data.yaml"), autodownload=False)
    assert data["names"] == {0: "blue", 1: "red"}
    boxes = pictures = 0
    for split in ("train", "val", "test"):
        dataset = YOLODataset(img_path=data[split], data=data, task="detect", augment=False)
        pictures += len(dataset.labels)
        boxes += sum(len(each["cls"]) for each in dataset.labels)
    assert (pictures, boxes) == (6, 15)


def test_pictures_that_would_share_a_label_file_do_not(
    engine: Engine, store: Store, ids: list[str], tmp_path: Path
) -> None:
    with writing(engine) as session:
        session.exec(update(Item).values(sequence="s0"))
    result = take_along(engine, store, "lot", tmp_path / "out", "yolo", "copy")
    labels = {path.relative_to(tmp_path / "out/labels/train") for path in (tmp_path / "out/labels").rglob("*.txt")}
    pictures = [path for path in (tmp_path / "out/images").rglob("*") if path.is_file()]
    assert (len(labels), len(pictures)) == (6, 6)
    assert sum("another name" in note for note in result.notes) == 1
    for picture in pictures:
        assert picture.relative_to(tmp_path / "out/images/train").with_suffix(".txt") in labels


@pytest.mark.parametrize("name", ["no suffix", "old.jfif", "line\nbreak.png", 'a"b.png', "x" * 250 + ".png"])
@pytest.mark.parametrize("fmt", ["coco", "yolo"])
def test_every_file_name_can_be_taken_along(engine: Engine, store: Store, tmp_path: Path, name: str, fmt: Any) -> None:
    (item_id,) = settle_scenes(engine, store, [draw_scene(1)], SPLITS)
    note_names(engine, {name: item_id})
    result = take_along(engine, store, "lot", tmp_path / "out", fmt, "copy")
    (picture,) = [path for path in (tmp_path / "out" / "images").rglob("*") if path.is_file()]
    assert cv2.imread(str(picture)) is not None
    assert sum(result.pictures.values()) == 1
    if fmt == "yolo":
        assert picture.suffix == ".png"
        assert Path(str(picture.with_suffix(".txt")).replace("/images/", "/labels/")).is_file()


def test_a_class_may_be_called_anything(engine: Engine, store: Store, tmp_path: Path) -> None:
    (item_id,) = settle_scenes(engine, store, [draw_scene(1, squares=0)], SPLITS)
    note_names(engine, {"a.png": item_id})
    names = ["yes", "1", "a: b", "- x", "größe 100 %", "{a}", "'quoted'", "🚗", "null", "#1"]
    with writing(engine) as session:
        rows = [label_row(item_id, f"c{n}", name, (n, 0, n + 5, 5)) for n, name in enumerate(names)]
        upsert(session, Label, rows)
    take_along(engine, store, "lot", tmp_path / "yolo", "yolo", "none")
    take_along(engine, store, "lot", tmp_path / "coco", "coco", "none")
    data = yaml.safe_load((tmp_path / "yolo" / "data.yaml").read_text(encoding="utf-8"))
    assert data["names"] == dict(enumerate(sorted(names)))
    assert [row["name"] for row in read_coco(tmp_path / "coco", "train").dataset["categories"]] == sorted(names)


def test_links_lead_to_the_store_and_none_writes_no_picture(
    engine: Engine, store: FolderStore, ids: list[str], tmp_path: Path
) -> None:
    take_along(engine, store, "lot", tmp_path / "links", "yolo", "link")
    links = [path for path in (tmp_path / "links" / "images").rglob("*") if not path.is_dir()]
    assert len(links) == 6
    assert all(path.is_symlink() and path.resolve().is_relative_to(store.root) for path in links)
    take_along(engine, store, "lot", tmp_path / "none", "coco", "none")
    assert not (tmp_path / "none" / "images").exists()


def test_what_has_no_settled_label_is_counted_by_why(engine: Engine, store: Store, tmp_path: Path) -> None:
    scenes = [draw_scene(n) for n in range(4)]
    ids = settle_scenes(engine, store, scenes, SPLITS)
    with writing(engine) as session:
        session.exec(update(BatchItem).where(BatchItem.item_id == ids[1]).values(settled_at=None))
        session.exec(update(BatchItem).where(BatchItem.item_id == ids[2]).values(set_aside="too large"))
    note_names(engine, dict(zip("abcd", ids, strict=True)))
    with writing(engine) as session:
        upsert(session, Source, [{"collection": "lot", "uri": "file:///x", "item_id": None, "state": "set_aside"}])
    result = take_along(engine, store, "lot", tmp_path / "out", "coco", "none")
    assert sum(result.pictures.values()) == 2
    assert sorted(result.left_out.values()) == [1, 1, 1]
    assert json.loads((tmp_path / "out" / "snapshot.json").read_text())["left_out"] == result.left_out


def test_an_export_is_no_snapshot_and_a_certificate_of_the_same_truth_lies_beside_it(
    engine: Engine, store: Store, ids: list[str], tmp_path: Path
) -> None:
    before = take_along(engine, store, "lot", tmp_path / "before", "coco", "none")
    assert not before.has_certificate
    with reading(engine) as session:
        assert session.exec(select(Snapshot)).all() == [], "new labels are counted from the last snapshot on"
    snapshot = take_snapshot(engine, store, "lot")
    assert snapshot.id == before.snapshot.id
    issue_certificate(engine, store, snapshot.id)
    after = take_along(engine, store, "lot", tmp_path / "after", "coco", "none")
    assert after.has_certificate
    assert json.loads((tmp_path / "after" / "certificate.json").read_text())["snapshot"] == snapshot.id


@pytest.mark.parametrize("there", ["file", "full", "link", "closed"])
def test_a_place_that_is_taken_or_closed_is_refused_and_left_as_it_is(
    engine: Engine, store: Store, ids: list[str], tmp_path: Path, there: str
) -> None:
    place = tmp_path / "out"
    if there == "file":
        place.write_text("mine")
    elif there == "full":
        place.mkdir()
        (place / "mine.txt").write_text("mine")
    elif there == "link":
        place.symlink_to(tmp_path)
    else:
        place = Path("/proc/out")  # nobody may write there
    before = sorted(tmp_path.iterdir())
    with pytest.raises(BadOption, match=r"no folder|not empty|cannot be written"):
        take_along(engine, store, "lot", place, "coco", "copy")
    assert sorted(tmp_path.iterdir()) == before


def test_an_empty_folder_is_filled_and_a_crash_leaves_it_empty(
    engine: Engine, store: FolderStore, ids: list[str], tmp_path: Path
) -> None:
    place = tmp_path / "out"
    place.mkdir()
    lost = next(path for path in store.root.rglob("*.png"))
    kept = lost.rename(tmp_path / "kept.png")
    with pytest.raises(Exception, match="no object"):
        take_along(engine, store, "lot", place, "yolo", "copy")
    assert list(place.iterdir()) == []
    kept.rename(lost)
    take_along(engine, store, "lot", place, "yolo", "copy")
    assert (place / "data.yaml").is_file()


def test_without_settled_labels_there_is_nothing_to_take_along(engine: Engine, store: Store, tmp_path: Path) -> None:
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b", "collection": "lot"}])
    with pytest.raises(NotEnoughData, match="'lot' has no settled item"):
        take_along(engine, store, "lot", tmp_path / "out", "coco", "copy")
    assert not (tmp_path / "out").exists()


def test_names_as_long_as_a_file_system_takes_end_no_export(engine: Engine, store: Store, tmp_path: Path) -> None:
    ids = settle_scenes(engine, store, [draw_scene(n, sequence="s0", squares=n) for n in range(4)], {"s0": "train"})
    names = [f"{'x' * 250}.jfif", f"{'停' * 83}.jpg", f"{'停' * 83}.png", f"{'🚗' * 62}.gif"]
    note_names(engine, dict(zip(names, ids, strict=True)))
    take_along(engine, store, "lot", tmp_path / "out", "yolo", "copy")
    images, labels = (
        {path.stem for path in (tmp_path / "out" / kind / "train").iterdir()} for kind in ("images", "labels")
    )
    assert images == labels
    assert len(labels) == 4


def test_what_a_killed_export_left_is_begun_anew_and_two_at_once_are_refused(
    engine: Engine, store: FolderStore, ids: list[str], tmp_path: Path
) -> None:
    place = tmp_path / "new" / "out"

    def parts() -> list[str]:
        return sorted(path.name for path in place.parent.iterdir())

    killed = """
import os, sys
from pathlib import Path
from blocks.database.engine import open_engine
from blocks.storage.stores import FolderStore
from tasks.dataset import take_along as ours
from tasks.dataset.formats.writing.target import Target
Target.count = lambda *_: os.kill(os.getpid(), 9)  # after the first picture was put there
ours.take_along(open_engine(sys.argv[1]), FolderStore(Path(sys.argv[2])), "lot", Path(sys.argv[3]), "yolo", "copy")
"""
    command = [sys.executable, "-c", killed, str(engine.url), str(store.root), str(place)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    (room,) = parts()
    with (place.parent / room / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BadOption, match="another export is writing"):
            take_along(engine, store, "lot", place, "yolo", "copy")
    take_along(engine, store, "lot", place, "yolo", "copy")
    assert parts() == ["out"]
    assert len([path for path in (place / "images").rglob("*") if path.is_file()]) == 6


def test_pictures_that_do_not_fit_the_disk_are_refused_before_one_is_written(
    engine: Engine, store: Store, ids: list[str], tmp_path: Path
) -> None:
    with writing(engine) as session:
        session.exec(update(Item).values(size_bytes=1 << 50))
    with pytest.raises(BadOption, match=r"the pictures take 6755399\.44 GB, and .* GB are free"):
        take_along(engine, store, "lot", tmp_path / "out", "coco", "copy")
    assert not (tmp_path / "out").exists()
    take_along(engine, store, "lot", tmp_path / "out", "coco", "link")


def test_what_other_readers_choke_on_is_said_before_and_mended(engine: Engine, store: Store, tmp_path: Path) -> None:
    (item_id,) = settle_scenes(engine, store, [draw_scene(1, squares=0)], SPLITS)
    note_names(engine, {"a.png": item_id})
    boxes = [(10, 10, 30, 20), (10, 10, 30, 20), (150, 80, 170, 90), (200, 10, 220, 20)]
    with writing(engine) as session:
        upsert(session, Label, [label_row(item_id, f"r{n}", "red", box) for n, box in enumerate(boxes)])
    said: list[str] = []

    def note(line: str) -> None:
        assert list(tmp_path.glob("*out*")) == [], "nothing is written yet"
        said.append(line)

    result = take_along(engine, store, "lot", tmp_path / "out", "yolo", "copy", note)
    told = "4 labels with who or what made them (origin): yolo has no room for that (formats that have: coco, cvat"
    assert said[0].startswith(told)
    assert sorted(said[1:]) == [
        "1 boxes beyond the border of their picture, cut at it",
        "1 labels that another one says already (same class, kind and place), left out",
        "1 labels without an area inside their picture, left out",
    ]
    assert dict(result.labels) == {"red": 2}
    rows = (tmp_path / "out" / "labels" / "train" / "a.txt").read_text().splitlines()
    assert rows == ["0 0.12500000 0.15625000 0.12500000 0.10416667", "0 0.96875000 0.88541667 0.06250000 0.10416667"]


def test_json_lines_hold_where_a_label_comes_from(engine: Engine, store: Store, ids: list[str], tmp_path: Path) -> None:
    asked = {"id": "q1", "queue": "mark-missed", "batch_id": "b1", "item_id": ids[1], "payload": {}}
    said = {"id": "a1", "question_id": "q1", "annotation_id": 1, "person": "ada@example.org", "seconds": 12.5}
    said |= {"state": "counted", "raw": [], "answered_at": utc_now(), "heard_by": "poll"}
    seen = {"id": "p1", "item_id": ids[1], "detector": "v7", "recipe": "r", "class_name": "red", "score": 0.75}
    seen |= dict(zip(("x_min", "y_min", "x_max", "y_max"), (1, 1, 9, 9), strict=True)) | {"view": "tile"}
    with writing(engine) as session:
        upsert(session, Question, [asked])
        upsert(session, Answer, [said])
        upsert(session, Proposal, [seen])
        chain = {"proposal_id": "p1", "answer_id": "a1", "kind": "crimson"}
        upsert(session, Label, [label_row(ids[1], "p1", "red", (1, 1, 9, 9), **chain)])
    take_along(engine, store, "lot", tmp_path / "out", "jsonl", "none")
    head, *rows = map(json.loads, (tmp_path / "out" / "labels.jsonl").read_text().splitlines())
    assert (head["collection"], head["classes"], len(rows)) == ("lot", ["blue", "red"], 6)
    (found,) = [label for row in rows for label in row["labels"] if label["region"] == "p1"]
    known = {"score": 0.75, "model": "v7", "person": "ada@example.org", "seconds": 12.5, "kind": "crimson"}
    assert found.items() >= {**known, "queue": "mark-missed", "origin": "person", "proposal": "p1"}.items()
    with open_dataset(tmp_path / "out") as dataset:
        (back,) = [label for each in dataset.pictures() for label in each.labels or () if label.kind]
    assert (back.kind, back.score, back.attributes["person"]) == ("crimson", 0.75, "ada@example.org")


@pytest.mark.parametrize("fmt", ["coco", "yolo", "voc", "cvat", "label-studio", "csv", "jsonl", "fiftyone"])
def test_an_export_is_a_folder_of_pictures_and_nothing_that_is_none(
    engine: Engine, store: Store, ids: list[str], tmp_path: Path, fmt: Any
) -> None:
    issue_certificate(engine, store, take_snapshot(engine, store, "lot").id)
    take_along(engine, store, "lot", tmp_path / "out", fmt, "copy")
    report = take_in(engine, store, "again", find_images(tmp_path / "out"))
    assert (report.offered, report.taken, report.set_aside) == (6, 6, ())


def below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_earlier_export_is_replaced_only_when_asked_and_said_before(
    engine: Engine, store: Store, ids: list[str], tmp_path: Path
) -> None:
    place = tmp_path / "out"
    take_along(engine, store, "lot", place, "coco", "copy")
    before = below(place)
    with pytest.raises(BadOption, match=r"not empty.*--overwrite replaces"):
        take_along(engine, store, "lot", place, "yolo", "none")
    assert below(place) == before
    said: list[str] = []
    take_along(engine, store, "lot", place, "yolo", "none", said.append, overwrite=True)
    assert "holds an export of 'lot'" in said[0]
    assert (place / "data.yaml").is_file()
    assert not (place / "annotations").exists()
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".labelline")]


@pytest.mark.parametrize("mine", ["notes.txt", "images/train/mine.png", "link"])
def test_what_no_export_wrote_is_never_replaced(
    engine: Engine, store: Store, ids: list[str], tmp_path: Path, mine: str
) -> None:
    place = tmp_path / "out"
    take_along(engine, store, "lot", place, "coco", "copy")
    if mine == "link":
        (place / mine).symlink_to(tmp_path)
    else:
        (place / mine).write_text("mine")
    before = below(place)
    with pytest.raises(BadOption, match=rf"what no export wrote \({mine}\).*Nothing was changed"):
        take_along(engine, store, "lot", place, "coco", "copy", overwrite=True)
    assert below(place) == before


@pytest.mark.parametrize("facts", ["", "{", "[]", '{"snapshot": "abc"}'])
def test_a_folder_without_an_export_is_not_overwritten(
    engine: Engine, store: Store, ids: list[str], tmp_path: Path, facts: str
) -> None:
    place = tmp_path / "out"
    place.mkdir()
    (place / "mine.txt").write_text("mine")
    if facts:
        (place / "snapshot.json").write_text(facts)
    before = below(place)
    with pytest.raises(BadOption, match="holds no export that could be replaced"):
        take_along(engine, store, "lot", place, "coco", "copy", overwrite=True)
    assert below(place) == before


def test_a_replacement_that_fails_or_is_killed_leaves_the_earlier_export(
    engine: Engine, store: FolderStore, ids: list[str], tmp_path: Path
) -> None:
    place = tmp_path / "out"
    take_along(engine, store, "lot", place, "coco", "none")
    before = below(place)
    killed = """
import os, sys
from pathlib import Path
from blocks.database.engine import open_engine
from blocks.storage.stores import FolderStore
from tasks.dataset import take_along as ours
move = Path.replace
def die(self, target):  # once the earlier export has left its place
    move(self, target)
    os.kill(os.getpid(), 9)
Path.replace = die
engine, store = open_engine(sys.argv[1]), FolderStore(Path(sys.argv[2]))
ours.take_along(engine, store, "lot", Path(sys.argv[3]), "yolo", "none", overwrite=True)
"""
    command = [sys.executable, "-c", killed, str(engine.url), str(store.root), str(place)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not place.exists()
    lost = next(store.root.rglob("*.png"))
    kept = lost.rename(tmp_path / "kept.png")
    with pytest.raises(Exception, match="no object"):
        take_along(engine, store, "lot", place, "yolo", "copy", overwrite=True)
    assert below(place) == before
    kept.rename(lost)
    take_along(engine, store, "lot", place, "yolo", "copy", overwrite=True)
    assert (place / "data.yaml").is_file()
