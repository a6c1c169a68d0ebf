"""What classes of labels that come in are called here: as typed, and as a file says."""

from pathlib import Path

import typer

from blocks.errors import BadOption
from blocks.naming.names import check_class
from blocks.storage.outside_files import MOST_YAML_BYTES, parse_yaml, read_bounded

HINT = "--rename"


def parse_renames(texts: list[str], file: Path | None) -> dict[str, str]:
    """Return new names by old ones.

    Args:
        texts: Such as `vehicle=car`; a name with an equals sign in it stands in the file.
        file: YAML or JSON, old names with new ones behind them; None: there is none.

    Raises:
        typer.BadParameter: A text has another form, the file holds something else, a new name is none, or an old one
            has two.
    """
    pairs = [*_typed(texts), *(_in_file(file) if file else ())]
    names: dict[str, str] = {}
    for old, new in pairs:
        try:
            here = check_class(new)
        except ValueError as error:
            raise typer.BadParameter(f"{old!r} cannot be {new!r}: {error}", param_hint=HINT) from error
        if names.setdefault(old, here) != here:
            raise typer.BadParameter(f"{old!r} is to be {names[old]!r} and {here!r}: say one of them", param_hint=HINT)
    return names


def _typed(texts: list[str]) -> list[tuple[str, str]]:
    pairs = []
    for text in texts:
        old, sign, new = text.partition("=")
        if not (sign and old.strip() and new.strip()) or "=" in new:
            raise typer.BadParameter(f"{text!r}: expected OLD=NEW, such as vehicle=car", param_hint=HINT)
        pairs.append((old.strip(), new.strip()))
    return pairs


def _in_file(file: Path) -> list[tuple[str, str]]:
    try:
        said = parse_yaml(read_bounded(file, BadOption, MOST_YAML_BYTES), file.name, BadOption)
    except BadOption as error:
        raise typer.BadParameter(str(error), param_hint="--rename-file") from error
    # YAML reads `no` and `off` as false: such a name must stand in quotes.
    words = [word for pair in said.items() for word in pair] if isinstance(said, dict) else [None]
    if not all(isinstance(word, str | int) and not isinstance(word, bool) for word in words):
        raise typer.BadParameter(
            f"{file} holds no names: expected a line for each class, such as vehicle: car ("
            "yes, no and the like in quotes)",
            param_hint="--rename-file",
        )
    return [(str(old), str(new)) for old, new in said.items()]
