"""A collection is deleted whole, in every table that there is, and nothing of another collection with it."""

import gzip
import json
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select
from sqlmodel import SQLModel

from blocks.database.deletion import count_rows, delete_rows, write_rows
from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Item, Outcome, Source
from blocks.storage.stores import FolderStore
from tests.dataset.scenes import draw_scene, settle_scenes
from tests.review.builders import item_id, make_batch, put_answer, questions, write_missed

BOXES = [("car", 0.4, Outcome.ASK, (100.0, 200.0, 155.0, 244.0))]


def all_rows(engine: Engine) -> dict[str, int]:
    with reading(engine) as session:
        counts = {
            table.name: session.execute(select(func.count()).select_from(table)).scalar_one()
            for table in SQLModel.metadata.sorted_tables
        }
    return {name: count for name, count in counts.items() if count}


def labelled(engine: Engine, store: FolderStore, name: str, first: int) -> None:
    """Write a collection with settled labels, and a batch of three items with proposals, questions and an answer."""
    scenes = [draw_scene(first + n, sequence=name) for n in range(2)]
    settle_scenes(engine, store, scenes, {name: "train"}, collection=name, batch_id=f"{name}-1")
    make_batch(engine, items=3, boxes=BOXES, batch_id=f"{name}-2", collection=name, first=first)
    write_missed(engine, f"{name}-2")
    mine = [one for one in questions(engine) if one.batch_id == f"{name}-2"]
    put_answer(engine, mine[0], "1", 4.0, "ann@example.org", first + 1)
    rows = [
        {"collection": name, "uri": f"{name}/{n}", "item_id": item_id(first + n), "state": "taken"} for n in range(3)
    ]
    with writing(engine) as session:
        upsert(session, Source, rows)


@pytest.fixture
def lots_and_roads(engine: Engine, store: FolderStore) -> Engine:
    labelled(engine, store, "roads", 100)
    return engine


def test_what_one_collection_had_is_gone_and_the_other_is_untouched(lots_and_roads: Engine, store: FolderStore) -> None:
    engine = lots_and_roads
    before = all_rows(engine)
    labelled(engine, store, "lots", 200)
    counted = count_rows(engine, "lots")
    assert {"source", "batch", "batch_item", "question", "answer", "label"} <= counted.keys()
    keys = delete_rows(engine, "lots")
    assert all_rows(engine) == before | {"bookmark": all_rows(engine)["bookmark"]}
    assert len(set(keys)) == 5
    assert count_rows(engine, "lots") == {}
    assert delete_rows(engine, "lots") == []


def test_a_picture_that_another_collection_has_as_well_stays(lots_and_roads: Engine, store: FolderStore) -> None:
    engine = lots_and_roads
    with writing(engine) as session:
        shared = {"collection": "lots", "uri": "lots/0", "item_id": item_id(100), "state": "taken"}
        upsert(session, Source, [shared])
    assert delete_rows(engine, "lots") == []
    with reading(engine) as session:
        assert session.get(Item, item_id(100)) is not None


def test_all_that_goes_is_written_down_first(lots_and_roads: Engine, tmp_path: Path) -> None:
    file = tmp_path / "roads.jsonl.gz"
    count = write_rows(lots_and_roads, "roads", file)
    lines = [json.loads(line) for line in gzip.decompress(file.read_bytes()).decode().splitlines()]
    assert len(lines) == count == sum(count_rows(lots_and_roads, "roads").values())
    (answer,) = [line["row"] for line in lines if line["table"] == "answer"]
    assert (answer["person"], answer["seconds"]) == ("ann@example.org", 4.0)
    with pytest.raises(FileExistsError):
        write_rows(lots_and_roads, "roads", file)


def test_a_collection_that_is_not_there_has_no_rows(lots_and_roads: Engine) -> None:
    assert count_rows(lots_and_roads, "nothing") == {}
