"""The pictures of the effort bench: which folder, how large, cut how, split how, and taken into a catalogue of its own.

Pictures are made smaller before anybody sees them, people included, so that hundreds of trainings fit two cores: what
the bench compares are ways of asking, all on the same pictures.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Item, SequenceSplit, Source
from blocks.errors import LabellingError
from blocks.storage.stores import Store
from infra.annotators.truth import KnownWorld, read_world
from tasks.dataset.formats.published import TruthBox, TruthFormat, read_truth
from tasks.detect.options import TilingOptions
from tasks.intake.folders import find_images, take_in
from tasks.intake.images import Pixels, decode_upright, encode_jpeg
from tasks.intake.sequences import assign_splits

OWN_SEQUENCE = "(.+)"
"""Every picture is a sequence of its own: the split is written by name instead."""

QUALITY = 95
"""JPEG quality of the smaller pictures."""

Splitter = Callable[[Path, list[str]], dict[str, str]]
"""From the data set's folder and the names of its pictures, in order, to their splits; empty: split by sequence."""


@dataclass(frozen=True)
class Pictures:
    """A data set as the bench uses it."""

    name: str
    fmt: TruthFormat
    longest_px: int
    """Larger pictures are made smaller until their longer side is this."""
    tiling: TilingOptions
    split: Splitter
    rounds: tuple[int, ...]
    """Pictures by round: each round asks about more, so that few trainings show where a curve flattens."""
    steps: int
    """Optimizer steps of every training, of every way of asking."""
    lr0: float = 0.003
    """Three times the default of a line: it is what makes so few steps enough (tried on labels by hand only)."""
    from_above: bool = False
    pattern: str | None = OWN_SEQUENCE
    mosaic: float = 0.5
    freeze: int = 10
    """The backbone stays as COCO left it: with tens of pictures that costs little, and saves time."""


STRETCHES = 5
"""A film changes its scenery: with a test at the end alone, labels of the beginning say little about it."""


def by_time(_folder: Path, names: list[str]) -> dict[str, str]:
    """Of each fifth of the time the first 70 % train, the next 10 % choose the epoch, the rest tests.

    Neighbouring frames are nearly equal, so test frames are not drawn one by one, and the frames that choose the epoch
    lie between those that train and those that test.
    """
    stretch = max(1.0, len(names) / STRETCHES)
    place = {name: at % stretch / stretch for at, name in enumerate(names)}
    return {name: "train" if at < 0.7 else "val" if at < 0.8 else "test" for name, at in place.items()}


def by_files(folder: Path, names: list[str]) -> dict[str, str]:
    """The data set's own lists."""
    lists = {split: folder / "ImageSets" / "Main" / f"{split}.txt" for split in ("train", "val", "test")}
    known = {name: split for split, path in lists.items() for name in path.read_text().split()}
    return {name: known.get(Path(name).stem, "train") for name in names}


def by_sequence(_folder: Path, _names: list[str]) -> dict[str, str]:
    """Whole sequences, at random, as intake splits any collection."""
    return {}


TILES_256 = TilingOptions(tile_px=256, whole_image=False, backend="torch")
TILES_320 = TilingOptions(tile_px=320, whole_image=False, backend="torch")
"""Torch throughout: which other back end is fastest here would be found out anew for each of the many detectors."""

ALL: Mapping[str, Pictures] = {
    "starwars": Pictures("starwars", "voc", 256, TILES_256, by_time, rounds=(20, 40, 60), steps=300),
    "bccd": Pictures("bccd", "voc", 320, TILES_320, by_files, rounds=(15, 30, 60), steps=130),
    "aerial_cars": Pictures(
        "aerial_cars",
        "yolo",
        960,
        TILES_320,
        by_sequence,
        rounds=(6, 12, 24),
        steps=100,
        from_above=True,
        pattern=None,
        mosaic=0.0,
    ),
}


def make_smaller(data: Path, pictures: Pictures, most: int | None, folder: Path) -> Path:
    """Write the pictures of a data set smaller, with their labels in YOLO format, and return the folder.

    Args:
        data: The folder of all data sets.
        pictures: Which one.
        most: Take every n-th picture, so that at most so many are left; None: all.
        folder: Where to write; made if absent.

    Raises:
        LabellingError: The data are not there.
    """
    whole = data / pictures.name
    if not whole.is_dir():
        raise LabellingError(f"{whole} is not there: set LABELLINE_DATA to the folder that has {pictures.name}/")
    truth = read_truth(whole, pictures.fmt)
    names = sorted(truth.boxes)
    kept = names if most is None or len(names) <= most else [names[at * len(names) // most] for at in range(most)]
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in truth.classes))
    for name in kept:
        pixels = decode_upright(truth.pictures[name].read_bytes())
        lines = _yolo_lines(truth.boxes[name], truth.classes, pixels.shape[1], pixels.shape[0])
        (folder / "labels" / f"{Path(name).stem}.txt").write_text("".join(lines))
        jpeg = encode_jpeg(_smaller(pixels, pictures.longest_px), QUALITY)
        (folder / "images" / f"{Path(name).stem}.jpg").write_bytes(jpeg)
    return folder


def _smaller(pixels: Pixels, longest_px: int) -> Pixels:
    height, width = pixels.shape[:2]
    gain = longest_px / max(width, height)
    if gain >= 1:
        return pixels
    size_wh = (round(width * gain), round(height * gain))
    return np.asarray(cv2.resize(pixels, size_wh, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _yolo_lines(boxes: Iterable[TruthBox], classes: Sequence[str], width: int, height: int) -> Iterator[str]:
    for box in boxes:
        left, top, right, bottom = box.box_xyxy_px
        middle = f"{(left + right) / 2 / width:.6f} {(top + bottom) / 2 / height:.6f}"
        size = f"{(right - left) / width:.6f} {(bottom - top) / height:.6f}"
        yield f"{classes.index(box.class_name)} {middle} {size}\n"


def take_in_pictures(
    engine: Engine, store: Store, collection: str, pictures: Pictures, folder: Path, original: Path
) -> KnownWorld:
    """Take pictures into a collection with their splits; returns what is true of them, by item.

    Args:
        engine: The catalogue.
        store: Where the pictures go.
        collection: Its name.
        pictures: Which data set.
        folder: Of the smaller pictures.
        original: The data set's own folder, which may say how it is split.
    """
    images, world = folder / "images", read_world(folder, "yolo")
    take_in(engine, store, collection, find_images(images), pictures.pattern, folder=images)
    query = (
        select(Item.name, Item.sequence)
        .join(Source, col(Source.item_id) == col(Item.id))
        .where(Source.collection == collection)
        .order_by(col(Item.name))
    )
    with reading(engine) as session:
        sequence_of = dict(session.exec(query).all())
    splits = pictures.split(original, list(sequence_of))
    rows = [{"collection": collection, "sequence": sequence_of[name], "split": split} for name, split in splits.items()]
    with writing(engine) as session:
        upsert(session, SequenceSplit, rows)
    if not splits:
        assign_splits(engine, collection)
    return world


def read_cells(folder: Path) -> dict[str, dict[str, object]]:
    """Return the finished cells of a bench, by key; none where it never ran."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
