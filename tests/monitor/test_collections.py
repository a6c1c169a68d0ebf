"""All collections at a glance: counted per collection, an edited answer once, and nobody's pictures among another's."""

from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import upsert, writing
from blocks.database.tables import BatchItem, Source
from blocks.storage.stores import FolderStore
from tasks.monitor.collections import read_collections
from tests.dataset.scenes import draw_scene, settle_scenes
from tests.review.builders import make_batch, put_answer, questions, write_missed


def sources(engine: Engine, collection: str, item_ids: list[str | None], folder: str) -> None:
    rows = [
        {"collection": collection, "uri": f"file://{folder}/{n}.png", "item_id": item, "state": "taken"}
        | ({} if item else {"state": "set_aside", "reason": "no picture"})
        for n, item in enumerate(item_ids)
    ]
    with writing(engine) as session:
        upsert(session, Source, rows)


def test_an_empty_catalogue_has_no_collections(engine: Engine) -> None:
    assert read_collections(engine) == []


def test_each_collection_is_counted_for_itself(engine: Engine, store: FolderStore) -> None:
    scenes = [draw_scene(0, squares=3), draw_scene(1, squares=2), draw_scene(2, squares=1)]
    ids = settle_scenes(engine, store, scenes, {"s0": "train"}, collection="lots")
    with writing(engine) as session:
        place = session.exec(select(BatchItem).where(BatchItem.item_id == ids[2])).one()
        place.settled_at = None
        session.add(place)
    sources(engine, "lots", [*ids, None], "/pictures/lots")
    make_batch(engine, items=2, batch_id="b2", collection="roads", first=10)
    write_missed(engine, "b2")
    sources(engine, "roads", [one.item_id for one in questions(engine)], "/pictures/roads")
    lots, roads = read_collections(engine)
    assert (lots.name, lots.pictures, lots.settled, lots.files_set_aside, lots.labels) == ("lots", 3, 2, 1, 5)
    assert lots.by_class == {"blue": 2, "red": 3}
    assert lots.by_origin == {"person": 5}
    assert (lots.open_questions, lots.folders) == (0, ("file:///pictures/lots",))
    assert (roads.name, roads.pictures, roads.settled, roads.labels, roads.open_questions) == ("roads", 2, 0, 0, 2)
    assert (roads.open_batches, roads.unbatched) == (1, 0)


def test_an_edited_answer_counts_with_its_longest_version_and_each_person_counts(engine: Engine) -> None:
    make_batch(engine, items=1)
    write_missed(engine)
    (question,) = questions(engine)
    put_answer(engine, question, "1", 10.0, "ann@example.org", 5)
    put_answer(engine, question, "2", 14.0, "ann@example.org", 5)
    put_answer(engine, question, "1", 3.0, "bob@example.org", 6)
    (row,) = read_collections(engine)
    assert (row.human_seconds, row.seconds_per_label) == (17.0, None)


def test_pictures_that_no_batch_has_taken_are_told(engine: Engine, store: FolderStore, tmp_path: Path) -> None:
    ids = settle_scenes(engine, store, [draw_scene(0)], {"s0": "train"}, collection="lots")
    make_batch(engine, items=1, batch_id="elsewhere", collection="roads", first=3)
    other = "".join(item.item_id for item in _places(engine, "elsewhere"))
    sources(engine, "lots", [*ids, other], str(tmp_path))
    lots = next(row for row in read_collections(engine) if row.name == "lots")
    assert (lots.pictures, lots.unbatched) == (2, 1)


def _places(engine: Engine, batch_id: str) -> list[BatchItem]:
    with writing(engine) as session:
        return list(session.exec(select(BatchItem).where(BatchItem.batch_id == batch_id)).all())
