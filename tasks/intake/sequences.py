"""Sequences: items that look alike because they were taken one after the other, and to which split each belongs.

Two frames of one flight in train and in test make any detector look good. So splits are drawn by sequence, written
down once, and never change: a test set that moves measures nothing.
"""

import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, func, or_
from sqlmodel import Session, col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, SequenceSplit, Source
from blocks.errors import BadOption
from blocks.naming.patterns import compile_pattern

SPLITS = ("train", "val", "test")

SHARES = (0.7, 0.15, 0.15)
"""Of train, val and test."""

_LAST_DIGITS = re.compile(r"\d+(?=\D*$)")
_DIGITS_OR_NOT = re.compile(r"[0-9]+|[^0-9]+")
_BY_NEED = ("train", "test", "val")
"""Which split must not stay empty, most needed first: without a test set nothing can be compared."""


@dataclass(frozen=True, slots=True)
class SplitCounts:
    """How the items of a collection are spread.

    Attributes:
        items: Items by split, all three names always there.
        sequences: Sequences by split.
        assigned: Sequences that got their split just now.
    """

    items: Mapping[str, int]
    sequences: Mapping[str, int]
    assigned: int


def sequence_of(path: Path, pattern: str | None = None) -> str:
    """Return the name of the sequence that a file belongs to.

    Without a pattern: its folder and its file name without the last run of digits and the suffix, so
    `site/DJI_0010.jpg` belongs to `site/DJI_`. A pattern is a regular expression that is searched in the path: its
    groups, joined, are the sequence (its whole match where it has no group). A path that it does not match falls back
    to the rule without pattern.

    Args:
        path: Relative to the folder that is taken in.
        pattern: Such as `(flight[0-9]+)/`, or `(.+)` where no two files belong together.

    Raises:
        BadOption: The pattern is no regular expression.
    """
    found = compile_pattern(pattern).search(readable(path.as_posix())) if pattern else None
    if found:
        groups = found.groups()
        return "".join(group or "" for group in groups) if groups else found[0]
    folder = path.parent.as_posix()
    stem = _LAST_DIGITS.sub("", path.stem, count=1)
    return stem if folder == "." else f"{folder}/{stem}"


def frame_order(frame: int | None, name: str, item_id: str) -> tuple[int, tuple[tuple[int, str], ...], str]:
    """Return by what the frames of a sequence are put in order: by number, or by name where they have none.

    Names are ordered as people count: `shot2.jpg` is before `shot10.jpg`.
    """
    if frame is not None:
        return frame, (), item_id
    parts = ((int(part), "") if part.isdigit() else (-1, part) for part in _DIGITS_OR_NOT.findall(name))
    return 0, tuple(parts), item_id


def readable(name: str) -> str:
    """Return a file name as text that a database takes: bytes that are no UTF-8 become question marks in diamonds."""
    return os.fsencode(name).decode("utf-8", "replace")


def assign_splits(engine: Engine, collection: str, shares: tuple[float, float, float] = SHARES) -> SplitCounts:
    """Give every sequence of a collection that has no split yet one of train, val and test, for good.

    Large sequences first, each to the split that lacks most items; the last ones fill what would stay empty. With two
    sequences or more neither train nor test is empty, with three or more val is not empty either (where its share is
    above 0). The same items in the same state give the same splits.

    Args:
        engine: The catalogue.
        collection: The collection.
        shares: Of train, val and test, by items; they sum to 1.

    Raises:
        BadOption: The shares are negative, do not sum to 1, or leave nothing for train.
    """
    if min(shares) < 0 or abs(sum(shares) - 1) > 1e-6 or shares[0] == 0:
        raise BadOption(f"shares {shares} of train, val and test must be 0 or more, sum to 1, with some for train")
    with writing(engine) as session:
        sizes = _items_by_sequence(session, collection)
        query = select(SequenceSplit).where(SequenceSplit.collection == collection)
        known = {row.sequence: row.split for row in session.exec(query)}
        chosen = choose_splits(sizes, known, dict(zip(SPLITS, shares, strict=True)))
        rows = [{"collection": collection, "sequence": name, "split": split} for name, split in chosen.items()]
        upsert(session, SequenceSplit, rows)
    splits = {name: split for name, split in (known | chosen).items() if name in sizes}
    return SplitCounts(
        items={split: sum(sizes[name] for name in splits if splits[name] == split) for split in SPLITS},
        sequences={split: sum(1 for name in splits if splits[name] == split) for split in SPLITS},
        assigned=len(chosen),
    )


def count_splits(engine: Engine, collection: str) -> dict[str, int]:
    """Return how many items of a collection are in each split, all three names always there."""
    counted = Counter(splits_of(engine, collection).values())
    return {split: counted[split] for split in SPLITS}


def splits_of(engine: Engine, collection: str) -> dict[str, str]:
    """Return the split of every item of a collection that has one, by item id."""
    taken = select(Source.item_id).where(Source.collection == collection, col(Source.item_id).is_not(None))
    batched = (
        select(BatchItem.item_id)
        .join(Batch, col(Batch.id) == col(BatchItem.batch_id))
        .where(Batch.collection == collection)
    )
    query = (
        select(Item.id, SequenceSplit.split)
        .join(SequenceSplit, col(SequenceSplit.sequence) == col(Item.sequence))
        .where(SequenceSplit.collection == collection)
        .where(or_(col(Item.id).in_(taken), col(Item.id).in_(batched)))
    )
    with reading(engine) as session:
        return dict(session.exec(query).all())


def choose_splits(sizes: Mapping[str, int], known: Mapping[str, str], shares: Mapping[str, float]) -> dict[str, str]:
    """Choose the split of every sequence that has none; see `assign_splits`.

    Args:
        sizes: Items by sequence, all of the collection.
        known: Split by sequence, of those that have one.
        shares: Share by split, summing to 1.

    Returns:
        Split by sequence, of those that had none. Empty where all have one.
    """
    total = sum(sizes.values())
    lacking = {split: shares[split] * total for split in _BY_NEED}
    for name, split in known.items():
        lacking[split] -= sizes.get(name, 0)
    new = sorted((name for name in sizes if name not in known), key=lambda name: (-sizes[name], name))
    used = {split for name, split in known.items() if name in sizes}
    chosen: dict[str, str] = {}
    for done, name in enumerate(new):
        empty = [split for split in _BY_NEED if shares[split] > 0 and split not in used]
        candidates = empty if len(new) - done <= len(empty) else list(_BY_NEED)
        # Where only some of the empty ones can be filled, the most needed come first.
        split = candidates[0] if candidates is empty else max(candidates, key=lambda split: lacking[split])
        chosen[name] = split
        lacking[split] -= sizes[name]
        used.add(split)
    return chosen


def _items_by_sequence(session: Session, collection: str) -> dict[str, int]:
    query = (
        select(Item.sequence, func.count(func.distinct(col(Item.id))))
        .join(Source, col(Source.item_id) == col(Item.id))
        .where(Source.collection == collection)
        .group_by(col(Item.sequence))
    )
    return dict(session.exec(query).all())
