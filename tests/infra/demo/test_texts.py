"""Which texts the demo labels: real ones where they are and asked for, and a sentence where they are not."""

from pathlib import Path

import pytest

from blocks.errors import BadOption
from infra.demo.texts.run import SIZES, prepare_of


def test_letters_where_nothing_real_is(tmp_path: Path) -> None:
    demo = prepare_of(None, tmp_path / "nowhere")(tmp_path)
    assert demo.shown == "letters to a shop" and len(demo.world.pictures) == sum(SIZES)
    assert [part.items for part in demo.parts] == list(SIZES)


@pytest.mark.parametrize("texts", ["news", "messages"])
def test_real_texts_that_are_not_there_are_refused_with_a_way_out(tmp_path: Path, texts: str) -> None:
    with pytest.raises(BadOption, match="is not there: set LABELLINE_DATA to the folder that has it, or take the lett"):
        prepare_of(texts, tmp_path)


@pytest.mark.parametrize(("texts", "classes"), [("news", 4), ("messages", 2)])
def test_real_texts_are_drawn_each_once_with_their_class(
    shared_data: Path, tmp_path: Path, texts: str, classes: int
) -> None:
    demo = prepare_of(texts, shared_data)(tmp_path)
    pictures = demo.world.pictures.values()
    assert len(pictures) == sum(SIZES)
    assert {picture.class_name for picture in pictures} == set(demo.line.classes) and len(demo.line.classes) == classes
