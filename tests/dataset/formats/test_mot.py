"""MOTChallenge, in and out: tracks, frames by their number, classes by name, and files that somebody has mended."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label
from blocks.storage.stores import FolderStore
from tasks.dataset.formats.opened import open_dataset
from tasks.dataset.formats.reading.pictures import ReadPicture
from tasks.dataset.take_along import take_along
from tasks.intake.folders import take_in
from tasks.intake.sequences import assign_splits
from tasks.intake.video.options import VideoOptions
from tests.intake.video.films import draw_frames, write_film


def settle_clip(engine: Engine, store: FolderStore, folder: Path) -> None:
    """A clip of twelve frames with two tracks, of which one leaves, and a label that has none."""
    take_in(
        engine, store, "clip", [write_film(folder / "walk.mp4", draw_frames(12))], videos=VideoOptions(frames="all")
    )
    assign_splits(engine, "clip")
    with reading(engine) as session:
        items = session.exec(select(Item).order_by(Item.frame)).all()  # type: ignore[arg-type]
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b", "collection": "clip"}])
        upsert(
            session,
            BatchItem,
            [
                {"batch_id": "b", "item_id": item.id, "position": at, "settled_at": item.created_at, "route": "ask"}
                for at, item in enumerate(items)
            ],
        )
        rows = []
        for at, item in enumerate(items):
            there = [("a", "car", at), ("b", "bus", 40 - at)] if at < 6 else [("a", "car", at)]
            there += [("", "car", 60)] if at == 3 else []
            rows += [
                {
                    "id": f"{item.id[:8]}-{track}",
                    "item_id": item.id,
                    "region": f"r{track}",
                    "class_name": name,
                    "x_min": float(left),
                    "y_min": 5.25,
                    "x_max": left + 10.5,
                    "y_max": 30.0,
                    "track": track or None,
                    "origin": "person",
                    "batch_id": "b",
                }
                for track, name, left in there
            ]
        upsert(session, Label, rows)


def read(folder: Path) -> tuple[list[ReadPicture], list[str]]:
    with open_dataset(folder, "auto") as dataset:
        return list(dataset.pictures()), [problem.told() for problem in dataset.problems]


def test_a_clip_comes_back_with_its_tracks_frame_by_frame(engine: Engine, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "objects")
    settle_clip(engine, store, tmp_path)
    take_along(engine, store, "clip", tmp_path / "out", "mot", "copy")
    [lines] = (tmp_path / "out").rglob("gt.txt")
    assert lines.parent.parent.name == "walk.mp4"
    assert "seqLength=12" in (lines.parent.parent / "seqinfo.ini").read_text()
    assert lines.read_text().splitlines()[0].endswith(",0.0000,5.2500,10.5000,24.7500,1,2,1")
    pictures, problems = read(tmp_path / "out")
    assert problems == []
    assert [picture.name.rpartition("/")[2] for picture in pictures] == [f"{at:06d}.jpg" for at in range(1, 13)]
    tracks = [{label.track for label in picture.labels or ()} for picture in pictures]
    assert [len(some) for some in tracks] == [2, 2, 2, 3, 2, 2, *[1] * 6]
    assert len(set.union(*tracks)) == 3 and set.intersection(*tracks) == tracks[11]
    assert [
        label.class_name for label in sorted(pictures[0].labels or (), key=lambda one: one.shape.bounds() or ())
    ] == [
        "car",
        "bus",
    ]


def test_frames_leave_in_other_formats_under_names_of_their_own(engine: Engine, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "objects")
    settle_clip(engine, store, tmp_path)
    take_along(engine, store, "clip", tmp_path / "out", "yolo", "copy")
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.jpg")) == [f"walk-{at:06d}.jpg" for at in range(12)]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    folder = tmp_path / "mot" / "street"
    (folder / "img1").mkdir(parents=True)
    (folder / "gt").mkdir()
    for number in (1, 2, 3):
        cv2.imwrite(str(folder / "img1" / f"{number:06d}.jpg"), np.zeros((50, 80, 3), np.uint8))
    return folder


def test_a_file_as_motchallenge_has_it_names_its_classes_by_number(video: Path) -> None:
    (video / "gt" / "gt.txt").write_text("1,7,10,10,20,20,1,1,1\n2,7,12,10,20,20,1,3,0.5\n2,8,1,1,9,9,0,1,1\n")
    pictures, problems = read(video.parent)
    assert [[(label.class_name, label.track) for label in each.labels or ()] for each in pictures] == [
        [("pedestrian", "7")],
        [("car", "7")],
        [],
    ]
    assert len(problems) == 1 and "do not count" in problems[0]


def test_an_older_file_with_places_in_the_world_knows_one_class(video: Path) -> None:
    (video / "gt" / "gt.txt").write_text("1,9,10,10,20.5,20,1,-4.1,-7.3,0\n")
    pictures, _ = read(video.parent)
    assert [label.class_name for label in pictures[0].labels or ()] == ["pedestrian"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1,7,10,10", "expected 6 values"),
        ("0,7,10,10,5,5,1,1,1", "count from 1"),
        ("1,7,10,10,5,5,1,99,1", "class 99 has no name"),
        ("1,7,ten,10,5,5,1,1,1", "could not convert"),
        ("1,5,30,10,5,5,1,1,1", "track 5 is twice in frame 1"),
        ("1,8,10,10,-5,5,1,1,1", "area|x_min"),
        ("1,5.5e400,30,10,5,5,1,1,1", "infinity|convert"),
    ],
)
def test_a_line_that_makes_no_sense_is_said_and_voids_no_other(video: Path, line: str, said: str) -> None:
    (video / "gt" / "gt.txt").write_text(f"1,5,10,10,20,20,1,1,1\n{line}\n2,5,10,10,20,20,1,1,1\n")
    pictures, problems = read(video.parent)
    assert any(re.search(said, problem) for problem in problems), problems
    assert [len(each.labels or ()) for each in pictures[:2]] == [1, 1]


def test_tracks_of_an_import_are_kept_as_truth_and_as_proposals(engine: Engine, tmp_path: Path) -> None:
    from tasks.dataset.imports.plan import PlannedLabel
    from tasks.dataset.imports.proposals import _rows
    from tasks.dataset.imports.regions import as_true_labels
    from tasks.kinds.registry import label_kind
    from tasks.settle.revisions import Home, new_revisions
    from tasks.settle.truth import Settlement, TruthStatus

    box = {"type": "box", "x_min": 0, "y_min": 0, "x_max": 9, "y_max": 9}
    label = PlannedLabel.model_validate({"class_name": "car", "shape": box, "file": "gt.txt", "track": "7"})
    true = as_true_labels(label_kind("tracks"), "i", "item", [label], [])
    home = Home("b", frozenset({"b"}))
    [row] = new_revisions(home, "item", Settlement(TruthStatus.SETTLED, true), [])
    assert row["track"] == "7"
    assert _rows("v", "item", [label])[0]["track"] == "7"
