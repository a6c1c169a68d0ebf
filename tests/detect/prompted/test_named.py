"""Networks by name and file: refused before the work where they cannot outline, and kept for the gateway."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine

from blocks.database.engine import reading
from blocks.errors import BadOption, BadWeights
from blocks.storage.stores import Store
from flows.options import LineOptions
from tasks.detect.prompted.named import NETWORKS, NamedNetwork, keep_network, note_network, noted_network

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


def test_a_collection_s_network_is_noted_until_colours_are_wanted_again(engine: Engine) -> None:
    network = NamedNetwork("mobile_sam", "0123456789ab")
    note_network(engine, "cells", network)
    note_network(engine, "cells", network)
    with reading(engine) as session:
        assert noted_network(session, "cells") == network and noted_network(session, "other") is None
    note_network(engine, "cells", None)
    with reading(engine) as session:
        assert noted_network(session, "cells") is None
