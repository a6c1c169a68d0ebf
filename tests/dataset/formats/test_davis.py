"""DAVIS's PNGs out and in again: exact pixels, numbers that stay an object's own, and files that are something else."""

import json
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from PIL import Image
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, SequenceSplit, utc_now
from blocks.shapes import Mask, shape_columns
from blocks.storage.stores import FolderStore
from tasks.dataset.formats.opened import open_dataset
from tasks.dataset.formats.outlines.davis_numbers import MOST_OBJECTS, palette
from tasks.dataset.formats.reading.pictures import ReadPicture
from tasks.dataset.take_along import take_along
from tasks.intake.label_kinds import note_label_kind
from tasks.kinds.outlines.raster import Raster
from tasks.kinds.outlines.trace import mask_of
from tests.examples import examples
from tests.kinds.outlines.drawn import RASTERS

SIZE = (64, 60)
Said = list[tuple[str, str | None, Mask]]


def settle(engine: Engine, frames: list[Said]) -> str:
    """Write the frames of a sequence as settled items, each with class, track and mask of its objects.

    Their ids are in the reverse order of the frames: those of items are hashes.
    """
    collection = uuid4().hex
    items, places, rows = [], [], []
    for at, said in enumerate(frames):
        id_ = f"{len(frames) - at:04d}{collection}"
        items.append(
            {"id": id_, "key": f"items/{id_}.png", "name": f"{at}.png", "sequence": "walk", "frame": at, "plain": True}
            | {"media_type": "image/png", "size_bytes": 1, "width": SIZE[0], "height": SIZE[1]}
        )
        places.append({"batch_id": collection, "item_id": id_, "position": at, "settled_at": utc_now()})
        rows += [
            {"id": f"{id_}-{n}", "item_id": id_, "region": f"r{n:04d}", "revision": 0, "class_name": name}
            | {"track": track, "origin": "person", "batch_id": collection, **shape_columns(mask)}
            for n, (name, track, mask) in enumerate(said)
        ]
    with writing(engine) as session:
        upsert(session, Batch, [{"id": collection, "collection": collection}])
        upsert(session, Item, items)
        upsert(session, BatchItem, places)
        upsert(session, SequenceSplit, [{"collection": collection, "sequence": "walk", "split": "val"}])
        upsert(session, Label, rows)
    note_label_kind(engine, collection, "masks")
    return collection


def written(engine: Engine, folder: Path, frames: list[Said]) -> tuple[Path, dict[str, int]]:
    place = folder / uuid4().hex
    result = take_along(engine, FolderStore(folder / "objects"), settle(engine, frames), place, "davis", "none")
    return place, dict(result.notes)


def read(folder: Path, fmt: str = "davis") -> tuple[list[ReadPicture], list[str]]:
    with open_dataset(folder, fmt, outlines=True) as dataset:
        return list(dataset.pictures()), [problem.told() for problem in dataset.problems]


def square(left: int, top: int, side: int) -> Mask:
    return mask_of(Raster(left, top, np.ones((side, side), np.bool_)))


def pixels_of(place: Path, frame: int) -> np.ndarray:  # type: ignore[type-arg]
    with Image.open(place / "Annotations" / "walk" / f"{frame:05d}.png") as picture:
        assert picture.mode == "P"
        return np.array(picture)


def test_an_object_that_is_followed_keeps_its_number_and_others_take_a_free_one(engine: Engine, tmp_path: Path) -> None:
    frames: list[Said] = [
        [("dog", "a", square(5 + at, 5, 9)), ("cat", "b", square(40, 40, 7)), ("dog", None, square(25, 30, 5))]
        for at in range(3)
    ]
    frames[1].pop(1)
    place, notes = written(engine, tmp_path, frames)
    assert not notes
    numbers = [pixels_of(place, at) for at in range(3)]
    followed = {int(picture[10, 10]) for picture in numbers}
    assert len(followed) == 1 and {int(picture[32, 27]) for picture in numbers}.isdisjoint(followed)
    assert numbers[0][45, 45] == numbers[2][45, 45] != 0 and numbers[1][45, 45] == 0
    meta = json.loads((place / "meta.json").read_text())["videos"]["walk"]["objects"]
    assert meta[str(numbers[0][45, 45])] == {"category": "cat", "frames": ["00000", "00002"]}
    assert (place / "ImageSets" / "val.txt").read_text() == "walk\n"
    pictures, problems = read(place, "auto")
    assert problems == [] and [picture.split for picture in pictures] == ["val"] * 3
    for picture, said in zip(pictures, frames, strict=True):
        assert {(label.class_name, label.shape) for label in picture.labels or ()} == {
            (name, mask) for name, _, mask in said
        }
    tracks = [{label.track for label in picture.labels or () if label.class_name == "cat"} for picture in pictures]
    assert tracks[0] == tracks[2] and tracks[1] == set()


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(RASTERS)
def test_any_pixels_come_back_as_they_are(engine: Engine, tmp_path: Path, raster: Raster) -> None:
    place, notes = written(engine, tmp_path, [[("cell", None, mask_of(raster))]])
    (picture,), problems = read(place)
    assert not notes and problems == []
    assert [label.shape for label in picture.labels or ()] == [mask_of(raster)]


