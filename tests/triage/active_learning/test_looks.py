"""How pictures look without a network: alike or not, as far as colours, places and edges tell."""

import cv2
import numpy as np
import pytest

from blocks.database.tables import Item
from blocks.storage.stores import Store
from tasks.suggest.embedders.looks import NUMBERS, look_at
from tasks.triage.active_learning.diversity import k_center
from tasks.triage.active_learning.looks import looks_of
from tests.dataset.scenes import draw_scene


def stored(store: Store, name: str, pixels: np.ndarray) -> Item:
    """Put a picture into a store."""
    data = cv2.imencode(".png", pixels)[1].tobytes()
    store.put(name, data)
    height, width = pixels.shape[:2]
    facts = {"media_type": "image/png", "size_bytes": len(data), "width": width, "height": height}
    return Item(id=name, key=name, name=name, sequence=name, **facts)


def place(kind: int, seed: int) -> np.ndarray:
    """Draw one of three places: grass, a road across, a road down; at another moment each."""
    picture = np.full((90, 120, 3), ((60, 160, 60), (120, 120, 120), (40, 60, 120))[kind], np.uint8)
    if kind == 1:
        cv2.rectangle(picture, (0, 30), (119, 50), (255, 255, 255), -1)
    if kind == 2:
        cv2.rectangle(picture, (50, 0), (70, 89), (20, 20, 20), -1)
    noise = np.random.default_rng(seed).integers(0, 12, picture.shape, dtype=np.uint8)
    return cv2.add(picture, noise)


def test_the_first_ones_are_of_all_places_however_rare(store: Store) -> None:
    kinds = [0] * 20 + [1] * 3 + [2]
    items = [stored(store, f"{n}.png", place(kind, n)) for n, kind in enumerate(kinds)]
    chosen = k_center(looks_of(store, items), 3)
    assert {kinds[at] for at in chosen.tolist()} == {0, 1, 2}


def test_the_same_place_at_another_moment_is_nearer_than_another_place() -> None:
    one, again, other = look_at(place(1, 1)), look_at(place(1, 2)), look_at(place(2, 3))
    assert np.linalg.norm(one - again) < 0.3 * np.linalg.norm(one - other)


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 900, 3), (64, 64, 3)])
def test_pictures_of_any_shape_and_of_nothing_have_finite_looks(shape: tuple[int, int, int]) -> None:
    said = look_at(np.zeros(shape, np.uint8))
    assert said.shape == (NUMBERS,)
    assert np.isfinite(said).all()


def test_one_that_cannot_be_read_comes_last_and_stops_nobody(store: Store) -> None:
    items = [stored(store, f"{n}.png", draw_scene(n).pixels) for n in range(3)]
    store.put("0.png", b"no picture")
    looks = looks_of(store, items)
    assert looks.usable.tolist() == [False, True, True]
    assert k_center(looks, 3).tolist()[-1] == 0
    assert len(looks_of(store, [])) == 0
