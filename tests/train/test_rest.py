"""The rest of a batch teaches beside a collection's labels where labels that no learner chose prove a gain."""

import numpy as np
from sqlalchemy import Engine

from blocks.database.engine import upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Label, Proposal, Route
from tasks.suggest.space import Space
from tasks.suggest.taught import Taught
from tasks.train.suggesting.rest import labelled_by_lot, with_rest

LABELLED, ITEMS, CLASSES, WIDE = 60, 800, 20, 30


def id_(number: int) -> str:
    return f"{number:064x}"


def write(engine: Engine, batch: str, numbers: range, *, proposed: bool = False, audits: int = 0) -> None:
    """Write a batch with labels; the first items of it were asked about for an audit."""
    detector = f"{int(proposed):012x}"
    items = [{"id": id_(at), "key": "k", "name": f"{at}.png", "sequence": "s", "size_bytes": 1} for at in numbers]
    facts = {"media_type": "image/png", "width": 9, "height": 9, "plain": True}
    whole = {"shape": {"type": "whole"}, "class_name": "c"}
    with writing(engine) as session:
        upsert(session, Item, [{**item, **facts} for item in items])
        upsert(session, Batch, [{"id": batch, "collection": "hues", "detector": detector}])
        places = [
            {
                "batch_id": batch,
                "item_id": id_(at),
                "position": place,
                "route": (Route.AUDIT if place < audits else Route.ASK).value,
                "reasons": [],
            }
            for place, at in enumerate(numbers)
        ]
        upsert(session, BatchItem, places)
        labels = [
            {"id": f"{batch}-{at}", "item_id": id_(at), "region": "whole", "revision": 0, "origin": "person"}
            for at in numbers
        ]
        upsert(session, Label, [{**label, **whole, "batch_id": batch} for label in labels])
        if proposed:
            first = {
                "id": f"p-{batch}",
                "item_id": id_(numbers[-1]),
                "detector": detector,
                "recipe": "r",
                "view": "whole",
            }
            upsert(session, Proposal, [{**first, **whole, "score": 0.9}])


def taught_of(numbers: range) -> tuple[Taught, dict[str, np.ndarray]]:
    names = np.arange(ITEMS) % CLASSES
    middles = np.random.default_rng(1).standard_normal((CLASSES, WIDE))
    vectors = (middles[names] + 1.3 * np.random.default_rng(2).standard_normal((ITEMS, WIDE))).astype(np.float16)
    ids, known = tuple(map(id_, numbers)), tuple(f"c{names[at]}" for at in numbers)
    taught = Taught("ridge-lda", "", Space.of("drawn", vectors), ids, known, vectors[list(numbers)])
    return taught, {id_(at): vectors[at] for at in range(ITEMS)}


def test_labelled_by_lot_is_what_was_asked_about_whatever_was_proposed(engine: Engine) -> None:
    write(engine, "nothing-proposed", range(5))
    write(engine, "proposed", range(5, 15), proposed=True, audits=2)
    assert labelled_by_lot(engine, "hues") == {id_(at) for at in range(7)}
    assert labelled_by_lot(engine, "roads") == frozenset()


def test_the_rest_teaches_where_labels_by_lot_prove_a_gain(engine: Engine) -> None:
    taught, vectors = taught_of(range(LABELLED))
    assert with_rest(engine, "hues", taught, vectors) == taught, "no label by lot yet"
    write(engine, "all", range(LABELLED))
    found = with_rest(engine, "hues", taught, vectors)
    assert set(found.rest_ids) == {id_(at) for at in range(LABELLED, ITEMS)}
    assert found.suggester().pool is not None


def test_labels_of_what_was_unsure_prove_nothing(engine: Engine) -> None:
    taught, vectors = taught_of(range(LABELLED))
    write(engine, "chosen", range(LABELLED), proposed=True)
    assert with_rest(engine, "hues", taught, vectors) == taught


def test_what_has_no_number_and_what_has_a_label_is_no_rest(engine: Engine) -> None:
    write(engine, "all", range(LABELLED))
    taught, vectors = taught_of(range(LABELLED))
    bad = id_(ITEMS - 1)
    vectors[bad] = np.full(WIDE, np.nan, np.float16)
    assert bad not in with_rest(engine, "hues", taught, vectors).rest_ids
    assert with_rest(engine, "hues", taught, {id_(0): vectors[id_(0)], bad: vectors[bad]}) == taught
