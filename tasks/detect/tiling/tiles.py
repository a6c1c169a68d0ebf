"""Where tiles lie on an image, and which of their sides are seams. Pure geometry: no pixels are touched here."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from blocks.errors import BadOption

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

STEP_PX = 32
"""Most networks halve a picture five times: its sides must be multiples of this. Some (P6) halve it once more."""


@dataclass(frozen=True, slots=True)
class TileGrid:
    """Tiles that cover one image.

    Attributes:
        size_wh: Width and height of the image in pixels.
        tiles_xyxy_px: Shape (t, 4), int64, row by row from the top left; t is at least 1. Every tile lies inside the
            image; all have the same size, that of the image along an axis where the image is smaller than a tile.
    """

    size_wh: tuple[int, int]
    tiles_xyxy_px: Ints

    def __len__(self) -> int:
        return len(self.tiles_xyxy_px)


def lay_tiles(
    size_wh: tuple[int, int], tile_px: int, overlap_share: float, snug: bool = False, join: int = 1
) -> TileGrid:
    """Cover an image with as few tiles as the least overlap allows, spread evenly.

    1920 pixels at 640 and 0.2 need four tiles. Full-sized and evenly spread, they overlap by 213 pixels instead of 128,
    so that more objects are seen twice; snug, they are 576 pixels wide and overlap by 128: a tenth less to look at.
    Joined by up to three, they are one: at the same scale, a network says of each place what it says in a small tile,
    but for the edges, and what neighbours would have shared is looked at once.

    Args:
        size_wh: Width and height of the image in pixels, each at least 1.
        tile_px: Side of a tile in pixels.
        overlap_share: Least overlap of neighbours as a share of `tile_px`, from 0 to less than 1.
        snug: Tiles are no larger than that overlap needs, in steps that networks can see.
        join: Tiles that are looked at side by side as one, along each axis: then a tile of the grid has up to this many
            times the side, is snug, and overlaps its neighbours by as much as before.

    Raises:
        BadOption: The image has no pixels, or the overlap leaves no step between tiles.
    """
    width, height = size_wh
    if width < 1 or height < 1:
        raise BadOption(f"an image of {width}×{height} pixels cannot be tiled: expected at least 1×1")
    overlap_px = round(tile_px * overlap_share)
    if tile_px < 1 or not 0 <= overlap_px < tile_px:
        raise BadOption(
            f"tiles of {tile_px} px cannot overlap by {overlap_share:g} of their side ({overlap_px} px): the overlap "
            "must be at least 0 and smaller than the tile. Lower overlap_share."
        )
    side_px, snug = tile_px * join, snug or join > 1
    x_min, tile_width = _starts(width, side_px, overlap_px, snug)
    y_min, tile_height = _starts(height, side_px, overlap_px, snug)
    corners = np.stack(np.meshgrid(x_min, y_min), axis=-1).reshape(-1, 2)
    return TileGrid(size_wh, np.hstack([corners, corners + np.array([tile_width, tile_height])]).astype(np.int64))


def _starts(length_px: int, tile_px: int, overlap_px: int, snug: bool) -> tuple[Ints, int]:
    """Return where tiles begin along one axis, the first at 0, the last so that it ends at the image's end; and a side.

    The side is that of all tiles along this axis.
    """
    if length_px <= tile_px:
        return np.zeros(1, dtype=np.int64), length_px
    count = -(-(length_px - overlap_px) // (tile_px - overlap_px))
    if snug:
        needed_px = -(-(length_px + (count - 1) * overlap_px) // count)
        tile_px = min(tile_px, round_up(needed_px))
    # Rounded down, so that two neighbours never part by a pixel more than the exact step.
    return np.arange(count, dtype=np.int64) * (length_px - tile_px) // (count - 1), tile_px


def round_up(length_px: int, step_px: int = STEP_PX) -> int:
    """Return the least side of a picture that holds a length: the next multiple of a network's stride."""
    return -(-length_px // step_px) * step_px


@dataclass(frozen=True, slots=True)
class Regions:
    """What each view of an image sees of it: its tiles, and perhaps all of it at once.

    Attributes:
        size_wh: Width and height of the image in pixels.
        xyxy_px: Shape (v, 4), float64.
        whole: Shape (v,), True for a view of the whole image made smaller.
    """

    size_wh: tuple[int, int]
    xyxy_px: Floats
    whole: Flags

    @property
    def seams(self) -> Flags:
        """Shape (v, 4): which of a view's sides (x_min, y_min, x_max, y_max) are inside the image, and so may cut."""
        width, height = self.size_wh
        seams: Flags = self.xyxy_px != np.array([0, 0, width, height], dtype=np.float64)
        return seams

    def name(self, view: int) -> str:
        """Return a view's rectangle as `x_min,y_min,x_max,y_max`."""
        return ",".join(str(round(edge)) for edge in self.xyxy_px[view])

    def kind(self, view: int) -> Literal["tile", "whole"]:
        """Say whether a view is a tile or the whole image."""
        return "whole" if self.whole[view] else "tile"


def regions_of(
    size_wh: tuple[int, int], tile_px: int, overlap_share: float, whole_image: bool, snug: bool = False, join: int = 1
) -> Regions:
    """Return all views of an image: its tiles (see `lay_tiles`), then the whole if asked for.

    An image that fits one tile is looked at once: as a whole if asked for (and then made larger to fill the network's
    input, as detectors were trained), as a tile otherwise. What fits only a joined tile is looked at in both ways.
    """
    width, height = size_wh
    tiles = lay_tiles(size_wh, tile_px, overlap_share, snug, join).tiles_xyxy_px.astype(np.float64)
    if whole_image:
        all_of_it = np.array([[0, 0, width, height]], dtype=np.float64)
        tiles = np.vstack([tiles, all_of_it]) if max(size_wh) > tile_px else all_of_it
    whole = np.zeros(len(tiles), dtype=np.bool_)
    whole[-1] = whole_image
    return Regions(size_wh, tiles, whole)
