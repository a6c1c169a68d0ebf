"""Train, val and test of a dataset stay what they are, where that parts no sequence and there is a part to test on."""

from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.deletion import delete_rows
from blocks.database.engine import reading
from blocks.database.tables import SequenceSplit
from blocks.storage.stores import Store
from tasks.dataset.take_along import take_along
from tests.dataset.imports.world import COLLECTION, bring, draw, write

ROW = "0 0.5 0.5 0.2 0.2"


def dataset(folder: Path, names: list[str]) -> Path:
    for name in names:
        draw(folder / "images" / f"{name}.png")
        write(folder / "labels" / f"{name}.txt", ROW)
    write(folder / "classes.txt", "car")
    return folder


def splits(engine: Engine) -> dict[str, str]:
    with reading(engine) as session:
        return {row.sequence: row.split for row in session.exec(select(SequenceSplit))}


def test_the_datasets_own_parts_are_kept(engine: Engine, store: Store, tmp_path: Path) -> None:
    names = ["train/a", "val/b", "test/c", "test/d", "train/e"]
    bring(engine, store, dataset(tmp_path / "set", names))
    assert {name.rpartition("/")[2]: split for name, split in splits(engine).items()} == {
        "a": "train",
        "b": "val",
        "c": "test",
        "d": "test",
        "e": "train",
    }


def test_a_dataset_without_a_part_to_test_on_is_split_by_the_collections_own_rule(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    bring(engine, store, dataset(tmp_path / "set", [f"train/{name}" for name in "abcd"]))
    assert set(splits(engine).values()) == {"train", "val", "test"}


def test_a_sequence_that_the_dataset_parts_stays_whole(engine: Engine, store: Store, tmp_path: Path) -> None:
    names = ["train/flight-1", "test/flight-2", "test/other"]
    bring(engine, store, dataset(tmp_path / "set", names), sequence_pattern="(flight|other)")
    assert set(splits(engine)) == {"flight", "other"}
    assert splits(engine)["other"] == "test"
    assert splits(engine)["flight"] == "train", "by the rule: nothing to train on would be left"


def test_one_sequence_is_parted_by_exporting_deleting_and_importing_with_a_pattern(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    bring(engine, store, dataset(tmp_path / "set", [f"img_{number:03}" for number in range(12)]))
    out = tmp_path / "out"
    assert take_along(engine, store, COLLECTION, out, "yolo", "copy").pictures == {"train": 12}
    bring(engine, store, out, collection="other", sequence_pattern="(.+)")
    other = take_along(engine, store, "other", tmp_path / "other", "yolo", "copy").pictures
    assert other == {"train": 12}, "a picture keeps the sequence that it was first taken in with"
    delete_rows(engine, "other")
    delete_rows(engine, COLLECTION)
    bring(engine, store, out, sequence_pattern="(.+)")
    parted = take_along(engine, store, COLLECTION, tmp_path / "parted", "yolo", "copy").pictures
    assert all(parted[split] for split in ("train", "val", "test")), parted
    assert sum(parted.values()) == 12
