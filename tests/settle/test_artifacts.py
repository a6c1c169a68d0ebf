"""What people see in the Prefect UI: tables and pictures of a settled batch."""

import base64
import re

import cv2
import numpy as np
import pytest
from sqlalchemy import Engine

from blocks.database.tables import Item
from blocks.storage.stores import Store
from tasks.detect.refs import Scope
from tasks.settle.artifacts import effort_summary, in_words, labels_summary
from tasks.settle.effort import effort_of
from tasks.settle.pictures import (
    GREEN,
    MAX_BYTES,
    MAX_WIDTH_PX,
    Coloured,
    draw_boxes,
    items_to_show,
    jpeg_data_uri,
    pictures_markdown,
)
from tasks.settle.report import LISTED, ItemAside, SettleReport
from tests.settle.world import ask, give_route, give_verdicts, region, say, settle_batch
from tests.triage.rows import BATCH, DETECTOR, RECIPE, add_batch, add_scan, car

SCOPE = Scope(BATCH, DETECTOR, RECIPE)


@pytest.fixture
def settled(engine: Engine) -> list[str]:
    """Three items, one of each route, settled."""
    ids = add_batch(engine, 3)
    for item_id, route in zip(ids, ("sure", "ask", "audit"), strict=True):
        proposals = add_scan(engine, item_id, [car(0.9), car(0.05, x=300)])
        give_route(engine, item_id, route)
        give_verdicts(engine, {proposals[0]: "accept", proposals[1]: "drop"})
        if route != "sure":
            say(engine, ask(engine, item_id), [region(f"by-hand-{route}", x=500)], person="a|b@example.org")
    settle_batch(engine)
    return ids


def put_images(store: Store, items: list[Item]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (800, 1000, 3), dtype=np.uint8)
    for item in items:
        store.put(item.key, cv2.imencode(".jpg", noise)[1].tobytes())


def test_labels_are_told_by_origin_class_and_deed(engine: Engine, settled: list[str]) -> None:
    text = labels_summary(settle_batch(engine))
    assert "3 labels on 3 images" in text
    assert "**33 % accepted without people: nobody has looked at them**" in text
    assert "| person | 2 | 67 % |" in text
    assert "| drawn blind, for the audit or the control group | 1 |" in text
    assert "| car | 3 |" in text


def test_a_batch_without_labels_is_told_without_dividing_by_nothing() -> None:
    text = labels_summary(SettleReport(batch_id="b", items_unsettled=1))
    assert "0 labels on 0 images; **none accepted unseen**" in text
    assert "1 image that nobody answered" in text


def test_images_set_aside_on_the_way_are_told_with_their_reason() -> None:
    left_out = tuple(ItemAside(item_id=f"{n:064}", reason="cut|short") for n in range(LISTED))
    text = labels_summary(SettleReport(batch_id="b", items_left_out=130, left_out=left_out))
    assert "130 images set aside on the way" in text
    assert text.count(r"| cut\|short |") == 20
    assert "110 more are in the catalogue" in text
    assert "set aside" not in labels_summary(SettleReport(batch_id="b"))


def test_effort_is_told_against_by_hand_with_its_sources(engine: Engine, settled: list[str]) -> None:
    text = effort_summary(effort_of(engine, BATCH, DETECTOR, RECIPE))
    assert "| this line | 1 min 0 s | 20.0 s |" in text
    assert r"| by hand, dragging boxes \(25.5 s a box\) | 1 min 40 s | 33.3 s | 1.7 times |" in text
    assert r"| by hand, extreme clicking \(7.0 s a box\) | 44 s | 14.8 s | 0.7 times |" in text
    assert "of score 0.25 and more; triage counts all" in text
    assert "Su, Deng and Fei-Fei" in text
    assert r"a\|b@example.org" in text


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (1.6, "1.6 s"), (59, "59 s"), (200, "3 min 20 s"), (4320, "1 h 12 min")]
)
def test_durations_read_as_people_say_them(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_pictures_show_each_route_and_stay_small(engine: Engine, store: Store, settled: list[str]) -> None:
    shown = items_to_show(engine, BATCH, 3)
    assert [route for _, route in shown] == ["ask", "sure", "audit"]
    put_images(store, [item for item, _ in shown])
    text = pictures_markdown(engine, store, SCOPE, 3)
    uris = re.findall(r"\(data:image/jpeg;base64,([^)]+)\)", text)
    assert len(uris) == 6
    for uri in uris:
        data = base64.b64decode(uri)
        assert len(data) <= MAX_BYTES
        assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape[1] <= MAX_WIDTH_PX


def test_a_picture_that_cannot_be_read_is_named_with_its_reason(
    engine: Engine, store: Store, settled: list[str]
) -> None:
    for item, _ in items_to_show(engine, BATCH, 3)[:1]:
        store.put(item.key, b"no picture")
    text = pictures_markdown(engine, store, SCOPE, 3)
    assert text.count("No picture:") == 3


def test_no_items_no_pictures(engine: Engine, store: Store) -> None:
    add_batch(engine, 1)
    assert "No item of this batch was triaged" in pictures_markdown(engine, store, SCOPE)


def test_boxes_are_drawn_where_they_are_after_shrinking() -> None:
    drawn = draw_boxes(np.zeros((1000, 1800, 3), dtype=np.uint8), [Coloured(GREEN, [(200, 400, 600, 800)])])
    assert drawn.shape == (500, 900, 3)
    assert drawn[300, 100].tolist() == list(GREEN)
    assert drawn[300, 200].tolist() == [0, 0, 0]


def test_small_images_are_not_enlarged_and_huge_jpegs_shrink() -> None:
    assert draw_boxes(np.zeros((10, 20, 3), dtype=np.uint8), []).shape == (10, 20, 3)
    noise = np.random.default_rng(0).integers(0, 255, (900, 900, 3), dtype=np.uint8)
    assert len(base64.b64decode(jpeg_data_uri(noise, 20_000).split(",")[1])) <= 20_000
