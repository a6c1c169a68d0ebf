"""Networks by name and file: refused before the work where they cannot outline, and kept for the gateway."""

import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine

from blocks.database.engine import reading
from blocks.errors import BadOption, BadWeights
from blocks.storage.stores import FolderStore, Store
from flows.options import LineOptions
from tasks.detect.prompted.named import (
    NETWORKS,
    NamedNetwork,
    keep_again,
    keep_network,
    note_network,
    noted_network,
)
from tasks.intake.batches import BatchRef
from tasks.review import steps

CLICKED = {"collection": "cells", "classes": ("cell",), "annotator_pool": {"drawing": "extreme_points"}}


@pytest.mark.parametrize("name", NETWORKS)
def test_each_name_is_one_that_ultralytics_builds(name: str) -> None:
    from ultralytics.models.sam.build import sam_model_map

    assert f"{name}.pt" in sam_model_map


@pytest.mark.parametrize(
    ("given", "kind", "why"),
    [
        ("detr@x.pt", "polygons", "names no network that outlines"),
        ("mobile_sam", "polygons", "names no weights, and none come along"),
        ("mobile_sam@x.pt", "boxes", "nobody does"),
    ],
)
def test_a_line_refuses_what_cannot_outline(given: str, kind: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        LineOptions(**CLICKED, label_kind=kind, outlines_by=given)
    if kind == "polygons":
        with pytest.raises(ValidationError, match="nobody does"):
            LineOptions(collection="c", classes=("a",), label_kind=kind, outlines_by="mobile_sam@x.pt")
        assert LineOptions(**CLICKED, label_kind=kind).outlines_by == ""


def test_weights_that_are_not_there_or_another_network_s_are_refused(store: Store, blank_weights: Path) -> None:
    with pytest.raises(BadWeights, match=r"there are no weights at /nowhere/sam\.pt"):
        keep_network(store, "mobile_sam@/nowhere/sam.pt")
    with pytest.raises(BadWeights, match="none of sam2_t"):
        keep_network(store, f"sam2_t@{blank_weights}")
    with pytest.raises(BadOption, match="no network that outlines"):
        keep_network(store, f"yolo@{blank_weights}")
    assert not list(store.keys("outlining/"))


def test_what_is_named_is_kept_and_found_again_without_its_file(store: Store, blank_weights: Path) -> None:
    kept = keep_network(store, f"mobile_sam@{blank_weights}")
    assert list(store.keys("outlining/")) == [kept.key]
    assert keep_network(store, str(kept)) == kept, "as the command line hands it over to a worker elsewhere"
    assert NamedNetwork.of(str(kept)) == kept and NamedNetwork.of("mobile_sam@x.pt") is None


def test_a_batch_s_network_is_noted_until_colours_are_wanted_again(engine: Engine) -> None:
    network = NamedNetwork("mobile_sam", "0123456789ab")
    note_network(engine, "b", network)
    note_network(engine, "b", network)
    with reading(engine) as session:
        assert noted_network(session, "b") == network and noted_network(session, "other") is None
    note_network(engine, "b", None)
    with reading(engine) as session:
        assert noted_network(session, "b") is None


@pytest.fixture
def weights(tmp_path: Path, blank_weights: Path) -> Path:
    """A file that may be harmed."""
    return Path(shutil.copy(blank_weights, tmp_path / "mobile_sam.pt"))


def test_named_again_after_its_file_is_gone_what_was_kept_of_it_goes_on(
    engine: Engine, store: Store, weights: Path
) -> None:
    kept = keep_again(engine, store, f"mobile_sam@{weights}")
    weights.unlink()
    assert keep_again(engine, store, f"mobile_sam@{weights}") == kept
    with pytest.raises(BadWeights, match="there are no weights at"):
        keep_again(engine, store, f"sam_b@{weights}")
    assert keep_again(engine, store, str(kept)) == kept
    store.delete(kept.key)
    with pytest.raises(BadWeights, match="there are no weights at"):
        keep_again(engine, store, f"mobile_sam@{weights}")
    with pytest.raises(BadWeights, match="are gone from the object store: name their file again"):
        keep_again(engine, store, str(kept))


def test_named_again_what_is_kept_of_it_and_damaged_is_whole_again(store: Store, weights: Path) -> None:
    kept = keep_network(store, f"mobile_sam@{weights}")
    rotten = bytearray(weights.read_bytes())
    rotten[5000] ^= 1
    store.put(kept.key, bytes(rotten))
    assert keep_network(store, f"mobile_sam@{weights}") == kept
    assert store.get(kept.key) == weights.read_bytes()


def test_a_later_batch_without_the_option_leaves_an_earlier_one_its_network(
    engine: Engine, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(tmp_path / "objects")
    monkeypatch.setattr(steps, "open_catalog", lambda _plugs: engine)
    monkeypatch.setattr(steps, "open_store", lambda _plugs: store)
    first, later = (BatchRef(id=name, collection="cells", size=3) for name in ("first", "later"))
    chosen = steps.choose_outlines.fn(first, f"mobile_sam@{weights}")
    assert steps.choose_outlines.fn(later, "") == ""
    with reading(engine) as session:
        assert str(noted_network(session, "first")) == chosen and noted_network(session, "later") is None
