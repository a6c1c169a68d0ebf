"""A look into a folder before it is taken in: no pictures is refused, what a pattern does is shown."""

from pathlib import Path

import pytest

from blocks.errors import BadOption
from tasks.intake.preview import look_into

PNG = b"\x89PNG\r\n\x1a\n----"


def fill(folder: Path, *names: str, data: bytes = PNG) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def test_pictures_are_known_by_how_they_begin_whatever_their_name(tmp_path: Path) -> None:
    fill(tmp_path, "a.png", "b.jfif", "deep/no-suffix")
    fill(tmp_path, "notes.odt", "empty.jpg", data=b"")
    look = look_into(tmp_path)
    assert (look.files, look.pictures, look.is_all) == (5, 3, True)


@pytest.mark.parametrize("names", [[], ["classes.txt", "a.xml"], [".hidden.png"]])
def test_a_folder_without_files_that_may_be_pictures_is_refused(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(BadOption, match="holds no images"):
        look_into(fill(tmp_path, *names))


def test_a_folder_without_a_picture_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    fill(tmp_path, "a.pdf", "b.PDF", "c.docx", data=b"%PDF")
    with pytest.raises(BadOption, match=r"has 3 files \(2 \.pdf, 1 \.docx\) and none is a picture"):
        look_into(tmp_path)


def test_what_a_pattern_makes_of_the_names_is_told(tmp_path: Path) -> None:
    fill(tmp_path, "flight1/a.png", "flight1/b.png", "flight2/a.png", "other.png")
    told = look_into(tmp_path, r"(flight\d)/").about_sequences()
    assert (
        told == "the pattern makes 2 sequences of 4 files: 'flight1', 'flight2'; it finds nothing in 1 of their paths"
    )


def test_a_pattern_without_a_group_takes_all_that_it_finds(tmp_path: Path) -> None:
    assert look_into(fill(tmp_path, "cam1_a.png", "cam2_b.png"), r"cam\d").sequences == ("cam1", "cam2")


def test_a_pattern_that_finds_nothing_is_refused_with_a_path_that_it_missed(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match=r"'flight' finds nothing in any of the 1 paths .* such as 'deep/a.png'"):
        look_into(fill(tmp_path, "deep/a.png"), "flight")


def test_a_name_that_is_no_text_is_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / b"caf\xe9_1.png".decode("utf-8", "surrogateescape")).write_bytes(PNG)
    assert look_into(tmp_path, "(caf.)").sequences == ("caf�",)
