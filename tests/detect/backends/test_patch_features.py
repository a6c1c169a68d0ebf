"""Features of patches, from the weights that the demo brings along."""

from pathlib import Path

import numpy as np
import pytest

from blocks.errors import BadInput, BadOption, BadWeights
from infra.demo.run import STARTER
from tasks.detect.backends.patch_features import PatchReader


@pytest.fixture(scope="module")
def reader() -> PatchReader:
    return PatchReader(STARTER, side_px=64)


def grey(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 120, dtype=np.uint8)


def test_a_picture_of_any_shape_has_one_vector_for_each_8_px_of_the_square(reader: PatchReader) -> None:
    grids = reader.read([grey(30, 50), grey(200, 90)])
    assert grids.shape[:3] == (2, 8, 8)
    assert grids.dtype == np.float32


def test_only_patches_near_a_spot_change(reader: PatchReader) -> None:
    spotted = grey(64, 64)
    spotted[4:12, 4:12] = 0
    plain, changed = reader.read([grey(64, 64), spotted])
    apart = np.linalg.norm(plain - changed, axis=-1)
    assert apart[:2, :2].min() > 5 * apart[-1, -1]


def test_a_picture_is_seen_alike_alone_and_among_others(reader: PatchReader) -> None:
    images = [np.random.default_rng(seed).integers(0, 255, (64, 64, 3), dtype=np.uint8) for seed in range(11)]
    np.testing.assert_allclose(reader.read(images)[9], reader.read(images[9:10])[0], atol=1e-4)


def test_no_picture_has_no_patches(reader: PatchReader) -> None:
    assert reader.read([]).shape == (0, 0, 0, 0)


def test_the_model_names_weights_size_and_layers(reader: PatchReader) -> None:
    assert reader.model != PatchReader(STARTER, side_px=96).model
    assert reader.model != PatchReader(STARTER, side_px=64, layers=(4,)).model


def test_an_image_without_pixels_is_refused(reader: PatchReader) -> None:
    with pytest.raises(BadInput, match="image 1"):
        reader.read([grey(8, 8), grey(0, 8)])


@pytest.mark.parametrize("side_px", [0, 100])
def test_a_size_that_the_network_cannot_see_is_refused(side_px: int) -> None:
    with pytest.raises(BadOption, match="multiple of 32"):
        PatchReader(STARTER, side_px=side_px)


def test_layers_outside_the_backbone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match="backbone layers"):
        PatchReader(STARTER, layers=(50,))
    with pytest.raises(BadWeights):
        PatchReader(tmp_path / "none.pt")
