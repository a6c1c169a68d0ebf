"""Batches are filled once and stay as they are; shards cover them; what is set aside keeps its place."""

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Source
from blocks.errors import BadInput, BadOption
from tasks.intake.batches import BatchRef, Shard, items_of, open_batch, set_aside, shards


def fill(engine: Engine, names: str, collection: str = "lots") -> None:
    """Put one item per letter into a collection, in that order."""
    item = {
        "key": "k",
        "name": "n",
        "sequence": "s",
        "media_type": "image/png",
        "size_bytes": 1,
        "width": 1,
        "height": 1,
        "plain": True,
    }
    with writing(engine) as session:
        upsert(session, Item, [{**item, "id": name} for name in names])
        for name in names:
            upsert(session, Source, [{"collection": collection, "uri": f"u:{name}", "item_id": name, "state": "taken"}])


def names_of(engine: Engine, batch_id: str) -> str:
    return "".join(item.id for item in items_of(engine, batch_id))


def test_where_there_is_nothing_no_batch_is_written(engine: Engine) -> None:
    assert open_batch(engine, "b1", "lots", 10) == BatchRef(id="b1", collection="lots", size=0)
    assert shards(engine, "b1") == []
    assert items_of(engine, "b1") == []
    fill(engine, "a")
    assert open_batch(engine, "b1", "lots", 10).size == 1


def test_items_are_taken_first_seen_first_and_never_twice(engine: Engine) -> None:
    fill(engine, "zyxw")
    fill(engine, "abc")
    assert open_batch(engine, "b1", "lots", 3, "run-1") == BatchRef(id="b1", collection="lots", size=3)
    assert open_batch(engine, "b2", "lots", 3).size == 3
    assert open_batch(engine, "b3", "lots", 3).size == 1
    assert [names_of(engine, batch) for batch in ("b1", "b2", "b3")] == ["zyx", "wab", "c"]
    assert open_batch(engine, "b4", "lots", 3).size == 0
    with reading(engine) as session:
        assert session.get_one(Batch, "b1").flow_run_id == "run-1"


def test_a_batch_that_is_open_stays_as_it_is(engine: Engine) -> None:
    fill(engine, "ab")
    first = open_batch(engine, "b1", "lots", 10, "run-1")
    fill(engine, "cd")
    assert open_batch(engine, "b1", "lots", 1, "run-2") == first
    assert names_of(engine, "b1") == "ab"


def test_sources_set_aside_and_duplicates_are_no_items_of_their_own(engine: Engine) -> None:
    fill(engine, "a")
    rows = [
        {"collection": "lots", "uri": "u:copy", "item_id": "a", "state": "duplicate"},
        {"collection": "lots", "uri": "u:broken", "item_id": None, "state": "set_aside"},
    ]
    with writing(engine) as session:
        upsert(session, Source, rows)
    assert open_batch(engine, "b1", "lots", 10).size == 1


def test_collections_do_not_take_each_others_items(engine: Engine) -> None:
    fill(engine, "ab", "lots")
    fill(engine, "bc", "roads")
    open_batch(engine, "b1", "lots", 10)
    open_batch(engine, "b2", "roads", 10)
    assert (names_of(engine, "b1"), names_of(engine, "b2")) == ("ab", "bc")
    with pytest.raises(BadOption, match="'b1' belongs to the collection 'lots', not to 'roads'"):
        open_batch(engine, "b1", "roads", 10)


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_of_no_items_is_refused(engine: Engine, size: int) -> None:
    with pytest.raises(BadOption, match="expected 1 or more"):
        open_batch(engine, "b1", "lots", size)


def test_shards_cover_a_batch_without_overlap(engine: Engine) -> None:
    fill(engine, "abcdefg")
    open_batch(engine, "b1", "lots", 10)
    cut = shards(engine, "b1", size=3)
    assert cut == [Shard(batch_id="b1", start=a, stop=b) for a, b in ((0, 3), (3, 6), (6, 7))]
    assert ["".join(item.id for item in items_of(engine, "b1", s.start, s.stop)) for s in cut] == ["abc", "def", "g"]
    assert shards(engine, "b1", size=7) == shards(engine, "b1") == [Shard(batch_id="b1", start=0, stop=7)]
    with pytest.raises(BadOption, match="shards of 0 items"):
        shards(engine, "b1", size=0)


def test_an_item_set_aside_leaves_and_the_others_keep_their_places(engine: Engine) -> None:
    fill(engine, "abc")
    open_batch(engine, "b1", "lots", 10)
    set_aside(engine, "b1", "a", "cannot be decoded")
    set_aside(engine, "b1", "a", "cannot be decoded")
    assert names_of(engine, "b1") == "bc"
    assert [item.id for item in items_of(engine, "b1", 1, 3)] == ["b", "c"]
    assert len(shards(engine, "b1", size=1)) == 3
    assert open_batch(engine, "b1", "lots", 10).size == 3
    with reading(engine) as session:
        rows = session.exec(select(BatchItem).where(BatchItem.item_id == "a")).all()
    assert [(row.position, row.set_aside) for row in rows] == [(0, "cannot be decoded")]


def test_what_is_not_in_the_batch_cannot_be_set_aside(engine: Engine) -> None:
    with pytest.raises(BadInput, match="item x is not in batch 'b1'"):
        set_aside(engine, "b1", "x", "why not")


def test_a_batch_larger_than_one_statement(engine: Engine) -> None:
    with writing(engine) as session:
        base = {"key": "k", "name": "n", "sequence": "s", "media_type": "m", "size_bytes": 1, "width": 1, "height": 1}
        upsert(session, Item, [{**base, "id": f"i{n:05}", "plain": True} for n in range(6_000)])
        rows = [{"uri": f"u{n:05}", "item_id": f"i{n:05}", "state": "taken"} for n in range(6_000)]
        upsert(session, Source, [{"collection": "lots", **row} for row in rows])
    assert open_batch(engine, "b1", "lots", 100_000).size == 6_000
    assert len(shards(engine, "b1", size=512)) == 12
    assert [item.id for item in items_of(engine, "b1", 5_998)] == ["i05998", "i05999"]