def test_every_number_has_a_colour_of_its_own_and_nobody_s_is_black() -> None:
    colours = np.array(palette()).reshape(-1, 3).tolist()
    assert colours[:4] == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]  # as DAVIS and PASCAL VOC have them
    assert len({tuple(one) for one in colours}) == 256


@pytest.mark.parametrize("seed", range(4))
def test_many_objects_come_back_to_the_pixel(engine: Engine, tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, 9, (SIZE[1] // 4, SIZE[0] // 4)).repeat(4, axis=0).repeat(4, axis=1)
    said: Said = [("cell" if n % 2 else "rod", None, Mask.of(drawn == n)) for n in range(1, 9)]
    place, _ = written(engine, tmp_path, [said])
    (picture,), problems = read(place)
    assert problems == []
    assert {(one.class_name, one.shape) for one in picture.labels or ()} == {(name, mask) for name, _, mask in said}


def test_shared_pixels_are_the_smaller_object_s_and_it_is_said(engine: Engine, tmp_path: Path) -> None:
    frames: list[Said] = [
        [("dog", None, square(0, 0, 20)), ("cat", None, square(15, 15, 10)), ("cat", None, square(0, 0, 21))]
    ]
    place, notes = written(engine, tmp_path, frames)
    assert notes == {"pixels that two masks share, given to the smaller object": 400 + 36}
    assert pixels_of(place, 0)[17, 17] == pixels_of(place, 0)[24, 24]
    dots: Said = [("cat", None, square(x, y, 1)) for x in (3, 4) for y in (3, 4)]
    _, notes = written(engine, tmp_path, [[("dog", None, square(3, 3, 2)), *dots]])
    assert notes["masks of which others have every pixel, left out"] == 1


def test_more_objects_than_a_byte_counts_are_left_out_and_counted(engine: Engine, tmp_path: Path) -> None:
    frames: list[Said] = [[("ant", None, square(2 * (n % 30), 2 * (n // 30), 1)) for n in range(MOST_OBJECTS + 3)]]
    _, notes = written(engine, tmp_path, frames)
    assert notes == {f"masks beyond the {MOST_OBJECTS} objects that a sequence can have, left out": 3}


def test_frames_are_told_in_order_and_only_those_that_show_an_object(engine: Engine, tmp_path: Path) -> None:
    hidden: Said = [("cat", None, square(x, y, 1)) for x in (3, 4) for y in (3, 4)]
    dog: Said = [("dog", "a", square(3, 3, 2))]
    place, _ = written(engine, tmp_path, [dog, [*dog, *hidden], dog, dog])
    objects = json.loads((place / "meta.json").read_text())["videos"]["walk"]["objects"]
    (frames,) = (one["frames"] for one in objects.values() if one["category"] == "dog")
    assert frames == ["00000", "00002", "00003"]


def test_a_second_mask_of_a_track_has_a_number_of_its_own(engine: Engine, tmp_path: Path) -> None:
    frames: list[Said] = [
        [("dog", "a", square(3, 3, 9))],
        [("dog", "a", square(3, 3, 9)), ("dog", "a", square(30, 30, 5))],
    ]
    place, notes = written(engine, tmp_path, frames)
    assert notes == {"masks whose track has a larger one in the frame, written under another number": 1}
    assert pixels_of(place, 0)[5, 5] == pixels_of(place, 1)[5, 5] != pixels_of(place, 1)[32, 32] != 0


def test_a_track_of_two_classes_is_written_as_both(engine: Engine, tmp_path: Path) -> None:
    frames: list[Said] = [
        [("dog", "a", square(3, 3, 9))],
        [("cat", "a", square(3, 3, 9))],
        [("dog", "a", square(3, 3, 9))],
    ]
    place, notes = written(engine, tmp_path, frames)
    pictures, problems = read(place)
    assert not notes and problems == []
    assert [[label.class_name for label in picture.labels or ()] for picture in pictures] == [["dog"], ["cat"], ["dog"]]
    assert pixels_of(place, 0)[5, 5] == pixels_of(place, 2)[5, 5]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A video as YouTube-VOS has it, of three frames."""
    root = tmp_path / "train"
    for kind in ("Annotations", "JPEGImages"):
        (root / kind / "walk").mkdir(parents=True)
    numbers = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    numbers[10:20, 10:20] = 1
    for at in range(3):
        Image.fromarray(np.zeros((SIZE[1], SIZE[0], 3), np.uint8)).save(root / "JPEGImages/walk" / f"{at:05d}.jpg")
        picture = Image.fromarray(numbers)
        picture.putpalette(palette())
        picture.save(root / "Annotations/walk" / f"{at:05d}.png")
    meta = {"videos": {"walk": {"objects": {"1": {"category": "penguin", "frames": ["00000"]}}}}}
    (root / "meta.json").write_text(json.dumps(meta))
    return tmp_path


def test_a_video_as_others_have_it_is_found_out_and_read(video: Path) -> None:
    pictures, problems = read(video, "auto")
    assert problems == []
    assert [picture.name for picture in pictures] == [f"train/JPEGImages/walk/{at:05d}.jpg" for at in range(3)]
    assert [[(one.class_name, one.track) for one in each.labels or ()] for each in pictures] == [
        [("penguin", "walk/1")]
    ] * 3


def test_a_frame_without_a_png_is_not_known_and_one_without_an_object_is_empty(video: Path) -> None:
    annotations = video / "train/Annotations/walk"
    (annotations / "00000.png").unlink()
    Image.fromarray(np.zeros((SIZE[1], SIZE[0]), np.uint8)).save(annotations / "00001.png")
    pictures, problems = read(video)
    assert [picture.labels if picture.labels is None else len(picture.labels) for picture in pictures] == [None, 0, 1]
    assert len(problems) == 1 and "no labels" in problems[0]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("colours", "has colours (RGB) and no numbers"),
        ("truncated", "no PNG that can be read"),
        ("text", "no PNG that can be read"),
        ("other size", "says that"),
    ],
)
def test_a_png_that_is_none_voids_no_other(video: Path, broken: str, said: str) -> None:
    path = video / "train/Annotations/walk/00001.png"
    if broken == "colours":
        Image.fromarray(np.zeros((SIZE[1], SIZE[0], 3), np.uint8)).save(path)
    elif broken == "other size":
        Image.fromarray(np.ones((30, 32), np.uint8)).save(path)
    else:
        path.write_bytes(path.read_bytes()[:40] if broken == "truncated" else b"no picture")
    pictures, problems = read(video)
    assert [picture.labels is None for picture in pictures] == [False, True, False]
    assert len(problems) == 1 and said in problems[0]


def test_pixels_that_may_be_anything_s_are_nobody_s(video: Path) -> None:
    numbers = np.full((SIZE[1], SIZE[0]), 255, np.uint8)
    numbers[:5, :5] = 1
    Image.fromarray(numbers).save(video / "train/Annotations/walk/00002.png")
    pictures, problems = read(video)
    assert [label.shape for label in pictures[2].labels or ()] == [square(0, 0, 5)]
    assert len(problems) == 1 and "may be anything's" in problems[0]


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8])
def test_white_is_the_object_of_a_sequence_that_has_nothing_else(video: Path, dtype: type) -> None:
    white = np.zeros((SIZE[1], SIZE[0]), np.bool_)
    white[10:20, 10:20] = True
    drawn = white if dtype is np.bool_ else white.astype(np.uint8) * 255
    for at, pixels in enumerate((drawn, drawn & False, drawn)):
        Image.fromarray(pixels).save(video / "train/Annotations/walk" / f"{at:05d}.png")
    pictures, problems = read(video)
    assert [[(one.class_name, one.shape) for one in each.labels or ()] for each in pictures] == [
        [("penguin", square(10, 10, 10))],
        [],
        [("penguin", square(10, 10, 10))],
    ]
    assert len(problems) == (dtype is np.uint8) and all("as DAVIS 2016 has it" in problem for problem in problems)


def test_a_frame_that_is_all_anything_s_has_no_object_where_others_have_numbers(video: Path) -> None:
    Image.fromarray(np.full((SIZE[1], SIZE[0]), 255, np.uint8)).save(video / "train/Annotations/walk/00001.png")
    pictures, problems = read(video)
    assert [len(picture.labels or ()) for picture in pictures] == [1, 0, 1]
    assert len(problems) == 1 and "may be anything's" in problems[0]


@pytest.mark.parametrize("meta", [None, "{", "[]", '{"videos": 7}', '{"videos": {"walk": {"objects": []}}}'])
def test_objects_that_nothing_names_are_called_so_and_it_is_said_once(video: Path, meta: str | None) -> None:
    path = video / "train/meta.json"
    path.unlink() if meta is None else path.write_text(meta)
    pictures, problems = read(video)
    assert {label.class_name for picture in pictures for label in picture.labels or ()} == {"object"}
    assert sum("such are called 'object'" in problem for problem in problems) == 1
