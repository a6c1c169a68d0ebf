import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, SequenceSplit, Snapshot, utc_now
from blocks.errors import BadShape, NotEnoughData, ObjectMissing
from blocks.shapes import Polygon, Whole, shape_columns
from blocks.storage.stores import Store
from tasks.dataset.manifest import ManifestLabel, head_line, is_plain, item_line, read_head, tail_line
from tasks.dataset.snapshots import newest_snapshot, read_snapshot, take_snapshot
from tests.dataset.scenes import draw_scene, label_row, settle_scenes

SPLITS = {"s0": "train", "s1": "val", "s2": "test"}


def three_scenes(engine: Engine, store: Store) -> list[str]:
    return settle_scenes(engine, store, [draw_scene(n, sequence=f"s{n}", squares=n) for n in range(3)], SPLITS)


def test_an_empty_collection_is_refused(engine: Engine, store: Store) -> None:
    with pytest.raises(NotEnoughData, match="'lot' has no settled item"):
        take_snapshot(engine, store, "lot")


def test_counts_classes_and_splits(engine: Engine, store: Store) -> None:
    three_scenes(engine, store)
    ref = take_snapshot(engine, store, "lot")
    assert (ref.items, ref.labels, ref.classes) == (3, 0 + 1 + 2, ("blue", "red"))
    assert ref.splits == {"train": 1, "val": 1, "test": 1}


def test_the_same_truth_is_the_same_snapshot_and_no_new_row(engine: Engine, store: Store) -> None:
    three_scenes(engine, store)
    first, second = take_snapshot(engine, store, "lot"), take_snapshot(engine, store, "lot")
    assert first == second
    with reading(engine) as session:
        assert [row.id for row in session.exec(select(Snapshot)).all()] == [first.id]


def test_the_id_is_the_hash_of_the_file_and_the_file_is_json(engine: Engine, store: Store) -> None:
    three_scenes(engine, store)
    ref = take_snapshot(engine, store, "lot")
    data = store.get(f"snapshots/{ref.id}.json")
    assert hashlib.sha256(data).hexdigest() == ref.id
    assert len(json.loads(data)["items"]) == 3


def test_any_change_of_truth_is_another_snapshot(engine: Engine, store: Store) -> None:
    ids = three_scenes(engine, store)
    before = take_snapshot(engine, store, "lot")
    with writing(engine) as session:
        upsert(session, Label, [label_row(ids[1], "r0", "red", (1.0, 1.0, 9.5, 9.0), revision=1)])
    after = take_snapshot(engine, store, "lot")
    assert after.id != before.id
    assert after.labels == before.labels
    (item,) = read_snapshot(store, after.id).items("val")
    assert item.labels[0].box_xyxy_px == (1.0, 1.0, 9.5, 9.0)


def test_a_retracted_label_is_gone_and_its_item_stays_as_background(engine: Engine, store: Store) -> None:
    ids = three_scenes(engine, store)
    with writing(engine) as session:
        upsert(session, Label, [label_row(ids[1], "r0", "red", (1, 1, 9, 9), revision=1, retracted=True)])
    ref = take_snapshot(engine, store, "lot")
    assert (ref.items, ref.labels) == (3, 2)
    assert [item.labels for item in read_snapshot(store, ref.id).items("val")] == [()]


def test_unsettled_and_set_aside_items_are_left_out(engine: Engine, store: Store) -> None:
    ids = three_scenes(engine, store)
    with writing(engine) as session:
        rows = [
            {"batch_id": "b1", "item_id": ids[0], "position": 0, "settled_at": None, "set_aside": None},
            {"batch_id": "b1", "item_id": ids[1], "position": 1, "settled_at": utc_now(), "set_aside": "truncated"},
        ]
        upsert(session, BatchItem, rows, update=("settled_at", "set_aside"))
    ref = take_snapshot(engine, store, "lot")
    assert [item.id for item in read_snapshot(store, ref.id).items()] == [ids[2]]


def test_truth_of_another_collection_is_not_ours(engine: Engine, store: Store) -> None:
    ids = three_scenes(engine, store)
    before = take_snapshot(engine, store, "lot")
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "other", "collection": "elsewhere"}])
        upsert(session, Label, [label_row(ids[0], "rx", "tree", (0, 0, 5, 5), "other")])
    assert take_snapshot(engine, store, "lot") == before


def test_a_sequence_without_a_split_is_refused_since_it_could_leak(engine: Engine, store: Store) -> None:
    settle_scenes(engine, store, [draw_scene(0, sequence="new")], {"old": "train"})
    with pytest.raises(NotEnoughData, match="'new' of collection 'lot' is in no split"):
        take_snapshot(engine, store, "lot")


def test_no_sequence_is_in_two_splits(engine: Engine, store: Store) -> None:
    scenes = [draw_scene(n, sequence=f"s{n % 3}") for n in range(9)]
    settle_scenes(engine, store, scenes, SPLITS)
    split_of: dict[str, set[str]] = {}
    for item in read_snapshot(store, take_snapshot(engine, store, "lot").id).items():
        split_of.setdefault(item.sequence, set()).add(item.split)
    assert split_of == {name: {split} for name, split in SPLITS.items()}


def test_the_manifest_holds_provenance_and_kind(engine: Engine, store: Store) -> None:
    ids = three_scenes(engine, store)
    with writing(engine) as session:
        upsert(session, Label, [label_row(ids[0], "k", "red", (0, 0, 5, 5), kind="crimson", origin="machine")])
    ref = take_snapshot(engine, store, "lot")
    (item,) = read_snapshot(store, ref.id).items("train")
    (label,) = item.labels
    assert (label.class_name, label.kind, label.origin, label.batch_id) == ("red", "crimson", "machine", "b1")


