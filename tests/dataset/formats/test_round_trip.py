"""What is written in a format is read again: any picture, any box, any class, within a hundredth of a pixel."""

from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from blocks.shapes import Bounds
from blocks.storage.stores import FolderStore
from tasks.dataset.formats.opened import open_dataset
from tasks.dataset.formats.reading.pictures import ReadPicture
from tasks.dataset.formats.registry import FORMATS
from tasks.dataset.take_along import Format, take_along
from tests.dataset.random_labels import Drawn, settle
from tests.examples import examples

BOXES = [name for name, each in FORMATS.items() if "box" in each.shapes and name in Format.__args__]

NAMES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12)
"""Of classes; what blanks around names become is the business of those who take them in."""

FILES = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters='/\\:*?"<>|.'), min_size=1, max_size=12)
"""Of files that leave under their own name: others get one that every system takes, and hidden ones never came in."""


@st.composite
def drawn_pictures(draw: st.DrawFn) -> list[Drawn]:
    names = draw(st.lists(FILES, min_size=1, max_size=3, unique_by=str.casefold))
    classes = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    found = []
    for number, name in enumerate(names):
        width, height = draw(st.integers(1, 32_000)), draw(st.integers(1, 32_000))
        sides = st.floats(0, 1, allow_subnormal=False)
        corners = draw(st.lists(st.tuples(sides, sides, sides, sides), max_size=5))
        boxes = [
            (min(a, c) * width, min(b, d) * height, max(a, c) * width, max(b, d) * height) for a, b, c, d in corners
        ]
        large = [box for box in boxes if box[2] - box[0] > 0.05 and box[3] - box[1] > 0.05]
        labels = {tuple(round(edge, 1) for edge in box): box for box in large}.values()
        split = ("train", "val", "test")[number % 3]
        found.append(
            Drawn(f"{name}.jpg", (width, height), tuple((draw(st.sampled_from(classes)), box) for box in labels), split)
        )
    return found


def far(edges: Bounds, others: Bounds) -> float:
    return max(abs(one - other) for one, other in zip(edges, others, strict=True))


def read_back(folder: Path, fmt: str, pictures: list[Drawn]) -> list[ReadPicture]:
    sizes = {drawn.name.removesuffix(".jpg"): drawn.size_wh for drawn in pictures}

    def size_of(name: str) -> tuple[int, int] | None:
        return next((size for stem, size in sizes.items() if name.removesuffix(".jpg").endswith(stem)), None)

    with open_dataset(folder, fmt, size_of) as dataset:
        found = list(dataset.pictures())
        assert [problem.told() for problem in dataset.problems] == []
        return found


@pytest.mark.parametrize("fmt", BOXES)
def test_every_label_comes_back(engine: Engine, tmp_path: Path, fmt: Format) -> None:
    store = FolderStore(tmp_path / "objects")

    @settings(max_examples=examples(8, 400), deadline=None)
    @given(drawn_pictures())
    def come_back(pictures: list[Drawn]) -> None:
        collection = uuid4().hex
        settle(engine, collection, pictures, batch_id=collection)
        with TemporaryDirectory(dir=tmp_path) as folder:
            place = Path(folder) / "out"
            result = take_along(engine, store, collection, place, fmt, "none")
            found = read_back(place, fmt, pictures)
        assert sum(result.pictures.values()) == len(found) == len(pictures)
        came = sorted((len(each.labels or ()), each.split or "") for each in found)
        assert came == sorted((len(drawn.labels), drawn.split) for drawn in pictures)
        back = [(label.class_name, label.shape.bounds()) for each in found for label in each.labels or ()]
        for name, edges in (label for drawn in pictures for label in drawn.labels):
            nearest = min((far(edges, box), box) for found_name, box in back if found_name == name)
            assert nearest[0] < 0.01
            back.remove((name, nearest[1]))

    come_back()
