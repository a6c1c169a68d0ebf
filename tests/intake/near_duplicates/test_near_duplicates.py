"""Copies of another size, compression or light are found at intake, and shown; nothing is lost by it."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from sqlalchemy import Engine
from sqlmodel import select

from blocks.database.engine import reading
from blocks.database.tables import Item, Source
from blocks.database.vector_tables import NearDuplicate
from blocks.storage.stores import FolderStore
from tasks.intake.folders import find_images, take_in
from tasks.intake.near_duplicates.find import as_markdown, find_near_duplicates, near_duplicates_of
from tasks.intake.near_duplicates.fingerprints import BYTES, fingerprint_of_picture, fingerprint_of_text
from tasks.monitor.active_learning.label_rounds import originals_first
from tasks.monitor.collections import read_collections


def scene(seed: int) -> np.ndarray:  # type: ignore[type-arg]
    """Draw a few coloured shapes on a sloping background."""
    draw = np.random.default_rng(seed)
    slope = (
        np.linspace(*draw.integers(0, 255, 2), 320)[None, :, None]
        + np.linspace(0, draw.integers(-90, 90), 240)[:, None, None]
    )
    pixels = np.clip(np.broadcast_to(slope, (240, 320, 3)), 0, 255).astype(np.uint8).copy()
    for _ in range(6):
        centre = tuple(int(each) for each in draw.integers(20, 220, 2))
        cv2.circle(
            pixels, centre, int(draw.integers(15, 60)), tuple(int(each) for each in draw.integers(0, 255, 3)), -1
        )
    return pixels


def variants(pixels: np.ndarray) -> dict[str, tuple[np.ndarray, list[int]]]:  # type: ignore[type-arg]
    brighter = np.clip(pixels.astype(np.int16) + 12, 0, 255).astype(np.uint8)
    return {
        "small": (cv2.resize(pixels, (160, 120), interpolation=cv2.INTER_AREA), []),
        "pressed": (pixels, [cv2.IMWRITE_JPEG_QUALITY, 40]),
        "brighter": (brighter, []),
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "pictures"
    found.mkdir()
    for seed in range(8):
        cv2.imwrite(str(found / f"a{seed}.png"), scene(seed))
    for name, (pixels, how) in variants(scene(3)).items():
        cv2.imwrite(str(found / f"b-{name}.jpg"), pixels, how)
    return found


def test_copies_are_found_with_their_original_and_everything_stays(
    engine: Engine, tmp_path: Path, folder: Path
) -> None:
    report = take_in(engine, FolderStore(tmp_path / "objects"), "scenes", find_images(folder), folder=folder)
    found = find_near_duplicates(engine, "scenes")
    assert report.taken == 11
    assert (found.originals, found.copies) == (1, 3)
    assert sorted(found.shown) == [(f"b-{name}.jpg", "a3.png") for name in ("brighter", "pressed", "small")]
    assert str(found) == "3 near-duplicates of 1 others"
    with reading(engine) as session:
        assert len(session.exec(select(Source)).all()) == 11
    assert read_collections(engine)[0].near_duplicates == 3
    assert "| b-small.jpg | a3.png |" in as_markdown("scenes", found)


def test_what_was_compared_once_is_not_compared_again_and_later_copies_are_found(
    engine: Engine, tmp_path: Path, folder: Path
) -> None:
    store = FolderStore(tmp_path / "objects")
    take_in(engine, store, "scenes", find_images(folder), folder=folder)
    first = find_near_duplicates(engine, "scenes")
    assert find_near_duplicates(engine, "scenes") == first
    cv2.imwrite(str(folder / "c-late.jpg"), scene(5), [cv2.IMWRITE_JPEG_QUALITY, 60])
    take_in(engine, store, "scenes", find_images(folder), folder=folder)
    assert find_near_duplicates(engine, "scenes").copies == 4
    with reading(engine) as session:
        compared = session.exec(select(NearDuplicate)).all()
        names = dict(session.exec(select(Item.id, Item.name)).all())
    assert {names[one.item_id]: names[one.of_item_id] for one in compared if one.of_item_id}["c-late.jpg"] == "a5.png"
    assert near_duplicates_of(engine, "others").copies == 0


def test_a_picture_turned_by_its_header_is_the_same_and_one_of_another_colour_is_not() -> None:
    upright = Image.fromarray(scene(1))
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    assert fingerprint_of_picture(turned, 6) == fingerprint_of_picture(upright)
    assert len(fingerprint_of_picture(upright.convert("P"))) == BYTES
    red, green = (
        fingerprint_of_picture(Image.new("RGB", (40, 30), colour)) for colour in ((200, 30, 30), (30, 200, 30))
    )
    assert red[:32] == green[:32]
    assert red[32:] != green[32:]


def test_flat_pictures_of_two_colours_are_no_copies(engine: Engine, tmp_path: Path) -> None:
    for name, colour in {"red": (30, 30, 200), "green": (30, 200, 30), "green-too": (30, 204, 30)}.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((30, 40, 3), colour, np.uint8))
    take_in(engine, FolderStore(tmp_path / "objects"), "flat", find_images(tmp_path), folder=tmp_path)
    assert find_near_duplicates(engine, "flat").shown == (("green.png", "green-too.png"),)


def test_texts_that_differ_in_case_and_signs_are_alike_and_others_are_not() -> None:
    one = fingerprint_of_text("Rain, in the North!")
    assert fingerprint_of_text("  rain in the NORTH ") == one
    assert fingerprint_of_text("rain in the south") != one
    assert fingerprint_of_text("?!") != fingerprint_of_text("!?")
    assert fingerprint_of_text("雨") != fingerprint_of_text("雪")


def test_rounds_ask_about_the_original_before_its_copies() -> None:
    free: dict[str, str | None] = {"a": "train", "b": None, "c": "train"}
    assert list(originals_first(free, {"b": "a", "c": "gone before"})) == ["a", "c"]
    assert list(originals_first({"b": None}, {"b": "a"})) == ["b"]


@pytest.mark.parametrize("size_wh", [(320, 240), (20, 30), (7, 1000)], ids=["usual", "tiny", "tall"])
def test_a_picture_of_numbered_colours_has_the_fingerprint_of_its_colours(size_wh: tuple[int, int]) -> None:
    numbered = Image.fromarray(scene(5)).resize(size_wh).quantize(64)
    one, other = (
        np.unpackbits(np.frombuffer(fingerprint_of_picture(image)[:32], np.uint8))
        for image in (numbered, numbered.convert("RGB"))
    )
    assert (one != other).sum() <= 12
