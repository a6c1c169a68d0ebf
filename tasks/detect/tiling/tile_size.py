"""Choose tiles from the sizes of objects that a project knows."""

import numpy as np

from blocks.errors import NotEnoughData
from tasks.detect.options import TilingOptions
from tasks.detect.tiling.tiles import Floats

LARGEST_SHARE = 0.98
"""Share of objects that tiles must show whole; the few larger ones are left to the whole-image pass."""

TILES_PX = (320, 416, 512, 640, 768, 896, 1024, 1280)
"""Sides to choose from: networks have learnt objects at about their native size, so a tile is never scaled."""

OVERLAP_SHARES = (0.1, 0.5)
"""Below, even small objects are cut more often than need be; above, every pixel is looked at four times and more."""

MARGIN_PX = 16
"""What a network needs to see around an object."""


def tiling_for(sizes_wh_px: Floats, options: TilingOptions | None = None) -> TilingOptions:
    """Return options whose tiles overlap by as much as the largest usual object, so that some tile holds each whole.

    An object is seen whole by some tile, wherever it lies, if it is no longer than the overlap. Of all tiles the one
    that looks at the fewest pixels is taken; larger tiles need less overlap, smaller ones waste less at the border, and
    among equals the smaller one, which costs less memory.

    Args:
        sizes_wh_px: Shape (n, 2): width and height of known objects in pixels of their images, n at least 1.
        options: Everything else; the defaults if not given.

    Raises:
        NotEnoughData: There are no objects.
    """
    if not len(sizes_wh_px):
        raise NotEnoughData("tiles cannot be chosen from no objects: settle an item that has some, or give tile_px")
    options = options or TilingOptions()
    needed_px = float(np.quantile(np.asarray(sizes_wh_px).max(axis=1), LARGEST_SHARE)) + MARGIN_PX
    shares = [float(np.clip(needed_px / side, *OVERLAP_SHARES)) for side in TILES_PX]
    holds = [share * side >= needed_px for share, side in zip(shares, TILES_PX, strict=True)]
    # Pixels looked at, relative to those of the image: each tile brings (1 − share)² of its area as new, and joined
    # ones, of which only the outermost share anything, bring more.
    shared = [share / options.join for share in shares]
    looked = [1 / (1 - share) ** 2 if fits else np.inf for share, fits in zip(shared, holds, strict=True)]
    best = int(np.argmin(looked)) if any(holds) else len(TILES_PX) - 1
    default = TILES_PX.index(640)
    if holds[default] and looked[default] <= 1.3 * looked[best]:
        best = default  # what detectors were trained on, where it costs little more
    share = float(np.ceil(shares[best] * 100) / 100)
    return options.model_copy(
        update={"tile_px": TILES_PX[best], "overlap_share": min(share, OVERLAP_SHARES[1]), "whole_image": True}
    )