def test_a_damaged_manifest_is_refused(engine: Engine, store: Store) -> None:
    three_scenes(engine, store)
    ref = take_snapshot(engine, store, "lot")
    key = f"snapshots/{ref.id}.json"
    store.put(key, store.get(key)[:-40])
    with pytest.raises(ObjectMissing, match="changed or cut short"):
        read_snapshot(store, ref.id)


def test_splits_of_other_collections_do_not_count(engine: Engine, store: Store) -> None:
    three_scenes(engine, store)
    with writing(engine) as session:
        upsert(session, SequenceSplit, [{"collection": "elsewhere", "sequence": "s0", "split": "test"}])
    assert take_snapshot(engine, store, "lot").splits == {"train": 1, "val": 1, "test": 1}


FORMAT_1 = (
    '{"classes":["red"],"collection":"lot","format":"labelline-snapshot-1","items":[\n'
    '{"height":48,"id":"i","key":"items/i","labels":[{"answer_id":null,"batch_id":"b1","box_xyxy_px":[1.0,1.0,9.5,9.0],'
    '"class_name":"red","id":"l","kind":null,"kind_answer_id":null,"origin":"machine","proposal_id":null,'
    '"region":"r","revision":0}],"name":"a.png","sequence":"s","split":"test","width":64}\n]}\n'
)


def test_a_manifest_of_format_1_is_read_and_would_be_written_the_same(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(FORMAT_1)
    snapshot_id = hashlib.sha256(FORMAT_1.encode()).hexdigest()
    store.put(f"snapshots/{snapshot_id}.json", path, "application/json")
    manifest = read_snapshot(store, snapshot_id)
    (item,) = manifest.items()
    assert (manifest.kind, manifest.classes, item.labels[0].box_xyxy_px) == ("boxes", ("red",), (1.0, 1.0, 9.5, 9.0))
    assert (item.labels[0].shape, item.labels[0].track, item.length, item.frame) == (None, None, None, None)
    lines = head_line("lot", ["red"], "boxes", is_plain=is_plain(item)) + item_line(item) + tail_line()
    assert lines == FORMAT_1


def test_truth_that_format_1_can_hold_keeps_its_id(engine: Engine, store: Store) -> None:
    three_scenes(engine, store)
    head = store.get(f"snapshots/{take_snapshot(engine, store, 'lot').id}.json").decode().splitlines()[0]
    assert json.loads(head + "]}")["format"] == "labelline-snapshot-1"


def test_a_track_is_kept_in_format_2_and_read_again(engine: Engine, store: Store) -> None:
    ids = three_scenes(engine, store)
    with writing(engine) as session:
        upsert(session, Label, [{**label_row(ids[1], "r0", "red", (1, 1, 9, 9), revision=1), "track": "t7"}])
        session.get_one(Item, ids[1]).frame = 3
    ref = take_snapshot(engine, store, "lot")
    head = store.get(f"snapshots/{ref.id}.json").decode().splitlines()[0]
    assert json.loads(head + "]}") == {
        "classes": ["blue", "red"],
        "collection": "lot",
        "format": "labelline-snapshot-2",
        "items": [],
        "kind": "boxes",
    }
    items = list(read_snapshot(store, ref.id).items())
    assert len(items) == 3
    assert [(item.frame, [label.track for label in item.labels]) for item in items if item.split == "val"] == [
        (3, ["t7"])
    ]


def test_a_shape_of_a_kind_that_the_line_does_not_have_is_named(engine: Engine, store: Store) -> None:
    ids = three_scenes(engine, store)
    shape = shape_columns(Polygon(points=((0, 0), (5, 0), (0, 5))))
    with writing(engine) as session:
        upsert(session, Label, [{**label_row(ids[1], "r0", "red", (1, 1, 9, 9), revision=1), **shape}])
    with pytest.raises(BadShape, match=r"no kind of label has shapes of type box and polygon \(known: boxes: box"):
        take_snapshot(engine, store, "lot")


def test_a_label_without_edges_has_no_box() -> None:
    facts = dict.fromkeys(("kind", "proposal_id", "answer_id", "kind_answer_id", "bounds_px"))
    label = ManifestLabel(
        id="l", region="whole", revision=0, class_name="cat", origin="person", batch_id="b", shape=Whole(), **facts
    )
    with pytest.raises(BadShape, match=r"label l \(cat\) has no box"):
        _ = label.box_xyxy_px


def test_a_manifest_of_a_format_to_come_is_refused() -> None:
    with pytest.raises(ValueError, match="labelline-snapshot-3"):
        read_head('{"classes":[],"collection":"lot","format":"labelline-snapshot-3","items":[\n')


def test_the_newest_snapshot_is_that_of_its_collection_taken_last(engine: Engine) -> None:
    assert newest_snapshot(engine, "lot") is None
    rows = [
        {
            "id": id_,
            "collection": collection,
            "manifest_key": id_,
            "classes": [],
            "items": 0,
            "labels": 0,
            "splits": {},
            "created_at": datetime(2026, 1, day, tzinfo=UTC),
        }
        for day, (id_, collection) in enumerate((("b", "lot"), ("a", "lot"), ("c", "other")), start=1)
    ]
    with writing(engine) as session:
        upsert(session, Snapshot, rows)
    assert newest_snapshot(engine, "lot") == "a"
