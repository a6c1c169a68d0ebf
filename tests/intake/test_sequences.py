"""What belongs together stays together, for good."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Item, SequenceSplit, Source
from blocks.errors import BadOption
from tasks.intake.sequences import SHARES, assign_splits, choose_splits, sequence_of

SHARE_OF = dict(zip(("train", "val", "test"), SHARES, strict=True))


@pytest.mark.parametrize(
    ("path", "sequence"),
    [
        ("DJI-00760-00001.jpg", "DJI-00760-"),
        ("DJI_0010.jpg", "DJI_"),
        ("DJI_0005-0018.jpg", "DJI_0005-"),
        ("MOS155.jpg", "MOS"),
        ("site a/MOS155.jpg", "site a/MOS"),
        ("a/b/000123.png", "a/b/"),
        ("000123.png", ""),
        ("frame12_left.png", "frame_left"),
        ("overview.png", "overview"),
        ("Ünïcode 7.jpg", "Ünïcode "),
        ("two.dots.0012.jpg", "two.dots."),
        ("noextension42", "noextension"),
    ],
)
def test_the_last_number_of_a_name_counts_frames(path: str, sequence: str) -> None:
    assert sequence_of(Path(path)) == sequence


@pytest.mark.parametrize(
    ("pattern", "path", "sequence"),
    [
        (r"(flight\d+)/", "2024/flight7/a_1.jpg", "flight7"),
        (r"^(\d+)-.*_([ab])\d", "12-x_b3.jpg", "12b"),
        (r"cam\d", "cam3-004.jpg", "cam3"),
        ("(.+)", "IMG_0001.jpg", "IMG_0001.jpg"),
        ("(flight)", "other_01.jpg", "other_"),
    ],
)
def test_a_pattern_says_otherwise(pattern: str, path: str, sequence: str) -> None:
    assert sequence_of(Path(path), pattern) == sequence


def test_what_is_no_pattern_is_refused() -> None:
    with pytest.raises(BadOption, match="'\\(flight' is no regular expression"):
        sequence_of(Path("a.jpg"), "(flight")


def fill(engine: Engine, sizes: dict[str, int], collection: str = "lots") -> None:
    """Put items of sequences into a collection."""
    names = [(sequence, n) for sequence, size in sizes.items() for n in range(size)]
    items = [
        {
            "id": f"{sequence}:{n}",
            "key": "k",
            "name": f"{sequence}{n}",
            "sequence": sequence,
            "media_type": "image/png",
            "size_bytes": 1,
            "width": 1,
            "height": 1,
            "plain": True,
        }
        for sequence, n in names
    ]
    sources = [{"collection": collection, "uri": row["id"], "item_id": row["id"], "state": "taken"} for row in items]
    with writing(engine) as session:
        upsert(session, Item, items)
        upsert(session, Source, sources)


def splits(engine: Engine, collection: str = "lots") -> dict[str, str]:
    with reading(engine) as session:
        rows = session.exec(select(SequenceSplit).where(SequenceSplit.collection == collection))
        return {row.sequence: row.split for row in rows}


def test_an_empty_collection_has_no_splits(engine: Engine) -> None:
    counts = assign_splits(engine, "lots")
    assert (counts.assigned, counts.items) == (0, {"train": 0, "val": 0, "test": 0})


def test_one_sequence_trains(engine: Engine) -> None:
    fill(engine, {"a": 5})
    assert assign_splits(engine, "lots").items == {"train": 5, "val": 0, "test": 0}


def test_two_sequences_train_and_test(engine: Engine) -> None:
    fill(engine, {"a": 5, "b": 50})
    assert assign_splits(engine, "lots").items == {"train": 50, "val": 0, "test": 5}


def test_three_sequences_fill_all_splits(engine: Engine) -> None:
    fill(engine, {"a": 5, "b": 500, "c": 3})
    counts = assign_splits(engine, "lots")
    assert counts.items == {"train": 500, "val": 3, "test": 5}
    assert counts.sequences == {"train": 1, "val": 1, "test": 1}
    assert counts.assigned == 3


def test_a_split_never_changes_and_a_second_run_writes_nothing(engine: Engine) -> None:
    fill(engine, {"a": 5})
    assign_splits(engine, "lots")
    assert assign_splits(engine, "lots").assigned == 0
    fill(engine, {"b": 50, "c": 40})
    counts = assign_splits(engine, "lots")
    assert splits(engine) == {"a": "train", "b": "test", "c": "val"}
    assert counts.assigned == 2
    fill(engine, {"d": 400})
    assign_splits(engine, "lots")
    assert splits(engine) == {"a": "train", "b": "test", "c": "val", "d": "train"}


def test_collections_are_split_each_for_itself(engine: Engine) -> None:
    fill(engine, {"a": 5, "b": 9}, "lots")
    assign_splits(engine, "lots")
    assert splits(engine, "others") == {}
    fill(engine, {"a": 5}, "others")
    assign_splits(engine, "others")
    assert (splits(engine, "lots")["a"], splits(engine, "others")["a"]) == ("test", "train")


@pytest.mark.parametrize("shares", [(0.5, 0.5, 0.5), (1.2, -0.1, -0.1), (0.0, 0.5, 0.5)])
def test_shares_that_make_no_sense_are_refused(engine: Engine, shares: tuple[float, float, float]) -> None:
    with pytest.raises(BadOption, match="sum to 1"):
        assign_splits(engine, "lots", shares)


def test_a_share_of_nothing_stays_empty() -> None:
    chosen = choose_splits({"a": 10, "b": 10, "c": 10}, {}, {"train": 0.8, "val": 0.0, "test": 0.2})
    assert sorted(chosen.values()) == ["test", "train", "train"]


@given(
    sizes=st.dictionaries(st.text(max_size=4), st.integers(1, 200), max_size=30),
    old=st.dictionaries(st.text(max_size=4), st.sampled_from(["train", "val", "test"]), max_size=3),
)
def test_every_new_sequence_gets_one_split_and_none_that_can_be_filled_stays_empty(
    sizes: dict[str, int], old: dict[str, str]
) -> None:
    known = {name: split for name, split in old.items() if name in sizes}
    chosen = choose_splits(sizes, known, SHARE_OF)
    assert set(chosen) == set(sizes) - set(known)
    assert chosen == choose_splits(dict(reversed(sizes.items())), known, SHARE_OF)
    used = set(known.values()) | set(chosen.values())
    needed = [split for split in ("train", "test", "val") if split not in known.values()]
    assert used >= set(needed[: len(chosen)])


@given(st.lists(st.integers(1, 20), min_size=40, max_size=200))
def test_many_sequences_come_close_to_the_shares(sizes: list[int]) -> None:
    chosen = choose_splits({f"s{n}": size for n, size in enumerate(sizes)}, {}, SHARE_OF)
    for split, share in SHARE_OF.items():
        got = sum(size for n, size in enumerate(sizes) if chosen[f"s{n}"] == split)
        assert abs(got - share * sum(sizes)) <= 20
