"""Which column of a table of texts has what: as somebody says, or by the names of the columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from blocks.errors import BadOption
from blocks.frozen import Frozen
from tasks.intake.texts.letters import check_encoding

DELIMITERS = ",;\t|"

USUAL_NAMES = ("text", "sentence", "review", "message", "content", "body", "comment", "document")
"""Of the column with the texts, in the order in which they are looked for."""

SPLIT_COLUMN = "split"
"""Of the column that says in which part of a dataset a text is."""


class TextOptions(Frozen):
    """Where in a table the texts are, and how its letters are written."""

    column: str | None = Field(
        default=None,
        description="Column of a CSV file (its name, or its number from 1 where there are no names), or field of a "
        "JSON line, with the text. Empty: the only one, or one called `text`, `sentence`, `review` or the like.",
    )
    id_column: str | None = Field(
        default=None, description="Column or field with an id under which people find a text again. Empty: its line."
    )
    class_column: str | None = Field(
        default=None, description="Column or field with the class of a text, where labels are brought in or tested on."
    )
    encoding: str | None = Field(
        default=None, description="How letters are written, such as `cp1252`. Empty: UTF-8, or as the file's mark says."
    )

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, name: str | None) -> str | None:
        try:
            return check_encoding(name) if name else None
        except BadOption as error:
            raise ValueError(str(error)) from error


@dataclass(frozen=True, slots=True)
class ColumnPlaces:
    """In which columns of a CSV file what stands, from 0; and how many there are.

    Attributes:
        has_names: Whether the first row names columns.
        width: Columns of the first row.
    """

    text: int
    id: int | None
    class_: int | None
    has_names: bool
    width: int
    names: tuple[str, ...] = field(default=())
    split: int | None = None


def find_columns(
    path: Path, first: Sequence[str], options: TextOptions, classes_in: Sequence[str] = ()
) -> ColumnPlaces:
    """Say which column has what, by the first row of a CSV file; for `classes_in` see `rows_of`.

    Raises:
        BadOption: It has no such column, or it is not clear which one has the texts.
    """
    names = [name.strip() for name in first]
    asked = {"text": options.column, "id": options.id_column, "class": options.class_column}
    given = [name for name in asked.values() if name]
    has_numbers_for_names = all(name.isdecimal() for name in names) and set(given) <= set(names)
    by_number = bool(given) and all(name.isdecimal() for name in given) and not has_numbers_for_names
    where = {what: _place_of(path, names, name, by_number) if name else None for what, name in asked.items()}
    if classes_in and where["class"] is None:
        where["class"] = names.index(column_named(path, names, classes_in))
    text = where["text"]
    if text is None:
        if by_number:
            raise BadOption(
                f"{path.name}: columns are given by number, and not which one has the texts: give all of them"
            )
        text = _column_with_text(path, names, taken=[place for place in where.values() if place is not None])
    split = names.index(SPLIT_COLUMN) if SPLIT_COLUMN in names and not by_number else None
    return ColumnPlaces(text, where["id"], where["class"], not by_number, len(first), tuple(names), split)


def column_named(path: Path, names: Sequence[str], wanted: Sequence[str]) -> str:
    """Return the first column that is called as one of the wanted names, in their order.

    Raises:
        BadOption: None is.
    """
    found = next((name for each in wanted for name in names if name.strip().casefold() == each), None)
    if found is None:
        raise BadOption(
            f"{path.name} has the columns {', '.join(names[:20]) or 'none'}: say which one has the class "
            "(--class-column), by its name, or by its number where the first row is a text itself"
        )
    return found


def _place_of(path: Path, names: Sequence[str], name: str, by_number: bool) -> int:
    if by_number and 1 <= int(name) <= len(names):
        return int(name) - 1
    if not by_number and name in names:
        return names.index(name)
    raise BadOption(
        f"{path.name} has no column {name!r} (columns: {', '.join(names[:20])}): give one of these, or a number from 1"
    )


def _column_with_text(path: Path, names: Sequence[str], taken: Sequence[int]) -> int:
    left = [place for place in range(len(names)) if place not in taken]
    if len(left) == 1:
        return left[0]
    lower = [name.casefold() for name in names]
    usual = next((lower.index(name) for name in USUAL_NAMES if name in lower), None)
    if usual is None:
        raise BadOption(
            f"{path.name} has the columns {', '.join(names[:20]) or 'none'}: say which one has the texts "
            "(--text-column), by its name, or by its number where the first row is a text itself"
        )
    return usual


def field_with_text(path: Path, said: Mapping[str, Any], taken: str | None) -> str:
    """Return the field of a JSON line that has the text, and is not the one that has the class.

    Raises:
        BadOption: It is not clear which one.
    """
    texts = [name for name, value in said.items() if isinstance(value, str) and name != taken]
    usual = next((name for name in USUAL_NAMES if name in texts), texts[0] if len(texts) == 1 else None)
    if usual is None:
        named = ", ".join(list(said)[:20])
        raise BadOption(f"{path.name} has the fields {named}: say which one has the texts (--text-column)")
    return usual


def delimiter_of(path: Path, head: str) -> str:
    """Return the sign between the columns of a table, by its name and its first line."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    outside = "".join(head.split('"')[::2])
    return max(DELIMITERS, key=outside.count)
