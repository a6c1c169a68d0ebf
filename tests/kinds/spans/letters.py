"""Short texts with known names, and a catalogue that has settled them: what tests of spans stand on."""

from collections.abc import Mapping, Sequence

import numpy as np
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, SequenceSplit, utc_now
from blocks.shapes import Span, shape_columns
from blocks.storage.stores import Store
from tasks.intake.texts.text_items import clean_text, keep_text
from tasks.kinds.spans.scoring import ClassedSpan

CLASSES = ("LOC", "PER")

FIRST = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Emmy", "Élodie", "Łukasz", "Zoë")
LAST = ("Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Noether", "Dupré", "Nowak", "O'Neill")
PLACES = ("London", "New York", "Zürich", "São Paulo", "北京", "القاهرة", "Austin", "Kraków")
FRAMES = (
    "🦜 {PER} went to {LOC} yesterday.",
    "In {LOC} it rains, says {PER}.",
    "{PER} <b>met</b> {PER} & left 🎉",
    "nothing of note today",
    "Trains from {LOC} to {LOC} are late.",
)


def write_letter(seed: int) -> tuple[str, list[ClassedSpan]]:
    """Return a short text and the spans in it."""
    rng = np.random.default_rng(seed)
    text, spans = "", []
    for piece in FRAMES[seed % len(FRAMES)].replace("{", "\0{").replace("}", "}\0").split("\0"):
        name = piece[1:-1] if piece.startswith("{") else None
        said = piece if name is None else str(rng.choice(PLACES))
        if name == "PER":
            said = f"{rng.choice(FIRST)} {rng.choice(LAST)}"
        if name is not None:
            spans.append(ClassedSpan(len(text), len(text) + len(said), name))
        text += said
    return f"{text} ({seed})", spans


def keep_letters(
    engine: Engine, store: Store, seeds: Sequence[int], splits: Mapping[str, str], batch_id: str = "b1"
) -> list[str]:
    """Write texts as items of a batch, in turn of each sequence; returns their ids."""
    ids, names = [], list(splits)
    with writing(engine) as session:
        upsert(session, Batch, [{"id": batch_id, "collection": "letters"}])
        for position, seed in enumerate(seeds):
            item = keep_text(store, clean_text(write_letter(seed)[0]).text, f"{seed}.txt", names[position % len(names)])
            upsert(session, Item, [item.model_dump(exclude={"created_at"})])
            upsert(session, BatchItem, [{"batch_id": batch_id, "item_id": item.id, "position": position}])
            ids.append(item.id)
        rows = [{"collection": "letters", "sequence": name, "split": split} for name, split in splits.items()]
        upsert(session, SequenceSplit, rows)
    return ids


def settle_letters(
    engine: Engine, store: Store, seeds: Sequence[int], splits: Mapping[str, str], batch_id: str = "b1"
) -> list[str]:
    """Write the same, with the labels that people would give."""
    ids = keep_letters(engine, store, seeds, splits, batch_id)
    with writing(engine) as session:
        for position, (seed, item_id) in enumerate(zip(seeds, ids, strict=True)):
            place = {"batch_id": batch_id, "item_id": item_id, "position": position, "settled_at": utc_now()}
            upsert(session, BatchItem, [place], update=("settled_at",))
            for number, span in enumerate(write_letter(seed)[1]):
                label = {"id": f"{item_id[:28]}{number}", "item_id": item_id, "region": f"r{number}", "revision": 0}
                label |= {"class_name": span.class_name, "origin": "person", "batch_id": batch_id}
                upsert(session, Label, [label | shape_columns(Span(start=span.start, end=span.end))])
    return ids
