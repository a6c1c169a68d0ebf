"""What a line that propagates learns between its rounds, from a film that is one sequence and has no test split."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from sqlalchemy import Engine

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Route, Source
from blocks.servers.experiments import Experiments
from blocks.storage.stores import Store
from tasks.detect.backends.safe_weights import open_network
from tasks.detect.models import open_detector
from tasks.detect.options import TilingOptions
from tasks.detect.proposers.propagated import open_propagated, read_known
from tasks.detect.refs import DetectorRef
from tasks.monitor.forgetting import forget_bookmarks_named
from tasks.settle.in_force import news_of
from tasks.suggest.paging.plan import RoundOptions
from tasks.train.between_rounds import (
    Learnt,
    learn_between_rounds,
    learnt_between_rounds,
    learnt_bookmark,
    note_learnt,
)
from tasks.train.options import TrainOptions
from tasks.train.propagating import find_propagated
from tests.dataset.scenes import draw_scene, settle_scenes
from tests.train.conftest import keep_weights, save_weights

SHORT = TrainOptions(epochs=1, batch=4, min_train_boxes=5, device="cpu")

Learn = Callable[..., DetectorRef | None]


@pytest.fixture
def settled(engine: Engine, store: Store) -> list[str]:
    """Six settled frames of a film; a seventh is taken in and not asked yet."""
    scenes = [draw_scene(number, sequence="film") for number in range(6)]
    ids = settle_scenes(engine, store, scenes, {"film": "train"})
    waits = settle_scenes(engine, store, [draw_scene(7, sequence="film")], {}, collection="other", batch_id="b2")
    rows = [{"collection": "lot", "uri": f"{id_}.png", "item_id": id_, "state": "taken"} for id_ in ids + waits]
    seen = [{"batch_id": "b1", "item_id": id_, "position": at, "route": Route.ASK.value} for at, id_ in enumerate(ids)]
    with writing(engine) as session:
        upsert(session, Source, rows)
        upsert(session, BatchItem, seen, update=("route",))
    return waits


@pytest.fixture
def learn(engine: Engine, store: Store, experiments: Experiments, tiling: TilingOptions) -> Learn:
    def learn_now(spec: str, options: TrainOptions = SHORT) -> DetectorRef | None:
        return learn_between_rounds(engine, store, experiments, "lot", spec, "boxes", options, tiling)

    return learn_now


def test_it_learns_from_a_film_without_a_test_split_and_proposes_on_what_is_left(
    engine: Engine,
    store: Store,
    experiments: Experiments,
    settled: list[str],
    base: DetectorRef,
    learn: Learn,
    tiling: TilingOptions,
) -> None:
    spec = f"propagate:{base.version}"
    assert learnt_between_rounds(engine, "lot", spec, base) is None
    learnt = learn(spec)
    assert learnt and learnt.version != base.version
    assert learnt_between_rounds(engine, "lot", spec, base) == learnt
    assert set(open_detector(store, learnt, 96).classes) == {"red", "blue"}
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b3", "collection": "lot"}])
        upsert(session, BatchItem, [{"batch_id": "b3", "item_id": settled[0], "position": 0}])
    where = (engine, store, experiments, "lot")
    ref = find_propagated(*where, spec, "boxes", "b3", learns=True)
    assert ref and ref.is_propagated
    assert read_known(store, ref).network_version == learnt.version
    assert find_propagated(*where, spec, learns=True) == find_propagated(*where, learnt.version) == learnt
    with reading(engine) as session:
        waits = [session.get_one(Item, settled[0])]
    torch = tiling.model_copy(update={"backend": "torch"})
    looked = list(open_propagated(engine, store, ref, torch).look(waits, ("red", "blue")))
    assert [one.item_id for one in looked] == settled, "it is looked at, whatever so short a training sees there"


@pytest.fixture
def learnt(engine: Engine, store: Store, base: DetectorRef, tmp_path: Path) -> DetectorRef:
    """What stands as learnt of a detector, for the collection `lot`."""
    weights = keep_weights(store, save_weights(tmp_path / "more.pt", ("red", "blue"), seed=1))
    note_learnt(engine, "lot", Learnt(spec=f"propagate:{base.version}", base_version=base.version, detector=weights))
    return weights


def test_what_was_learnt_proposes_only_while_the_line_asks_for_what_it_began_with(
    engine: Engine, store: Store, experiments: Experiments, base: DetectorRef, learnt: DetectorRef
) -> None:
    where, spec = (engine, store, experiments, "lot"), f"propagate:{base.version}"
    assert find_propagated(*where, spec, learns=True) == learnt
    assert find_propagated(*where, spec, learns=False) == base, "it was turned off"
    assert find_propagated(*where, f"propagate:{learnt.version}", learns=True) == learnt, "by name it is any other"
    nobody = find_propagated(*where, "propagate:nobody", learns=True)
    assert nobody and nobody.is_nobody
    assert learnt_between_rounds(engine, "lot", spec, learnt) is None, "another champion was promoted"
    assert learnt_between_rounds(engine, "other", spec, base) is None


def test_what_is_settled_on_pages_goes_along_for_a_detector_that_need_not_look_there(
    engine: Engine, store: Store, experiments: Experiments, base: DetectorRef, settled: list[str]
) -> None:
    (on_page,) = settle_scenes(engine, store, [draw_scene(9, sequence="film")], {}, batch_id="b4")
    with writing(engine) as session:
        upsert(session, Source, [{"collection": "lot", "uri": "9.png", "item_id": on_page, "state": "taken"}])
        paged = {"batch_id": "b4", "item_id": on_page, "position": 0, "route": Route.SURE.value}
        upsert(session, BatchItem, [paged], update=("route",))
        upsert(session, Batch, [{"id": "b5", "collection": "lot"}])
        upsert(session, BatchItem, [{"batch_id": "b5", "item_id": settled[0], "position": 0}])
    where = (engine, store, experiments, "lot")
    ref = find_propagated(*where, f"propagate:{base.version}", "boxes", "b5")
    assert ref
    known = read_known(store, ref)
    assert on_page not in known.frames and len(known.frames) == 6
    assert {item_id: len(boxes) for item_id, boxes in known.settled.items()} == {on_page: 4}
    alone = find_propagated(*where, "propagate:nobody", "boxes", "b5")
    assert alone and read_known(store, alone).settled == {}


def test_what_was_learnt_is_forgotten_with_its_collection(
    engine: Engine, base: DetectorRef, learnt: DetectorRef
) -> None:
    forget_bookmarks_named(engine, [learnt_bookmark("other")])
    assert learnt_between_rounds(engine, "lot", f"propagate:{base.version}", base) == learnt
    forget_bookmarks_named(engine, [learnt_bookmark("lot")])
    assert learnt_between_rounds(engine, "lot", f"propagate:{base.version}", base) is None


def test_the_same_labels_are_not_learnt_twice(
    experiments: Experiments, settled: list[str], base: DetectorRef, learn: Learn
) -> None:
    assert learn(f"propagate:{base.version}") == learn(f"propagate:{base.version}")
    ids = [experiments.experiment_id("lot")]
    assert len(experiments.client.search_runs(ids, filter_string="tags.`labelline.job` != ''")) == 1


def test_what_is_new_for_a_retraining_stays_new_over_two_rounds(
    engine: Engine, store: Store, settled: list[str], base: DetectorRef, learn: Learn
) -> None:
    before = news_of(engine, "lot")
    assert before.count == 24 and learn(f"propagate:{base.version}")
    assert news_of(engine, "lot") == before
    more = settle_scenes(engine, store, [draw_scene(8, sequence="film")], {}, batch_id="b4")
    assert len(more) == 1 and learn(f"propagate:{base.version}")
    assert news_of(engine, "lot").count == 28


def test_nothing_is_learnt_where_nothing_is_left_to_propose_on(
    engine: Engine, settled: list[str], base: DetectorRef, learn: Learn
) -> None:
    with writing(engine) as session:
        upsert(session, BatchItem, [{"batch_id": "b1", "item_id": settled[0], "position": 9}])
    assert learn(f"propagate:{base.version}") is None


@pytest.mark.parametrize(
    ("spec", "options"),
    [
        ("suggest", SHORT),
        ("propagate", SHORT),
        ("propagate:nobody", SHORT),
        ("propagate:nobody", SHORT.model_copy(update={"base": "yolov8n.pt"})),
    ],
    ids=["it does not propagate", "no champion", "nobody", "nobody, whatever a retraining begins with"],
)
def test_nothing_is_learnt_without_weights_to_begin_with(
    settled: list[str], learn: Learn, spec: str, options: TrainOptions
) -> None:
    assert learn(spec, options) is None


def test_too_few_labels_are_said_and_wait_for_the_next_round(
    engine: Engine, settled: list[str], base: DetectorRef, learn: Learn, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        assert learn(f"propagate:{base.version}", SHORT.model_copy(update={"min_train_boxes": 500})) is None
    assert "24 labels on 6 items to train on, and 500 are needed" in caplog.text
    assert learnt_between_rounds(engine, "lot", f"propagate:{base.version}", base) is None


def test_nothing_is_trained_unless_somebody_asks_for_it() -> None:
    assert RoundOptions().learn is False


def test_weights_that_propagate_and_cannot_be_trained_end_no_line(
    store: Store,
    settled: list[str],
    learn: Learn,
    tiny_weights: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fused = tmp_path / "fused.pt"
    torch.save({"model": open_network(tiny_weights).fuse(verbose=False), "train_args": {}}, fused)
    assert learn(f"propagate:{keep_weights(store, fused).version}") is None
    assert "goes on without: of weights" in caplog.text and "fuse()" in caplog.text


def test_a_training_that_fails_ends_no_line(
    settled: list[str],
    base: DetectorRef,
    learn: Learn,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert learn(f"propagate:{base.version}", SHORT.model_copy(update={"device": "cuda"})) is None
    assert "goes on without: training" in caplog.text
