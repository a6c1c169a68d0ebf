"""A line's options in a file, as `labelline options` prints them; what is typed beside it goes before the file."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from blocks.errors import BadOption
from blocks.storage.outside_files import parse_yaml, read_bounded

if TYPE_CHECKING:
    from flows.options import LineOptions

MAX_OPTIONS_BYTES = 1_000_000

Value = TypeVar("Value")


def read_line_file(path: Path) -> "LineOptions":
    """Return the options of a line from a file, YAML or JSON.

    Raises:
        typer.BadParameter: The file holds no such options; says which is wrong, and what it takes.
    """
    from pydantic import ValidationError

    from flows.options import LineOptions
    from infra.cli.words import in_words

    try:
        said = parse_yaml(read_bounded(path, BadOption, MAX_OPTIONS_BYTES), path.name, BadOption)
        return LineOptions.model_validate(said)
    except (ValidationError, BadOption) as error:
        told = in_words(error) if isinstance(error, ValidationError) else str(error)
        raise typer.BadParameter(
            f"{path} holds no line options: {told}. `labelline options` prints all", param_hint="--line"
        ) from error


class OptionsGiven:
    """What holds of an option: what was typed, else what the file of a line says, else the default.

    Args:
        context: Of the command, which knows what was typed.
        line: The file's options; None: there is no file.
    """

    def __init__(self, context: typer.Context, line: "LineOptions | None") -> None:
        self._context, self._line = context, line

    def of(self, name: str, value: Value, in_file: "Callable[[LineOptions], Value]") -> Value:
        """Return the value of one option.

        Args:
            name: The command's parameter.
            value: What the command line gave for it, typed or not.
            in_file: Where it stands in the file.
        """
        source = self._context.get_parameter_source(name)  # of typer's own copy of click
        is_typed = source is not None and source.name != "DEFAULT"
        return value if is_typed or self._line is None else in_file(self._line)


def merged(file: dict[str, Any], typed: dict[str, Any]) -> dict[str, Any]:
    """Return the file's options with what holds on the command line in their place, models inside of it as well."""
    both = {
        name: merged(file[name], value) if isinstance(value, dict) and isinstance(file.get(name), dict) else value
        for name, value in typed.items()
        if name != "kinds"
    }
    kinds = {"kinds": typed["kinds"]} if "kinds" in typed else {}
    return {**file, **both, **kinds}
