"""`/ml` at each click: null until the fourth, then an outline; nonsense and clicks outside are null, and no error."""

from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, Item, Question
from blocks.storage.stores import FolderStore, Store
from infra.gateway import pictures
from infra.gateway.cache import SizedCache
from infra.gateway.pictures import ItemPictures
from tasks.intake.folders import find_images, take_in
from tasks.intake.images import decode_upright
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.review.posting.outbox import Draft, write_questions
from tasks.review.questions.kinds.outlines.mark import MARK_MASKS, MARK_POLYGONS, MarkOutlines
from tasks.review.questions.kinds.outlines.outline import AnsweredOutline
from tasks.review.questions.queue import mark_missed_queue
from tasks.review.questions.queues.outlines import mark_outlines_queue, mark_pixels_queue
from tests.infra.suggesting.test_protocol import asking, live
from tests.suggest.outlining.scenes import cell, clicks_on

__all__ = ["asking", "live"]

SEED = 500
QUEUES = {"polygons": mark_outlines_queue(("cell",)), "masks": mark_pixels_queue(("cell",))}


def ask(engine: Engine, store: FolderStore, folder: Path, kind_name: str) -> str:
    """Write a question about one picture; return its id."""
    folder.mkdir()
    cv2.imwrite(str(folder / "cells.png"), cell(SEED).picture)
    take_in(engine, store, "cells", find_images(folder))
    with reading(engine) as session:
        (item,) = session.exec(select(Item)).all()
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b", "collection": "cells"}])
    queue = QUEUES.get(kind_name, mark_missed_queue(("cell",)))
    payload = {"type": queue.kind, "width": item.width, "height": item.height}
    write_questions(engine, queue, [Draft("b", item.id, payload)])
    with reading(engine) as session:
        return session.exec(select(Question)).one().id


def clicked(points: list[tuple[float, float]], label: str = "cell") -> list[dict[str, Any]]:
    size = cell(SEED).inside.shape[1], cell(SEED).inside.shape[0]
    values = [{"x": x * 100 / size[0], "y": y * 100 / size[1], "keypointlabels": [label]} for x, y in points]
    return [{"id": f"k{n}", "type": "keypointlabels", "value": value} for n, value in enumerate(values)]


def predict(asking: httpx.Client, question_id: str, result: Any) -> Any:
    body = {"tasks": [{"id": 1, "data": {"question_id": question_id}}], "params": {"context": {"result": result}}}
    answer = asking.post("/predict", json=body)
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["results"]
    return found


@pytest.mark.parametrize("kind", [MARK_POLYGONS, MARK_MASKS], ids=["polygons", "masks"])
def test_the_fourth_click_has_its_outline_and_the_first_three_have_none(
    engine: Engine, store: FolderStore, tmp_path: Path, asking: httpx.Client, kind: MarkOutlines
) -> None:
    question_id = ask(engine, store, tmp_path / "p", kind.name)
    points = clicks_on(cell(SEED).inside, np.random.default_rng(1), 0.5)
    assert [predict(asking, question_id, clicked(points[:n])) for n in range(4)] == [None] * 4
    found = predict(asking, question_id, clicked(points))
    size = cell(SEED).inside.shape[1], cell(SEED).inside.shape[0]
    parsed = kind.parse(kind.payload(width=size[0], height=size[1]), found["result"], QUEUES[kind.name])
    (one,) = map(AnsweredOutline.model_validate, parsed.said)
    assert one.class_name == "cell" and one.clicks is not None
    assert np.allclose(one.clicks.points, points)
    assert mask_iou(rasterised(one.shape), Raster(0, 0, cell(SEED).inside)) > 0.75
    assert len(predict(asking, question_id, clicked([*points, *points]))["result"]) == 2, "the back end was away before"
    assert predict(asking, question_id, clicked([*points, points[0]])) is None


@pytest.mark.parametrize(
    "result",
    [
        clicked([(50, -40), (60, 50), (50, 60), (40, 50)]),
        clicked([(50, 50)] * 4),
        clicked([(50, 50)] * 5_000),
        [{"type": "keypointlabels", "value": {"x": "left"}}] * 4,
        [None, 7, "x", {}],
        [{"type": "rectanglelabels", "id": "r", "value": {"x": 1}}] * 4,
    ],
    ids=["outside", "one-place", "thousands", "no-place", "nonsense", "rectangles"],
)
def test_clicks_that_go_around_nothing_are_answered_with_nothing(
    engine: Engine, store: FolderStore, tmp_path: Path, asking: httpx.Client, result: Any
) -> None:
    assert predict(asking, ask(engine, store, tmp_path / "p", "polygons"), result) is None


def test_questions_of_boxes_unknown_ones_and_lost_pictures_have_no_outline(
    engine: Engine, store: Store, tmp_path: Path, asking: httpx.Client
) -> None:
    assert isinstance(store, FolderStore)
    points = clicked([(50, 20), (80, 50), (50, 80), (20, 50)])
    boxes = ask(engine, store, tmp_path / "boxes", "boxes")
    assert predict(asking, boxes, points) is None
    assert predict(asking, "unknown", points) is None
    assert asking.post("/predict", json={"tasks": [], "params": {"context": {"result": points}}}).json() == {
        "results": [None]
    }
    assert asking.post("/predict", json={"tasks": [], "params": {"context": {"result": "all"}}}).status_code == 400


@pytest.mark.parametrize("place", [(60, 60), (700, 500), (5_950, 3_000)], ids=["corner", "middle", "across cells"])
def test_a_picture_too_large_to_be_kept_is_decoded_once_for_four_clicks(
    engine: Engine,
    store: FolderStore,
    tmp_path: Path,
    asking: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
    place: tuple[int, int],
) -> None:
    decoded: list[int] = []

    def decode(data: bytes) -> Any:
        decoded.append(len(data))
        return decode_upright(data)

    monkeypatch.setattr(pictures, "decode_upright", decode)
    one = cell(SEED)
    high, wide = one.inside.shape
    size = (max(1_000, place[0] + wide + 200), max(900, place[1] + high + 200))
    large = np.full((size[1], size[0], 3), 128, np.uint8)
    large[place[1] : place[1] + high, place[0] : place[0] + wide] = one.picture
    monkeypatch.setattr(pictures, "DECODED_BYTES", 1)
    whole = ItemPictures(engine, store)
    monkeypatch.setattr(whole, "_windows", SizedCache[Any](200_000_000, weigh=lambda image: image.nbytes))
    (tmp_path / "p").mkdir()
    cv2.imwrite(str(tmp_path / "p" / "large.png"), large, [cv2.IMWRITE_PNG_COMPRESSION, 0])
    take_in(engine, store, "cells", find_images(tmp_path / "p"))
    with reading(engine) as session:
        (row,) = session.exec(select(Item)).all()
    item = whole.find_item(row.id)
    assert item is not None
    points = np.add(clicks_on(one.inside, np.random.default_rng(1), 0.5), place)
    first = (int(points[0][0]) - 8, int(points[0][1]) - 8, int(points[0][0]) + 8, int(points[0][1]) + 8)
    all_four = (*(points.min(axis=0) - 20).astype(int).tolist(), *(points.max(axis=0) + 20).astype(int).tolist())
    decoded.clear()
    whole.around(item, first)
    pixels, (left, top) = whole.around(item, all_four)
    assert len(decoded) == 1
    x_min, y_min, x_max, y_max = all_four
    seen = pixels[y_min - top : y_max - top, x_min - left : x_max - left]
    assert (seen == large[y_min:y_max, x_min:x_max]).all()
