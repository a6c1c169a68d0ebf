"""The recipe is what makes a second scan unnecessary: it must change with the boxes, and with nothing else."""

import pytest
from pydantic import ValidationError

from blocks.frozen import warn_once
from tasks.detect.options import TilingOptions


def test_a_recipe_is_twelve_hex_digits():
    assert len(TilingOptions().recipe(("car",))) == 12
    int(TilingOptions().recipe(("car",)), 16)


def test_a_recipe_ignores_the_order_and_repetition_of_classes():
    assert TilingOptions().recipe(("car", "bus")) == TilingOptions().recipe(("bus", "car", "car"))


@pytest.mark.parametrize(
    "change",
    [
        {"tile_px": 320},
        {"overlap_share": 0.3},
        {"min_score": 0.2},
        {"whole_image": False},
        {"backend": "openvino-bf16"},
        {"backend": "openvino-int8"},
        {"snug": True},
        {"join": 2},
    ],
)
def test_a_recipe_changes_with_what_changes_boxes(change):
    assert TilingOptions(**change).recipe(("car",)) != TilingOptions().recipe(("car",))


@pytest.mark.parametrize(
    "change", [{"batch_size": 1}, {"decode_threads": 5}, {"decoded_megapixels": 50}, {"backend": "opencv"}]
)
def test_a_recipe_ignores_how_fast_the_work_is_done(change):
    assert TilingOptions(**change).recipe(("car",)) == TilingOptions().recipe(("car",))


def test_a_recipe_of_before_tiles_could_be_snug_or_joined_is_still_the_same():
    assert TilingOptions(snug=False, join=1).recipe(("car",)) == "164a459c93b1"


@pytest.mark.parametrize(("coarse_score", "says"), [(0.0, False), (0.05, True)])
def test_a_line_saved_with_the_coarse_pass_loads_says_so_and_finds_what_other_lines_find(coarse_score, says, caplog):
    warn_once.cache_clear()
    options = TilingOptions.model_validate({"join": 2, "coarse_score": coarse_score})
    assert options == TilingOptions(join=2)
    assert ("option 'coarse_score' of TilingOptions is gone" in caplog.text) is says


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"join": 0}, "join"),
        ({"join": 9}, "join"),
        ({"overlap_share": 1.0}, "overlap_share"),
        ({"overlap_share": -0.1}, "overlap_share"),
        ({"tile_px": 0}, "tile_px"),
        ({"tile_px": 500}, "tile_px"),
        ({"batch_size": 0}, "batch_size"),
        ({"tile": 640}, "tile"),
    ],
)
def test_impossible_options_are_refused_by_name(wrong, field):
    with pytest.raises(ValidationError, match=field):
        TilingOptions(**wrong)
