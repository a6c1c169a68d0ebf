"""Scanning items: once each, with provenance, whatever fails on the way."""

import hashlib
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from sqlmodel import select

from blocks.database.engine import reading, upsert, writing
from blocks.database.tables import Batch, BatchItem, Item, Proposal, Scan
from blocks.errors import BadWeights
from tasks.detect import models
from tasks.detect.backends.safe_weights import version_of
from tasks.detect.options import TilingOptions
from tasks.detect.proposals import ProposalCounts, UnreadItem, proposal_id, proposals_of, propose
from tasks.detect.refs import DetectorRef
from tasks.detect.unknown_classes import lacking_classes
from tasks.intake.images import encode_jpeg
from tests.detect.scenes import ColourDetector, draw
from tests.scans import scan_of

OPTIONS = TilingOptions(tile_px=320, batch_size=4)
COLOURS = DetectorRef(version="0123456789ab", weights_key="weights/0123456789ab.pt", name="colours")


@pytest.fixture
def colours():
    """The exact detector of drawn scenes, warm: as if it had been loaded."""
    detector = ColourDetector()
    models._warm[COLOURS.version, 320, "auto"] = detector
    return detector


@pytest.fixture
def add_item(engine, store):
    def add(image, name="a.jpg", data=None):
        data = encode_jpeg(image, 95) if data is None else data
        item_id = hashlib.sha256(data).hexdigest()
        key = f"items/{item_id[:2]}/{item_id}.jpg"
        store.put(key, data)
        height, width = image.shape[:2]
        facts = {"id": item_id, "key": key, "name": name, "sequence": "s", "media_type": "image/jpeg", "plain": True}
        with writing(engine) as session:
            upsert(session, Item, [{**facts, "size_bytes": len(data), "width": width, "height": height}])
        with reading(engine) as session:
            return session.get(Item, item_id)

    return add


def rows(engine, table):
    with reading(engine) as session:
        return session.exec(select(table)).all()


def test_no_items_need_no_detector(engine, store):
    assert propose(engine, store, [], COLOURS, ("car",), OPTIONS) == ProposalCounts()


def test_objects_become_proposals_with_their_provenance(engine, store, add_item, colours):
    item = add_item(draw((900, 700), [[30, 40, 90, 80], [150, 300, 420, 360]]))
    counts = propose(engine, store, [item], COLOURS, ("car", "truck"), OPTIONS)
    assert (counts.items, counts.proposals, counts.tiles, counts.scanned_now) == (1, 2, 12, 1)
    assert counts.whole_frame == 2
    recipe = OPTIONS.recipe(("car", "truck"))
    found = proposals_of(engine, [item.id], COLOURS.version, recipe)[item.id]
    small = next(proposal for proposal in found if proposal.y_max < 200)
    assert np.abs(np.array([small.x_min, small.y_min, small.x_max, small.y_max]) - [30, 40, 90, 80]).max() <= 3
    assert (small.class_name, small.view, small.tile, small.seam) == ("car", "tile", "0,0,320,320", False)
    assert {part["view"] for part in small.merged_from} == {"tile", "whole"}
    assert small.id in {proposal_id(item.id, COLOURS.version, recipe, rank) for rank in range(2)}
    for proposal in found:
        assert proposal.score == pytest.approx(max(part["score"] for part in proposal.merged_from))
        for part in proposal.merged_from:
            assert len(part["box"]) == 4
            assert (part["tile"] is None) == (part["view"] == "whole")


def test_scanning_twice_changes_nothing_and_does_nothing(engine, store, add_item, colours):
    items = [add_item(draw((500, 400), [[20 * n, 30, 20 * n + 60, 80]])) for n in range(3)]
    first = propose(engine, store, items, COLOURS, ("car",), OPTIONS)
    before = [row.model_dump() for row in rows(engine, Proposal)]
    calls = len(colours.batch_sizes)
    again = propose(engine, store, items, COLOURS, ("car",), OPTIONS)
    assert again == first.model_copy(update={"scanned_now": 0})
    assert [row.model_dump() for row in rows(engine, Proposal)] == before
    assert len(colours.batch_sizes) == calls


