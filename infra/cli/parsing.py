"""What a person types, as the line's options understand it: checked here, before anything is done."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from blocks.errors import BadOption
from blocks.naming.names import check_class, check_classes, check_collection, check_folder
from blocks.naming.patterns import compile_pattern
from infra.cli.words import shorten
from tasks.track.asked_for import propagate_asked, track_asked

if TYPE_CHECKING:
    from infra.forecast.result import Pay
    from tasks.suggest.asked_for import AskedFor

TILE_STEP = 32
"""Networks halve a picture five times."""

FILE_SUFFIXES = frozenset({".csv", ".tsv", ".jsonl", ".ndjson", ".txt"})
"""What reads like a file of texts, and no collection."""

MOST_IN_CURRENCY = 12
"""Characters."""

MOST_IN_VERSION = 100
"""Characters; versions of models are numbers, and aliases a word."""


def people_of_line(path: Path) -> list[str]:
    """Return the e-mails of all whom a line's options name: who finds, who knows kinds, and their referees.

    Args:
        path: A file of `LineOptions`, YAML or JSON, as `labelline options` prints them.

    Raises:
        typer.BadParameter: The file holds no such options.
    """
    from infra.cli.typed.line_file import read_line_file

    line = read_line_file(path)
    return sorted(
        {email for staff in (line.annotator_pool, line.expert_pool) for email in (*staff.annotators, *staff.referees)}
    )


def parse_folder(folder: Path) -> Path:
    """Return the full path of a folder of pictures.

    Raises:
        typer.BadParameter: It is none of pictures, such as the whole machine or the state folder.
    """
    with said_of("FOLDER"):
        return Path(check_folder(str(folder.resolve())))


def parse_collection(name: str | None, folder: Path | None = None) -> str:
    """Return the name of a collection: as given, or that of a folder.

    Raises:
        typer.BadParameter: It is no name.
    """
    if name is not None:
        with said_of("--name" if folder else "COLLECTION"):
            return check_collection(name)
    try:
        return check_collection("" if folder is None else folder.stem if folder.is_file() else folder.name)
    except ValueError as error:
        hint = "(the folder's name is taken where --name is not given)"
        raise typer.BadParameter(f"{error} {hint}", param_hint="--name") from error


def parse_classes(text: str) -> tuple[str, ...]:
    """Return class names from `car,truck,bus`; a name with a comma stands in double quotes: `car,"truck, large"`.

    Raises:
        typer.BadParameter: None is named, one twice or by capitals only, or one is no name.
    """
    with said_of("--classes"):
        return _names_in(text)


def parse_new_classes(names: list[str], classes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the classes that the detector need not know.

    Raises:
        typer.BadParameter: One is not asked for.
    """
    for name in names:
        if name not in classes:
            known = ", ".join(classes)
            raise typer.BadParameter(f"{name!r} is not among the classes {known}", param_hint="--new-class")
    return tuple(names)


