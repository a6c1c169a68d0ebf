"""What intake takes, a browser can be shown: large pictures made smaller, odd ones drawn, boxes at their places."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import Item
from blocks.storage.stores import Store
from infra.gateway.pictures import DIMMED, SHOWN_PIXELS, ItemPictures, KnownItem
from tasks.intake.decoding.budget import DECODING
from tasks.intake.decoding.headers import MAX_SIDE_PX
from tasks.intake.folders import take_in
from tasks.intake.images import decode_upright
from tests.intake.factories import draw_corners, encoded, tiff, with_orientation

RGB = draw_corners()


def taken(engine: Engine, store: Store, tmp_path: Path, data: bytes) -> tuple[ItemPictures, KnownItem]:
    """Take one picture in, and return the gateway's view of it."""
    path = tmp_path / "picture"
    path.write_bytes(data)
    report = take_in(engine, store, "c", [path])
    assert report.taken == 1, report
    pictures = ItemPictures(engine, store)
    with reading(engine) as session:
        item = pictures.find_item(session.exec(select(Item.id)).one())
    assert item is not None
    return pictures, item


@pytest.mark.parametrize(
    "data",
    [
        tiff((RGB / 255).astype(np.float32)),
        tiff((RGB / 255 * 4095).astype(np.uint16)),
        tiff(np.dstack([RGB, RGB[..., 0]])),
        encoded(RGB, "JPEG", quality=95)[:-2],
        with_orientation(RGB, 6),
        encoded(RGB, "TIFF", save_all=True, append_images=[Image.fromarray(RGB[::-1])]),
    ],
    ids=["floats", "12 bits", "four bands", "no end", "turned", "pages"],
)
def test_a_browser_is_shown_what_the_detector_sees(engine: Engine, store: Store, tmp_path: Path, data: bytes) -> None:
    pictures, item = taken(engine, store, tmp_path, data)
    shown = decode_upright(pictures.render(item, None))
    assert shown.shape == (32, 48, 3)
    assert (
        np.abs(shown[[4, 4, -4, -4], [4, -4, 4, -4]].astype(int) - RGB[[4, 4, -4, -4], [4, -4, 4, -4], ::-1]).max() < 15
    )
    assert decode_upright(pictures.render(item, (24, 0, 48, 16))).shape == (16, 24, 3)


def test_the_longest_picture_that_is_taken_is_shown(engine: Engine, store: Store, tmp_path: Path) -> None:
    pictures, item = taken(engine, store, tmp_path, encoded(Image.new("RGB", (MAX_SIDE_PX, 3), "red"), "TIFF"))
    assert decode_upright(pictures.render(item, None)).shape == (3, MAX_SIDE_PX, 3)


def test_what_browsers_cannot_hold_is_made_smaller_and_keeps_its_shape(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    large = Image.new("1", (12_000, 9_000), 1)
    large.paste(0, (0, 0, 6_000, 3_000))
    pictures, item = taken(engine, store, tmp_path, encoded(large))
    assert item.plain and not pictures.shows_as_stored(item)
    height, width = (shown := decode_upright(pictures.render(item, None))).shape[:2]
    assert width * height <= SHOWN_PIXELS < 12_000 * 9_000
    assert width / height == pytest.approx(12_000 / 9_000, rel=1e-3)
    corner = shown[round(height * 0.33), round(width * 0.49)], shown[round(height * 0.34), round(width * 0.51)]
    assert [int(pixel[0]) for pixel in corner] == [0, 255]  # per cent of it are per cent of the item
    assert decode_upright(pictures.render(item, (5_999, 2_999, 6_001, 3_001))).shape == (2, 2, 3)
    assert DECODING.try_take(DECODING.total) == DECODING.total  # all was given back
    DECODING.give_back(DECODING.total)


def test_what_is_outside_a_frame_is_dimmed_and_what_is_inside_is_as_it_was(
    engine: Engine, store: Store, tmp_path: Path
) -> None:
    pictures, item = taken(engine, store, tmp_path, encoded(Image.new("RGB", (64, 48), (200, 200, 200))))
    shown = decode_upright(pictures.render(item, (16, 8, 64, 48), (32, 16, 48, 40)))
    assert shown.shape == (40, 48, 3)
    assert np.abs(shown[12:28, 20:28].astype(int) - 200).max() < 6  # the frame is 16 to 32 across, 8 to 32 down here
    assert np.abs(shown[[2, 38, 20, 20], [24, 24, 2, 44]].astype(int) - 200 * DIMMED).max() < 6
    assert decode_upright(pictures.render(item, (16, 8, 64, 48)))[2, 24, 0] == pytest.approx(200, abs=6)
