"""The pictures of the effort bench: which folder, cut how, split how, and taken into a catalogue of a trial's own."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import col, select

from blocks.database import reading, upsert, writing
from blocks.errors import LabellingError
from blocks.stores import Store
from blocks.tables import Item, SequenceSplit, Source
from infra.annotators.truth import KnownWorld, read_world
from tasks.dataset.truth import TruthFormat
from tasks.detect.options import TilingOptions
from tasks.intake.folders import find_images, take_in
from tasks.intake.sequences import assign_splits

OWN_SEQUENCE = "(.+)"
"""Every picture is a sequence of its own: the split is written by name instead."""

Splitter = Callable[[Path, list[str]], dict[str, str]]
"""From the folder and the names of its pictures, in order, to the split of each; empty: split by sequence."""


@dataclass(frozen=True)
class Pictures:
    """A data set as the bench uses it."""

    name: str
    images: str
    fmt: TruthFormat
    tiling: TilingOptions
    split: Splitter
    epochs: int
    from_above: bool = False
    rounds: int = 5
    per_round: int = 20
    pattern: str | None = OWN_SEQUENCE
    mosaic: float = 0.5
    freeze: int = 10
    """The backbone stays as COCO left it: with tens of pictures that costs little, and saves time."""


def by_time(_folder: Path, names: list[str]) -> dict[str, str]:
    """The first 70 % train, the next 10 % choose the epoch, the rest tests: neighbouring frames are nearly equal."""
    edges = (0.7 * len(names), 0.8 * len(names))
    return {name: "train" if at < edges[0] else "val" if at < edges[1] else "test" for at, name in enumerate(names)}


def by_files(folder: Path, names: list[str]) -> dict[str, str]:
    """The data set's own lists."""
    lists = {split: folder / "ImageSets" / "Main" / f"{split}.txt" for split in ("train", "val", "test")}
    known = {name: split for split, path in lists.items() for name in path.read_text().split()}
    return {name: known.get(Path(name).stem, "train") for name in names}


def by_sequence(_folder: Path, _names: list[str]) -> dict[str, str]:
    """Whole sequences, by lot, as intake splits any collection."""
    return {}


ALL: Mapping[str, Pictures] = {
    "starwars": Pictures(
        "starwars", "JPEGImages", "voc", TilingOptions(tile_px=640, whole_image=False), by_time, epochs=8
    ),
    "bccd": Pictures(
        "bccd", "JPEGImages", "voc", TilingOptions(tile_px=640, whole_image=False), by_files, epochs=6, per_round=15
    ),
    "aerial_cars": Pictures(
        "aerial_cars",
        "images",
        "yolo",
        TilingOptions(tile_px=640),
        by_sequence,
        epochs=4,
        from_above=True,
        rounds=4,
        per_round=12,
        pattern=None,
        mosaic=0.0,
    ),
}


def thinned(data: Path, pictures: Pictures, most: int | None, folder: Path) -> Path:
    """Return the data set's folder, or a copy with every n-th picture so that at most `most` are left.

    Raises:
        LabellingError: The data are not there.
    """
    whole = data / pictures.name
    if not (whole / pictures.images).is_dir():
        raise LabellingError(
            f"{whole / pictures.images} is not there: set LABELLINE_DATA to the folder that has {pictures.name}/"
        )
    names = sorted(path.name for path in find_images(whole / pictures.images))
    if most is None or len(names) <= most:
        return whole
    kept = [names[at * len(names) // most] for at in range(most)]
    shutil.copytree(whole, folder, ignore=shutil.ignore_patterns("*.jpg", "*.JPG", "*.png", "*.jpeg"))
    for name in kept:
        shutil.copyfile(whole / pictures.images / name, folder / pictures.images / name)
    stems = {Path(name).stem for name in kept}
    for labels in (folder / "Annotations", folder / "labels"):
        for path in sorted(labels.rglob("*")) if labels.is_dir() else ():
            if path.is_file() and path.suffix in {".xml", ".txt"} and path.stem not in stems | {"classes"}:
                path.unlink()
    return folder


def take_in_pictures(engine: Engine, store: Store, collection: str, pictures: Pictures, folder: Path) -> KnownWorld:
    """Take the pictures into a collection with their splits; returns what is true of them, by item."""
    images, world = folder / pictures.images, read_world(folder, pictures.fmt)
    known = {picture.name for picture in world.pictures.values()}  # nobody could answer about any other
    paths = [path for path in find_images(images) if path.name in known]
    take_in(engine, store, collection, paths, pictures.pattern, folder=images)
    query = (
        select(Item.name, Item.sequence)
        .join(Source, col(Source.item_id) == col(Item.id))
        .where(Source.collection == collection)
        .order_by(col(Item.name))
    )
    with reading(engine) as session:
        sequence_of = dict(session.exec(query).all())
    splits = pictures.split(folder, list(sequence_of))
    rows = [{"collection": collection, "sequence": sequence_of[name], "split": split} for name, split in splits.items()]
    with writing(engine) as session:
        upsert(session, SequenceSplit, rows)
    if not splits:
        assign_splits(engine, collection)
    return world


def read_cells(folder: Path) -> dict[str, dict[str, object]]:
    """Return the finished cells of a bench, by key; none where it never ran."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
