"""`/ml` with a network that a line names: its outline where it keeps to the clicks, else that of colours."""

import logging
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import Engine

from blocks.errors import BadWeights
from blocks.storage.stores import FolderStore
from flows.options import LineOptions
from infra.cli.rounds import keep_outlines
from infra.gateway.ml import networks
from infra.gateway.ml.live import LiveSuggestions
from tasks.detect.prompted.named import NamedNetwork, keep_network, note_network
from tasks.detect.prompted.sam import Embedded, PromptedNetwork
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.review.questions.kinds.outlines.mark import MARK_POLYGONS
from tasks.review.questions.kinds.outlines.outline import AnsweredOutline
from tests.detect.prompted.conftest import blank_weights, taught_weights
from tests.infra.suggesting.test_clicks import QUEUES, SEED, ask, clicked, predict
from tests.infra.suggesting.test_protocol import asking, live
from tests.suggest.outlining.scenes import cell, clicks_on

__all__ = ["asking", "blank_weights", "live", "taught_weights"]

POINTS = clicks_on(cell(SEED).inside, np.random.default_rng(1), 0.5)
SIZE = cell(SEED).inside.shape[1], cell(SEED).inside.shape[0]


def outlined(found: Any) -> list[AnsweredOutline]:
    """Return what a person has then, as it is read."""
    payload = MARK_POLYGONS.payload(width=SIZE[0], height=SIZE[1])
    parsed = MARK_POLYGONS.parse(payload, found["result"], QUEUES["polygons"])
    return [AnsweredOutline.model_validate(one) for one in parsed.said]


def wait_until_embedded(live: LiveSuggestions) -> None:
    deadline = time.monotonic() + 120
    while not all(one.embedded.done() for one in live.clicks._networks._seen.values()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def named(engine: Engine, store: FolderStore, weights: Path) -> NamedNetwork:
    network = keep_network(store, f"mobile_sam@{weights}")
    note_network(engine, "b", network)
    return network


def test_a_named_network_outlines_and_sees_each_picture_once(
    engine: Engine,
    store: FolderStore,
    tmp_path: Path,
    asking: httpx.Client,
    live: LiveSuggestions,
    taught_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[int, ...]] = []
    embed = PromptedNetwork.embed

    def counted(network: PromptedNetwork, picture: Any) -> Embedded:
        seen.append(picture.shape)
        return embed(network, picture)

    network = named(engine, store, taught_weights)
    monkeypatch.setattr(PromptedNetwork, "embed", counted)
    question_id = ask(engine, store, tmp_path / "p", "polygons")
    assert predict(asking, question_id, clicked(POINTS[:1])) is None
    wait_until_embedded(live)
    for _ in range(2):
        (one,) = outlined(predict(asking, question_id, clicked(POINTS)))
        assert one.clicks is not None and one.clicks.by == str(network)
        assert mask_iou(rasterised(one.shape), Raster(0, 0, cell(SEED).inside)) > 0.8
    assert seen == [(SIZE[1], SIZE[0], 3)]
    note_network(engine, "b", None)
    (one,) = outlined(predict(asking, question_id, clicked(POINTS)))
    assert one.clicks is not None and one.clicks.by == "grabcut", "the line wants colours again"


def test_a_mask_that_is_another_object_gives_way_to_colours(
    engine: Engine,
    store: FolderStore,
    tmp_path: Path,
    asking: httpx.Client,
    live: LiveSuggestions,
    blank_weights: Path,
) -> None:
    named(engine, store, blank_weights)
    question_id = ask(engine, store, tmp_path / "p", "polygons")
    predict(asking, question_id, clicked(POINTS[:1]))
    wait_until_embedded(live)
    (one,) = outlined(predict(asking, question_id, clicked(POINTS)))
    assert one.clicks is not None and one.clicks.by == "grabcut"
    assert mask_iou(rasterised(one.shape), Raster(0, 0, cell(SEED).inside)) > 0.75


def test_a_network_that_takes_its_time_or_dies_leaves_clicks_to_colours(
    engine: Engine,
    store: FolderStore,
    tmp_path: Path,
    asking: httpx.Client,
    live: LiveSuggestions,
    blank_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    may_go_on, tries = threading.Event(), []

    def dies(_network: PromptedNetwork, picture: Any) -> Embedded:
        tries.append(picture.shape)
        may_go_on.wait(60)
        raise RuntimeError("out of memory")

    named(engine, store, blank_weights)
    monkeypatch.setattr(PromptedNetwork, "embed", dies)
    monkeypatch.setattr(networks, "WAIT_S", 0.05)
    question_id = ask(engine, store, tmp_path / "p", "polygons")
    predict(asking, question_id, clicked(POINTS[:1]))
    with caplog.at_level(logging.INFO, "infra.gateway.ml.networks"):
        (slow,) = outlined(predict(asking, question_id, clicked(POINTS)))
        may_go_on.set()
        wait_until_embedded(live)
        (dead,) = outlined(predict(asking, question_id, clicked(POINTS)))
    assert slow.clicks is not None and dead.clicks is not None
    assert (slow.clicks.by, dead.clicks.by) == ("grabcut", "grabcut")
    assert "is not through with a picture yet" in caplog.text and "out of memory" in caplog.text
    assert len(tries) == 1, "what has failed is not tried at every click"
    monkeypatch.setattr(networks, "AGAIN_S", 0.0)
    predict(asking, question_id, clicked(POINTS[:1]))
    wait_until_embedded(live)
    assert len(tries) == 2, "and yet after a while: the store was away, or memory was short"


@pytest.mark.parametrize("harm", ["gone", "overwritten"])
def test_weights_that_are_lost_or_overwritten_leave_clicks_to_colours(
    engine: Engine,
    store: FolderStore,
    tmp_path: Path,
    asking: httpx.Client,
    blank_weights: Path,
    caplog: pytest.LogCaptureFixture,
    harm: str,
) -> None:
    network = named(engine, store, blank_weights)
    store.delete(network.key)
    if harm == "overwritten":
        store.put(network.key, b"something else")
    question_id = ask(engine, store, tmp_path / "p", "polygons")
    with caplog.at_level(logging.WARNING, "infra.gateway.ml.networks"):
        (one,) = outlined(predict(asking, question_id, clicked(POINTS)))
    assert one.clicks is not None and one.clicks.by == "grabcut"
    assert "does not outline" in caplog.text


def test_what_a_file_of_a_line_names_is_checked_and_kept_before_the_work(
    store: FolderStore, tmp_path: Path, blank_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(blank_weights.parent)
    line = {"collection": "cells", "classes": ["cell"], "label_kind": "masks", "retrain_after": 9}
    drawn = {**line, "annotator_pool": {"drawing": "extreme_points"}}
    kept = keep_outlines(store, {**drawn, "outlines_by": "mobile_sam@mobile_sam.pt"})
    monkeypatch.chdir(tmp_path)  # as a worker runs elsewhere
    assert str(keep_network(store, LineOptions.model_validate(kept).outlines_by)) == kept["outlines_by"]
    assert keep_outlines(store, drawn) == drawn
    with pytest.raises(BadWeights, match=r"there are no weights at mobile_sam\.pt"):
        keep_outlines(store, {**drawn, "outlines_by": "mobile_sam@mobile_sam.pt"})
