"""SAM networks from files of outside: what they find is what ultralytics finds, and a wrong file is refused."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from blocks.errors import BadWeights
from tasks.detect.prompted.outline import outline_of
from tasks.detect.prompted.sam import SIDE_PX, Embedded, PromptedNetwork, inside_of, open_sam
from tasks.kinds.outlines.raster import Raster, mask_iou, rasterised
from tasks.kinds.outlines.simplify import corners_of
from tasks.suggest.outlining.extremes import Extremes
from tasks.suggest.outlining.grab import MOST_CORNERS
from tests.detect.prompted.networks import clicked_cell, save_blank

SMALL = Extremes((300, 60), (420, 150), (310, 260), (200, 140))


def by_ultralytics(network: PromptedNetwork, picture: Any, extremes: Extremes) -> Any:
    """Return what ultralytics' own predictor finds, all its steps taken as it takes them."""
    fresh = type(network._predictor)(overrides={"imgsz": 1024, "device": "cpu", "save": False, "verbose": False})
    fresh.setup_model(network._predictor.model, verbose=False)
    fresh.args.conf = -1e9  # whatever random numbers think of their mask
    fresh.set_prompts({"bboxes": [extremes.edges], "points": [inside_of(extremes)], "labels": [[1] * 4]})
    (result,) = fresh(picture)
    return result.masks.data[0].cpu().numpy().astype(np.bool_)


@pytest.mark.parametrize("name", ["mobile_sam", "sam2.1_t"])
def test_what_is_found_is_what_ultralytics_finds(tmp_path: Path, name: str) -> None:
    network = open_sam(save_blank(tmp_path / "weights.pt", name), name)
    picture = np.random.default_rng(0).integers(0, 255, (300, 500, 3), np.uint8)
    found = network.find(network.embed(picture), SMALL, (0, 0, 500, 300))
    assert found.shape == (300, 500)
    expected = by_ultralytics(network, picture, SMALL)
    assert 0.02 < expected.mean() < 0.98, "nothing to compare"
    assert (found == expected).mean() > 0.99
    left, top, right, bottom = box = (190, 50, 430, 270)
    assert (network.find(network.embed(picture), SMALL, box) == found[top:bottom, left:right]).all()
    large = Embedded(network.embed(picture).features, (50_000, 30_000))
    clicks = Extremes(*((100 * x, 100 * y) for x, y in SMALL.points))
    cells = network.find(large, clicks, (0, 0, 50_000, 30_000))
    assert cells.shape == (614, SIDE_PX), "no more than a network tells, of however many pixels"
    assert abs(cells.mean() - found.mean()) < 0.02


def test_a_network_that_knows_an_object_outlines_it_from_four_clicks_in_few_corners(taught_weights: Path) -> None:
    network = open_sam(taught_weights, "mobile_sam")
    one, extremes = clicked_cell()
    box = (0, 0, one.inside.shape[1], one.inside.shape[0])
    embedded = network.embed(one.picture)
    outline = outline_of(network.find(embedded, extremes, box), extremes, box)
    assert outline is not None
    assert mask_iou(rasterised(outline), Raster(0, 0, one.inside)) > 0.8
    assert corners_of(outline) <= MOST_CORNERS and len(outline.pieces) == 1
    assert (network.find(embedded, extremes, box) == network.find(embedded, extremes, box)).all(), (
        "asked again, the same"
    )


def test_a_network_of_random_numbers_outlines_nothing(blank_weights: Path) -> None:
    network = open_sam(blank_weights, "mobile_sam")
    network.try_out()
    one, extremes = clicked_cell()
    box = (0, 0, one.inside.shape[1], one.inside.shape[0])
    assert outline_of(network.find(network.embed(one.picture), extremes, box), extremes, box) is None


class Runs:
    """A pickle that would run something."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/ran",)


@pytest.mark.parametrize(
    ("held", "why"),
    [
        ({"weights": Runs()}, "cannot be loaded safely"),
        ([1, 2], "no table of tensors"),
        ({}, "no table of tensors"),
        ({"image_encoder": "none"}, "no table of tensors"),
        ({"image_encoder.x": torch.zeros(3)}, "none of mobile_sam"),
    ],
    ids=["runs", "list", "empty", "text", "another"],
)
def test_a_file_that_is_no_such_network_is_refused_and_nothing_of_it_runs(
    tmp_path: Path, held: object, why: str
) -> None:
    path = tmp_path / "weights.pt"
    torch.save(held, path)
    with pytest.raises(BadWeights, match=why):
        open_sam(path, "mobile_sam")


def test_a_file_that_is_missing_cut_short_or_of_another_network_is_refused(tmp_path: Path, blank_weights: Path) -> None:
    with pytest.raises(BadWeights, match="there are no weights"):
        open_sam(tmp_path / "nowhere.pt", "mobile_sam")
    cut = tmp_path / "cut.pt"
    cut.write_bytes(blank_weights.read_bytes()[:100_000])
    with pytest.raises(BadWeights, match="no whole PyTorch archive"):
        open_sam(cut, "mobile_sam")
    with pytest.raises(BadWeights, match="none of sam2_t"):
        open_sam(blank_weights, "sam2_t")
    state = torch.load(blank_weights, weights_only=True)
    del state["mask_decoder.iou_token.weight"]
    torch.save(state, cut)
    with pytest.raises(BadWeights, match=r"missing or unknown, such as mask_decoder\.iou_token"):
        open_sam(cut, "mobile_sam")
