"""Names that a person gives to classes are checked where they are typed."""

from pathlib import Path

import pytest
import typer

from infra.cli.typed.renames import parse_renames


def test_typed_names_and_a_file_are_one_mapping(tmp_path: Path) -> None:
    file = tmp_path / "names.yaml"
    file.write_text("'a=b': truck\n1: bus\nauto: car\n", encoding="utf-8")
    assert parse_renames(["vehicle = car", "auto=car"], file) == {
        "vehicle": "car",
        "auto": "car",
        "a=b": "truck",
        "1": "bus",
    }
    assert parse_renames([], None) == {}


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["car"], "expected OLD=NEW"),
        (["=car"], "expected OLD=NEW"),
        (["car="], "expected OLD=NEW"),
        (["a=b=c"], "expected OLD=NEW"),
        (["a=car", "a=bus"], "'a' is to be 'car' and 'bus'"),
        (["a=$price"], "'a' cannot be '\\$price'"),
    ],
)
def test_what_is_no_new_name_is_a_usage_error(texts: list[str], said: str) -> None:
    with pytest.raises(typer.BadParameter, match=said):
        parse_renames(texts, None)


@pytest.mark.parametrize("text", ["- car", "car", "car: [a]", "no: car", "car: yes", "car: ", "{", ""])
def test_a_file_without_names_is_a_usage_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "names.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(typer.BadParameter, match=r"names\.yaml"):
        parse_renames([], file)