def parse_kinds(texts: list[str], classes: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the kinds by class from texts such as `truck=box,tanker`.

    Raises:
        typer.BadParameter: A text has another form, or names a class that is not asked for.
    """
    kinds: dict[str, tuple[str, ...]] = {}
    with said_of("--kinds"):
        for text in texts:
            name, names = _kinds_in(text, classes)
            if name in kinds:
                raise ValueError(f"the kinds of {name!r} are given twice: give them once")
            kinds[name] = names
    return kinds


def _kinds_in(text: str, classes: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    # A class may have an equals sign in its name: the longest that fits is meant.
    fitting = sorted((name for name in classes if text.startswith(f"{name}=")), key=len)
    name = fitting[-1] if fitting else text.partition("=")[0].strip()
    listed = text[len(name) + 1 :].strip()
    names = _names_in(listed) if listed else ()
    if len(names) < 2:
        raise ValueError(f"{text!r}: expected a class and two kinds or more, such as truck=box,tanker")
    if name not in classes:
        raise ValueError(f"{name!r} is not among the classes {', '.join(classes)}")
    return name, names


def parse_tile(side_px: int) -> int:
    """Return the side of a tile.

    Raises:
        typer.BadParameter: No network takes it.
    """
    if side_px % TILE_STEP:
        below = side_px - side_px % TILE_STEP
        raise typer.BadParameter(
            f"{side_px} is no multiple of {TILE_STEP}, as networks need: take {below} or {below + TILE_STEP}",
            param_hint="--tile",
        )
    return side_px


def parse_pattern(pattern: str | None) -> str | None:
    """Return a regular expression that names sequences; None for none.

    Raises:
        typer.BadParameter: It is no regular expression.
    """
    if not pattern:
        return None
    try:
        compile_pattern(pattern)
    except BadOption as error:
        raise typer.BadParameter(str(error), param_hint="--sequences") from error
    return pattern


def parse_frames(frames: str) -> str:
    """Return which frames of videos are taken, as `VideoOptions` has it.

    Raises:
        typer.BadParameter: It is no rate and none of its words.
    """
    from pydantic import ValidationError

    from tasks.intake.video.options import VideoOptions

    try:
        return VideoOptions(frames=frames).frames
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise typer.BadParameter(said, param_hint="--frames") from error


def parse_place(text: str) -> Path | None:
    """Return the full path of a folder, or of a file of texts; None where none is there: a collection is meant.

    Raises:
        typer.BadParameter: It is a folder without pictures of ours, or reads like a path that is not there.
    """
    path = Path(text)
    if path.is_dir() or (path.is_file() and (path.suffix or "/" in text)):
        return parse_folder(path)
    if "/" in text or not text.strip() or path.suffix.lower() in FILE_SUFFIXES:
        raise typer.BadParameter(f"there is no folder or file {shorten(text)!r}", param_hint="FOLDER|COLLECTION")
    return None


def parse_base(text: str) -> str:
    """Return weights to begin with as trainings name them: a file by its full path, as the worker runs elsewhere.

    Raises:
        typer.BadParameter: It looks like a file that is not there.
    """
    path = Path(text)
    if text and path.is_file():
        return str(path.resolve())
    if "/" in text or not text.isprintable() or len(text) > MOST_IN_VERSION:
        raise typer.BadParameter(
            f"{shorten(text)} is no file; expected the path of weights (.pt), or a name that ultralytics publishes",
            param_hint="--begin-with",
        )
    return text


def parse_detector(text: str) -> str:
    """Return a detector as flows name it: weights by their full path, as the worker runs elsewhere.

    Raises:
        typer.BadParameter: It looks like a file that is not there.
    """
    from tasks.suggest.embedders.named.registry import resolved

    if text.startswith("import:") and text.isprintable():
        return text
    if text == "suggest":
        return text  # the line chooses the learner: in rounds another one
    if follows := propagate_asked(text) or track_asked(text):
        return str(replace(follows, detector=follows.detector and parse_detector(follows.detector)))
    if asked := _suggestions(text):
        parse = resolved if asked.is_named else parse_detector
        return str(replace(asked, weights=parse(asked.weights)) if asked.weights else asked)
    path = Path(text)
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except OSError:  # longer than any path
        is_file = is_folder = False
    if is_file:
        return str(path.resolve())
    if path.suffix or "/" in text or not text.strip() or not text.isprintable() or len(text) > MOST_IN_VERSION:
        shown = shorten(text if text.strip() and text.isprintable() else repr(text))
        what = "is a folder" if text and is_folder else "is no file"
        raise typer.BadParameter(
            f"{shown} {what}; expected the path of weights (.pt, .onnx), `champion` or a version",
            param_hint="--detector",
        )
    return text


def parse_backbone(text: str) -> str:
    """Return what is trained as flows name it: a file by its full path, as the worker runs elsewhere.

    Raises:
        typer.BadParameter: It is no network of a library that can be trained.
    """
    from tasks.suggest.embedders.named.registry import is_named, resolved

    if text == "linear":
        return text
    if not text.startswith("timm:") or not is_named(text):
        expected = "expected linear, timm:NAME or timm:NAME@FILE"
        raise typer.BadParameter(f"{shorten(text)}: {expected}", param_hint="--backbone")
    return resolved(text)


def _suggestions(text: str) -> "AskedFor | None":
    from tasks.suggest.asked_for import asked_of

    try:
        return asked_of(text)
    except BadOption as error:
        raise typer.BadParameter(str(error), param_hint="--detector") from error


def parse_pay(wage: float | None, currency: str) -> "Pay":
    """Return what people are paid for an hour, as typed.

    Raises:
        typer.BadParameter: It is a currency without an amount, or no word.
    """
    from infra.forecast.result import Pay

    if currency and wage is None:
        raise typer.BadParameter("it says nothing without --wage, the money for an hour", param_hint="--currency")
    if not currency.isprintable() or len(currency) > MOST_IN_CURRENCY:
        raise typer.BadParameter(f"{shorten(repr(currency))}: expected a word such as EUR", param_hint="--currency")
    return Pay(wage=wage, currency=currency)


@contextmanager
def said_of(option: str) -> Iterator[None]:
    """Say what is wrong with a value as a usage error of its option."""
    try:
        yield
    except (ValueError, csv.Error) as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def _names_in(text: str) -> tuple[str, ...]:
    rows = list(csv.reader([text], skipinitialspace=True, strict=True))
    names = [name.strip() for row in rows for name in row]
    if not any(names):
        raise ValueError("no class is named; expected such as car,truck,bus")
    if not all(names):
        raise ValueError(f"{text!r} has an empty name between two commas; expected such as car,truck,bus")
    return check_classes([check_class(name) for name in names])
