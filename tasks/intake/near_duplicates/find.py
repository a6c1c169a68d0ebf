"""Which items of a collection are near-duplicates of which: found by fingerprints, written down, and nothing deleted.

The first of several that are alike is the original, the others are its near-duplicates. What was compared once is not
compared again, so an intake of a few items costs a few comparisons with all that there are.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Item, Source
from blocks.database.vector_tables import Fingerprint, NearDuplicate
from blocks.frozen import Frozen
from tasks.intake.near_duplicates.fingerprints import BITS_BYTES, BYTES

MOST_BITS = 12
"""Of 256 that may differ; see docs/benchmarks.md for how many copies that finds, and what it takes for one."""

MOST_COLOUR = 24
"""By how much a mean colour may differ, of 255: the same drawing in red and in green is two pictures."""

AT_ONCE = 64
"""Items that are compared with all at once: memory is this times what there is, times 16 bytes."""

SHOWN = 100

Bytes = NDArray[np.uint8]


class NearDuplicates(Frozen):
    """What is alike in a collection.

    Attributes:
        originals: Items that have near-duplicates.
        copies: These.
        shown: The first of them: name, and name of the original.
    """

    originals: int = 0
    copies: int = 0
    shown: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.copies:,} near-duplicates of {self.originals:,} others"


def find_near_duplicates(engine: Engine, collection: str) -> NearDuplicates:
    """Compare the items of a collection that were not compared yet with all that are before them.

    Args:
        engine: The catalogue.
        collection: Whose. Items without a fingerprint are compared with nothing.
    """
    with reading(engine) as session:
        fresh = session.exec(_not_compared(collection)).all()
        known = session.exec(_originals(collection)).all()
    ids, seen = [item_id for item_id, _ in known], _rows([bits for _, bits in known])
    for start in range(0, len(fresh), AT_ONCE):
        some = fresh[start : start + AT_ONCE]
        found = _compare(ids, seen, some)
        rows = [
            {"collection": collection, "item_id": item_id, "of_item_id": of, "bits": bits}
            for (item_id, _), (of, bits) in zip(some, found, strict=True)
        ]
        with writing(engine) as session:
            upsert(session, NearDuplicate, rows)
        new = [pair for pair, (of, _) in zip(some, found, strict=True) if of is None]
        ids += [item_id for item_id, _ in new]
        seen = np.concatenate([seen, _rows([bits for _, bits in new])])
    return near_duplicates_of(engine, collection)


def near_duplicates_of(engine: Engine, collection: str) -> NearDuplicates:
    """Return what is known to be alike in a collection."""
    mine = (NearDuplicate.collection == collection, col(NearDuplicate.of_item_id).is_not(None))
    with reading(engine) as session:
        counts: Any = select(func.count(), func.count(func.distinct(NearDuplicate.of_item_id))).where(*mine)
        copies, originals = session.exec(counts).one()
        first = session.exec(
            select(NearDuplicate.item_id, NearDuplicate.of_item_id)
            .where(*mine)
            .order_by(NearDuplicate.of_item_id, NearDuplicate.item_id)
            .limit(SHOWN)
        ).all()
        named = {one for pair in first for one in pair if one is not None}
        names = dict(session.exec(select(Item.id, Item.name).where(col(Item.id).in_(named))).all())
    shown = tuple((names[item_id], names[of]) for item_id, of in first if of is not None)
    return NearDuplicates(originals=int(originals), copies=int(copies), shown=shown)


def original_of(session: Session, collection: str) -> dict[str, str]:
    """Return of each near-duplicate in a collection the item that it is alike."""
    query = select(NearDuplicate.item_id, NearDuplicate.of_item_id).where(
        NearDuplicate.collection == collection, col(NearDuplicate.of_item_id).is_not(None)
    )
    return {item_id: of for item_id, of in session.exec(query) if of is not None}


def as_markdown(collection: str, found: NearDuplicates) -> str:
    """Return what is alike as a table of names."""
    lines = [
        f"# Near-duplicates in {_cell(collection)}",
        "",
        f"{found}. Nothing was deleted: each is labelled like any other item. Lines in rounds ask about the original "
        "first, and about the others with what that has taught.",
        "",
        "| item | is alike |",
        "|---|---|",
        *(f"| {_cell(name)} | {_cell(of)} |" for name, of in found.shown),
    ]
    hidden = found.copies - len(found.shown)
    if hidden > 0:
        lines += ["", f"{hidden:,} more are in the catalogue's table `near_duplicate`."]
    return "\n".join(lines)


def _compare(ids: Sequence[str], seen: Bytes, some: Sequence[tuple[str, bytes]]) -> list[tuple[str | None, int | None]]:
    """Return of each of some items the original that it is nearest to, and by how many bits; None: it is one."""
    rows = _rows([bits for _, bits in some])
    distances = _distances(rows, seen)
    own = _distances(rows, rows)
    found: list[tuple[str | None, int | None]] = []
    for at in range(len(some)):
        before = [place for place in range(at) if found[place][0] is None]
        among = np.concatenate([distances[at], own[at, before]])
        best = int(among.argmin()) if len(among) else -1
        if best < 0 or among[best] > MOST_BITS:
            found.append((None, None))
        else:
            named = ids[best] if best < len(ids) else some[before[best - len(ids)]][0]
            found.append((named, int(among[best])))
    return found


def _distances(rows: Bytes, others: Bytes) -> Bytes:
    """Return bits that differ, (n, m); 255 where they are many, or colours too far apart."""
    words, other_words = (np.ascontiguousarray(each[:, :BITS_BYTES]).view(np.uint64) for each in (rows, others))
    bits: Bytes = np.bitwise_count(words[:, 0, None] ^ other_words[None, :, 0]).astype(np.uint8)
    one, other = np.nonzero(bits <= MOST_BITS)  # of most pairs a quarter of the bits says enough
    bits[bits > MOST_BITS] = 255
    all_bits = np.bitwise_count(words[one] ^ other_words[other]).sum(axis=1)
    colours = np.abs(rows[one, BITS_BYTES:].astype(np.int16) - others[other, BITS_BYTES:]).max(axis=1, initial=0)
    bits[one, other] = np.where(colours > MOST_COLOUR, 255, np.minimum(all_bits, 255))
    return bits


def _rows(bits: Sequence[bytes]) -> Bytes:
    return np.frombuffer(b"".join(bits), np.uint8).reshape(-1, BYTES)


def _not_compared(collection: str) -> Any:
    compared = select(NearDuplicate.item_id).where(NearDuplicate.collection == collection)
    return (
        select(Fingerprint.item_id, Fingerprint.bits)
        .join(Source, col(Source.item_id) == col(Fingerprint.item_id))
        .where(Source.collection == collection, col(Fingerprint.item_id).not_in(compared))
        .group_by(col(Fingerprint.item_id), col(Fingerprint.bits))
        .order_by(func.min(Source.seen_at), func.min(Source.uri))
    )


def _originals(collection: str) -> Any:
    return (
        select(Fingerprint.item_id, Fingerprint.bits)
        .join(NearDuplicate, col(NearDuplicate.item_id) == col(Fingerprint.item_id))
        .where(NearDuplicate.collection == collection, col(NearDuplicate.of_item_id).is_(None))
    )


def _cell(text: str) -> str:
    """File names come from outside: nothing in them may end a cell or become markup."""
    for sign in "\\`*_[]<>|":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
