"""What a person types, as the line's options understand it."""

from pathlib import Path

import typer
from pydantic import ValidationError


def people_of_line(path: Path) -> list[str]:
    """Return the e-mails of all whom a line's options name: who finds, who knows kinds, and their referees.

    Args:
        path: A JSON file of `LineOptions`, as a run of `label` takes them.

    Raises:
        typer.BadParameter: The file holds no such options.
    """
    from flows.options import LineOptions

    try:
        line = LineOptions.model_validate_json(path.read_text())
    except (ValidationError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path} holds no line options: {error}", param_hint="--line") from error
    return sorted({email for staff in (line.finders, line.experts) for email in (*staff.annotators, *staff.referees)})


def parse_classes(text: str) -> tuple[str, ...]:
    """Return class names from `car,truck,bus`.

    Raises:
        typer.BadParameter: None is named, or one twice.
    """
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise typer.BadParameter("no class is named; expected such as car,truck,bus", param_hint="--classes")
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise typer.BadParameter(f"named twice: {', '.join(doubled)}", param_hint="--classes")
    return names


def parse_kinds(texts: list[str], classes: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the kinds by class from texts such as `truck=box,tanker`.

    Raises:
        typer.BadParameter: A text has another form, or names a class that is not asked for.
    """
    kinds: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, _, listed = text.partition("=")
        names = tuple(kind.strip() for kind in listed.split(",") if kind.strip())
        if len(names) < 2:
            raise typer.BadParameter(
                f"{text!r}: expected a class and two kinds or more, such as truck=box,tanker", param_hint="--kinds"
            )
        if name.strip() not in classes:
            raise typer.BadParameter(
                f"{name.strip()!r} is not among the classes {', '.join(classes)}", param_hint="--kinds"
            )
        kinds[name.strip()] = names
    return kinds


def parse_detector(text: str) -> str:
    """Return a detector as flows name it: weights by their full path, as the worker runs elsewhere.

    Raises:
        typer.BadParameter: It looks like a file that is not there.
    """
    path = Path(text)
    if path.is_file():
        return str(path.resolve())
    if path.suffix or "/" in text:
        raise typer.BadParameter(f"{text} is no file; expected weights (.pt) or `champion`", param_hint="--detector")
    return text