def test_a_second_scan_needs_neither_weights_nor_torch(engine, store, add_item, colours):
    item = add_item(draw((400, 400), []))
    propose(engine, store, [item], COLOURS, ("car",), OPTIONS)
    code = (
        "import sys; from blocks.database.engine import open_engine, reading;"
        "from blocks.storage.stores import FolderStore;"
        "from blocks.database.tables import Item; from sqlmodel import select; from pathlib import Path;"
        "from tasks.detect.proposals import propose; from tasks.detect.refs import DetectorRef;"
        "from tasks.detect.options import TilingOptions;"
        "engine = open_engine(sys.argv[1]); items = reading(engine).__enter__().exec(select(Item)).all();"
        f"ref = DetectorRef(**{COLOURS.model_dump()!r}); options = TilingOptions(**{OPTIONS.model_dump()!r});"
        "counts = propose(engine, FolderStore(Path('nowhere')), items, ref, ('car',), options);"
        "assert counts.items == 1, counts; assert not {'torch', 'ultralytics', 'supervision'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, engine.url.render_as_string(hide_password=False)], check=True)


def test_an_item_that_fails_is_reported_and_the_rest_goes_on(engine, store, add_item, colours):
    good = add_item(draw((400, 400), [[10, 10, 60, 60]]))
    bad = add_item(draw((400, 400), []), data=b"no picture at all")
    counts = propose(engine, store, [bad, good], COLOURS, ("car",), OPTIONS)
    assert counts.items == 1
    assert counts.proposals == 1
    (aside,) = counts.set_aside
    assert aside.item_id == bad.id
    assert "not an image" in aside.reason
    assert [scan.item_id for scan in rows(engine, Scan)] == [good.id]


def test_an_item_whose_bytes_are_gone_is_reported(engine, store, add_item, colours):
    item = add_item(draw((400, 400), []))
    counts = propose(engine, store, [item.model_copy(update={"key": "items/aa/gone.jpg"})], COLOURS, ("car",), OPTIONS)
    assert [aside.item_id for aside in counts.set_aside] == [item.id]


def test_an_image_without_objects_is_scanned_too(engine, store, add_item, colours):
    item = add_item(draw((400, 400), []))
    counts = propose(engine, store, [item], COLOURS, ("car",), OPTIONS)
    assert (counts.items, counts.proposals) == (1, 0)
    (scan,) = rows(engine, Scan)
    assert np.frombuffer(scan.embedding, dtype=np.float16).shape == (3,)


def test_unwanted_classes_are_not_written_and_lacking_ones_are_named(engine, store, add_item, colours):
    item = add_item(draw((400, 400), [[10, 10, 60, 60]], "truck"))
    counts = propose(engine, store, [item], COLOURS, ("car", "minibus"), OPTIONS)
    assert counts.proposals == 0
    assert counts.lacking == ("minibus",)


def test_what_is_lacking_is_told_again_when_nothing_is_left_to_scan(engine, store, add_item, colours):
    item = add_item(draw((400, 400), [[10, 10, 60, 60]]))
    first = propose(engine, store, [item], COLOURS, ("car", "minibus"), OPTIONS)
    models.forget_detectors()  # the store has no such weights: they are not needed
    again = propose(engine, store, [item], COLOURS, ("car", "minibus"), OPTIONS)
    assert (again.lacking, again.proposals, again.scanned_now) == (first.lacking, first.proposals, 0)


def test_a_detector_that_knows_none_of_the_classes_looks_at_nothing(engine, store, add_item, colours, caplog):
    item = add_item(draw((400, 400), [[10, 10, 60, 60]]))
    counts = propose(engine, store, [item], COLOURS, ("cars", "minibus"), OPTIONS)
    assert (counts.items, counts.proposals, counts.lacking) == (0, 0, ("cars", "minibus"))
    assert rows(engine, Scan) == []
    assert "Did you mean 'car'" in caplog.text and "without boxes" in caplog.text
    assert lacking_classes(engine, COLOURS.version, ("car", "cars")) == ("cars",)
    assert lacking_classes(engine, "never loaded", ("car",)) == ()


def test_other_options_scan_anew_beside_the_old(engine, store, add_item, colours):
    item = add_item(draw((400, 400), [[10, 10, 60, 60]]))
    for options in (OPTIONS, OPTIONS.model_copy(update={"overlap_share": 0.4})):
        assert propose(engine, store, [item], COLOURS, ("car",), options).scanned_now == 1
    assert len({proposal.id for proposal in rows(engine, Proposal)}) == 2


def test_many_items_are_written_in_several_transactions(engine, store, add_item, colours):
    items = [add_item(draw((330, 330), [[n, n, n + 40, n + 40]])) for n in range(35)]
    assert propose(engine, store, items, COLOURS, ("car",), OPTIONS).proposals == 35


def test_a_real_network_is_loaded_once_for_two_shards(engine, store, add_item, tiny_weights):
    version = version_of(tiny_weights)
    store.put(f"weights/{version}.pt", tiny_weights)
    ref = DetectorRef(version=version, weights_key=f"weights/{version}.pt", name="tiny")
    rng = np.random.default_rng(0)
    items = [add_item(rng.integers(0, 255, (400, 500, 3), dtype=np.uint8)) for _ in range(4)]
    before = models.loads_of(version)
    for shard in (items[:2], items[2:]):
        assert propose(engine, store, shard, ref, ("car", "bus"), OPTIONS).items == 2
    assert models.loads_of(version) == before + 1
    assert {proposal.class_name for proposal in rows(engine, Proposal)} <= {"car", "bus"}
    assert all(scan.embedding for scan in rows(engine, Scan))


@pytest.mark.parametrize(("asked", "scanned"), [(("blood cell",), 0), (("car", "blood cell"), 1)])
def test_a_real_network_that_lacks_classes_goes_on_with_those_it_knows(
    engine, store, add_item, tiny_weights, asked, scanned
):
    version = version_of(tiny_weights)
    store.put(f"weights/{version}.pt", tiny_weights)
    ref = DetectorRef(version=version, weights_key=f"weights/{version}.pt", name="tiny")
    item = add_item(np.random.default_rng(0).integers(0, 255, (400, 500, 3), dtype=np.uint8))
    counts = propose(engine, store, [item], ref, asked, OPTIONS)
    assert (counts.items, counts.lacking) == (scanned, ("blood cell",))
    assert {proposal.class_name for proposal in rows(engine, Proposal)} <= {"car"}


def test_wrong_weights_stop_the_call_before_any_item_is_read(engine, store, add_item):
    store.put("weights/ffffffffffff.pt", b"not weights")
    ref = DetectorRef(version="f" * 12, weights_key="weights/ffffffffffff.pt", name="wrong")
    with pytest.raises(BadWeights):
        propose(engine, store, [add_item(draw((400, 400), []))], ref, ("car",), OPTIONS)
    assert rows(engine, Scan) == []


def test_counts_of_shards_add_up():
    one = ProposalCounts(items=2, proposals=5, lacking=("x",), set_aside=(UnreadItem(item_id="a", reason="b"),))
    both = one + ProposalCounts(items=1, tiles=9, lacking=("x", "y"))
    assert (both.items, both.proposals, both.tiles, both.lacking) == (3, 5, 9, ("x", "y"))
    assert len(both.set_aside) == 1


def test_proposals_of_no_items_and_of_unscanned_items_are_empty(engine):
    assert proposals_of(engine, [], "d", "r") == {}
    assert proposals_of(engine, ["x"], "d", "r") == {"x": []}


def test_the_step_sets_failed_items_aside_in_their_batch(engine, store, add_item, colours, monkeypatch):
    from tasks.detect import steps
    from tasks.intake.batches import Shard

    good, bad = add_item(draw((400, 400), [[10, 10, 60, 60]])), add_item(draw((9, 9), []), data=b"broken")
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b", "collection": "c"}])
        places = [{"batch_id": "b", "item_id": item.id, "position": n} for n, item in enumerate((good, bad))]
        upsert(session, BatchItem, places)
    monkeypatch.setattr(steps, "open_catalog", lambda _plugs: engine)
    monkeypatch.setattr(steps, "open_store", lambda _plugs: store)
    shard, scan = Shard(batch_id="b", start=0, stop=2), scan_of("b", COLOURS, tiling=OPTIONS)
    counts = steps.detect_shard.fn(shard, scan)
    assert len(counts.set_aside) == 1
    aside = {place.item_id: place.set_aside for place in rows(engine, BatchItem)}
    assert aside[good.id] is None
    assert "not an image" in aside[bad.id]
    assert steps.detect_shard.fn(shard, scan).set_aside == ()


@pytest.fixture
def batch_of_items(engine, store, add_item, monkeypatch):
    """A batch of eight items, and the step's plugs."""
    from tasks.detect import steps

    dice = np.random.default_rng(0)
    items = [add_item(dice.integers(0, 255, (330, 400, 3), dtype=np.uint8)) for _ in range(8)]
    with writing(engine) as session:
        upsert(session, Batch, [{"id": "b", "collection": "c"}])
        places = [{"batch_id": "b", "item_id": item.id, "position": n} for n, item in enumerate(items)]
        upsert(session, BatchItem, places)
    monkeypatch.setattr(steps, "open_catalog", lambda _plugs: engine)
    monkeypatch.setattr(steps, "open_store", lambda _plugs: store)
    return "b"


def shards_of(batch_id, count, size):
    from tasks.intake.batches import Shard

    return [Shard(batch_id=batch_id, start=n * size, stop=(n + 1) * size) for n in range(count)]


def test_a_run_of_several_shards_at_once_loads_its_detector_once_and_says_what_runs_it(
    engine, store, batch_of_items, tiny_weights, caplog, monkeypatch
):
    from tasks.detect import steps
    from tasks.detect.backends import auto as backends

    monkeypatch.setattr(backends, "WORTH_EXPORTING", 0)  # else a network this small is not worth choosing for
    version = version_of(tiny_weights)
    store.put(f"weights/{version}.pt", tiny_weights)
    ref = DetectorRef(version=version, weights_key=f"weights/{version}.pt", name="tiny")
    before = models.loads_of(version)
    with caplog.at_level("INFO"), ThreadPoolExecutor(4) as threads:
        shards = shards_of(batch_of_items, 4, 2)
        run = partial(steps.detect_shard.fn, scan=scan_of("b", ref, classes=("car", "bus"), tiling=OPTIONS))
        counts = list(threads.map(run, shards))
    assert [each.items for each in counts] == [2] * 4
    assert models.loads_of(version) == before + 1
    chosen = [line for line in caplog.messages if line.startswith(f"detector {version} runs in")]
    assert len(chosen) == 1
    assert "torch" in chosen[0]
    assert "ms a picture" in chosen[0] or "chosen earlier" in chosen[0]
    again = list(map(run, shards))  # a later run of a served process
    assert models.loads_of(version) == before + 1
    assert sum(each.scanned_now for each in again) == 0


def test_two_lines_in_one_process_switch_detectors_once(engine, store, batch_of_items, monkeypatch):
    from tasks.detect import steps
    from tasks.detect.turns import Turns

    refs = [DetectorRef(version=digit * 12, weights_key=f"weights/{digit}.pt", name=digit) for digit in "ab"]
    for ref in refs:
        models._warm[ref.version, 320, "auto"] = ColourDetector(version=ref.version)
    turns = Turns()
    monkeypatch.setattr(steps, "TURNS", turns)
    scans = [scan_of("b", ref, tiling=OPTIONS) for ref in refs]
    work = [(shard, scan) for shard in shards_of(batch_of_items, 4, 2) for scan in scans]
    with ThreadPoolExecutor(8) as threads, turns.of(f"{refs[0].version} 320 auto"):
        runs = [threads.submit(steps.detect_shard.fn, *each) for each in work]
        time.sleep(0.5)
    assert sum(run.result().items for run in runs) == 16
    assert turns.switches == 1
