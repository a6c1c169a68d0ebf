"""One proposal for each item: its most likely class among those of the line, as a whole, with its probability."""

import hashlib

import numpy as np
import pytest
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Item, Proposal, Scan
from blocks.errors import BadWeights
from blocks.shapes import Whole, shape_of
from tasks.detect.options import TilingOptions
from tasks.detect.proposals import ProposalCounts, propose
from tasks.detect.proposers.classifier import fit_square
from tasks.detect.refs import DetectorRef
from tasks.intake.images import encode_jpeg

COLOURS = ("red", "green", "blue")
OPTIONS = TilingOptions()


@pytest.fixture
def add_item(engine, store):
    def add(colour_bgr, size_wh=(90, 50), data=None):
        data = data or encode_jpeg(np.full((size_wh[1], size_wh[0], 3), colour_bgr, dtype=np.uint8), 95)
        item_id = hashlib.sha256(data).hexdigest()
        key = f"items/{item_id[:2]}/{item_id}.jpg"
        store.put(key, data)
        facts = {"id": item_id, "key": key, "name": "a.jpg", "sequence": "s", "media_type": "image/jpeg", "plain": True}
        with writing(engine) as session:
            upsert(session, Item, [{**facts, "size_bytes": len(data), "width": size_wh[0], "height": size_wh[1]}])
        with reading(engine) as session:
            return session.get(Item, item_id)

    return add


def rows(engine, table):
    with reading(engine) as session:
        return session.exec(select(table)).all()


def test_an_item_gets_one_proposal_without_bounds(engine, store, add_item, colour_ref):
    items = [add_item((0, 0, 255)), add_item((255, 0, 0))]
    counts = propose(engine, store, items, colour_ref, COLOURS, OPTIONS, "classes")
    assert (counts.items, counts.proposals, counts.whole_frame, counts.tiles) == (2, 2, 2, 0)
    found = {each.item_id: each for each in rows(engine, Proposal)}
    assert [found[item.id].class_name for item in items] == ["red", "blue"]
    for each in found.values():
        assert (each.x_min, each.y_min, each.x_max, each.y_max, each.view) == (None, None, None, None, "whole")
        assert shape_of(each) == Whole()
        assert 0.5 < each.score < 1
    assert {len(each.embedding) for each in rows(engine, Scan)} == {2 * 1280}


def test_only_classes_of_the_line_are_proposed(engine, store, add_item, colour_ref):
    item = add_item((0, 235, 255))
    counts = propose(engine, store, [item], colour_ref, ("green", "pink"), TilingOptions(min_score=0.001), "classes")
    assert [each.class_name for each in rows(engine, Proposal)] == ["green"]
    assert counts.lacking == ("pink",)


def test_what_scores_too_little_is_scanned_and_not_proposed(engine, store, add_item, colour_ref):
    counts = propose(
        engine, store, [add_item((99, 99, 99))], colour_ref, COLOURS, TilingOptions(min_score=0.9), "classes"
    )
    assert (counts.items, counts.proposals) == (1, 0)


def test_a_second_time_nothing_is_looked_at(engine, store, add_item, colour_ref):
    items = [add_item((0, 0, 255), size_wh=(40 + number, 50)) for number in range(40)]
    first = propose(engine, store, items, colour_ref, COLOURS, OPTIONS, "classes")
    again = propose(engine, store, items, colour_ref, COLOURS, OPTIONS, "classes")
    assert (first.scanned_now, again.scanned_now, again.items) == (40, 0, 40)


def test_an_item_that_cannot_be_read_is_set_aside_and_the_rest_goes_on(engine, store, add_item, colour_ref):
    bad, good = add_item((0, 0, 0), data=b"no picture at all"), add_item((0, 255, 0))
    counts = propose(engine, store, [bad, good], colour_ref, COLOURS, OPTIONS, "classes")
    assert [each.item_id for each in counts.set_aside] == [bad.id]
    assert [each.item_id for each in rows(engine, Proposal)] == [good.id]


def test_nobody_proposes_nothing(engine, store, add_item):
    counts = propose(engine, store, [add_item((0, 0, 255))], DetectorRef.nobody("lot"), COLOURS, OPTIONS, "classes")
    assert counts == ProposalCounts()
    assert rows(engine, Scan) == []


def test_other_weights_under_a_known_name_are_refused(engine, store, add_item, colour_ref, tmp_path):
    (tmp_path / "other.pt").write_bytes(b"other")
    store.put(colour_ref.weights_key, tmp_path / "other.pt")
    with pytest.raises(BadWeights, match="have version"):
        propose(engine, store, [add_item((0, 0, 255))], colour_ref, COLOURS, OPTIONS, "classes")


@pytest.mark.parametrize("size_wh", [(1, 500), (500, 1), (64, 64), (30, 20)])
def test_a_picture_is_fitted_whole(size_wh):
    square = fit_square(np.full((size_wh[1], size_wh[0], 3), 255, dtype=np.uint8), 64)
    assert square.shape == (64, 64, 3)
    shown = (square == 255).all(axis=2)
    rows_px, columns_px = shown.any(axis=1).sum(), shown.any(axis=0).sum()
    assert max(rows_px, columns_px) == 64
    assert min(rows_px, columns_px) == max(1, round(64 * min(size_wh) / max(size_wh)))
