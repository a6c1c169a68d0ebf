"""Networks that halve a picture six times see sides of 64: in every back end, for tiles and wholes."""

import numpy as np
import pytest

from tasks.detect.backends.choice import installed
from tasks.detect.backends.exports import known_stride
from tasks.detect.backends.safe_weights import open_network, stride_of, version_of
from tasks.detect.models import forget_detectors, load_detector
from tasks.detect.options import TilingOptions
from tasks.detect.stream import Found, ImageSource, find_objects
from tests.detect.conftest import TINY_PLAN, save_tiny

BACKENDS = ["torch", "opencv", *installed("onnxruntime", "openvino")]
ODD = [(882, 215), (65, 33), (97, 96), (160, 160), (31, 400)]
"""Sizes (width, height), the first half of that in an issue of ultralytics (18968)."""

P6_PLAN = {
    **TINY_PLAN,
    "backbone": [*TINY_PLAN["backbone"][:-1], [-1, 1, "Conv", [512, 3, 2]], TINY_PLAN["backbone"][-1]],
    "head": [[[2, 3, 4, 6], 1, "Detect", ["nc"]]],
}


@pytest.fixture(scope="module")
def p6_weights(tmp_path_factory):
    """A network of strides 8, 16, 32 and 64."""
    return save_tiny(tmp_path_factory.mktemp("p6") / "p6.pt", plan=P6_PLAN)


def test_a_network_says_its_stride(p6_weights, tiny_weights) -> None:
    assert stride_of(open_network(p6_weights)) == 64
    assert stride_of(open_network(tiny_weights)) == 32


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("tile_px", [160, 192])
def test_a_network_of_stride_64_looks_at_every_picture_through_tiles(p6_weights, backend, tile_px) -> None:
    detector = load_detector(p6_weights, version_of(p6_weights), tile_px, backend)
    assert (detector.stride, detector.imgsz) == (64, 192)
    noise = np.random.default_rng(0)
    sources = [
        ImageSource(str(size), size, lambda size=size: noise.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))
        for size in ODD
    ]
    for options in ({}, {"snug": True, "join": 2}):
        tiling = TilingOptions(tile_px=tile_px, backend=backend, **options)
        found = list(find_objects(sources, detector, [0, 1, 2], tiling))
        assert all(isinstance(each, Found) for each in found), found
        assert len(found) == len(ODD)


@pytest.mark.parametrize("backend", BACKENDS)
def test_whole_images_of_any_shape_are_seen(p6_weights, backend) -> None:
    detector = load_detector(p6_weights, version_of(p6_weights), 160, backend)
    images = [np.full((height, width, 3), 90, np.uint8) for width, height in ODD]
    assert len(detector.predict(images)) == len(ODD)
    assert detector.embed(images).shape[0] == len(ODD)


def test_back_ends_agree_on_what_such_a_network_finds(p6_weights) -> None:
    image = np.random.default_rng(1).integers(0, 255, (130, 300, 3), dtype=np.uint8)
    said = [load_detector(p6_weights, version_of(p6_weights), 192, name).predict([image], 0.05)[0] for name in BACKENDS]
    for other in said[1:]:
        np.testing.assert_allclose(np.sort(other.confidence)[-20:], np.sort(said[0].confidence)[-20:], atol=0.01)


def test_the_stride_is_known_from_an_export_without_opening_the_weights(p6_weights) -> None:
    version = version_of(p6_weights)
    load_detector(p6_weights, version, 160, "opencv")
    assert known_stride(version) == 64
    forget_detectors()
    assert load_detector(p6_weights, version, 160, "opencv").imgsz == 192
