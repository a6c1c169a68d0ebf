"""What kind of label is meant, whether a path holds texts, and where in a table they are, as it is typed."""

import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from tasks.intake.texts.columns import TextOptions

KIND = typer.Option(
    help="What a label is: boxes, classes, multilabel, spans, tracks, polygons or masks; if it is not given classes "
    "in a file of texts, else boxes."
)
COLUMN = typer.Option(help="Column, or field, with the texts of a CSV file, or of JSON lines; found where it can be.")
ID_COLUMN = typer.Option(help="Column, or field, with an id of each text.")
CLASS_COLUMN = typer.Option(help="Column, or field, with the class of each text; found where it can be.")
ENCODING = typer.Option(help="How the letters of texts are written, such as cp1252; UTF-8 where it is not given.")


def parse_texts(
    place: Path | None, label_kind: str, column: str | None, id_column: str | None, encoding: str | None
) -> "TextOptions | None":
    """Return where in a place the texts are; None: it holds pictures, or there is none to take in.

    A file holds texts. A folder does where something is said of its texts, or where it has text files and nothing that
    may be a picture, and labels need no place in one.

    Raises:
        typer.BadParameter: There is no such encoding.
    """
    given = any((column, id_column, encoding))
    if place is None:
        return None
    from tasks.intake.video.containers import is_video_name

    is_file = place.is_file() and not is_video_name(place)
    if not (is_file or given or (_may_be_of_texts(label_kind) and _has_texts_alone(place))):
        return None
    return parse_text_options(column, id_column, None, encoding)


def kind_in(place: Path | None) -> str:
    """Return which kind of label is meant where nobody says: classes in a file of texts, else boxes."""
    from tasks.intake.texts.rows import is_table

    holds_texts = place is not None and place.is_file() and (is_table(place) or place.suffix.lower() == ".txt")
    return "classes" if holds_texts else "boxes"


def kind_of_weights(detector: str) -> str | None:
    """Return which kind of label a model of texts gives, by the ending of its file; None: it does not tell."""
    return {".tagger": "spans", ".npz": "classes"}.get(Path(detector).suffix)


def is_picture_file(place: Path) -> bool:
    """Say whether a path is a single picture, by its name: texts are in files, pictures in folders."""
    return place.is_file() and (mimetypes.guess_type(place.name)[0] or "").startswith("image/")


def parse_text_options(
    column: str | None, id_column: str | None, class_column: str | None, encoding: str | None
) -> "TextOptions":
    """Return where in a table the texts are.

    Raises:
        typer.BadParameter: There is no such encoding.
    """
    from infra.cli.parsing import said_of
    from tasks.intake.texts.columns import TextOptions

    with said_of("--encoding"):
        return TextOptions(column=column, id_column=id_column, class_column=class_column, encoding=encoding)


def _may_be_of_texts(kind: str) -> bool:
    from blocks.shapes import PLACED
    from tasks.kinds.registry import KINDS

    return kind in KINDS and not KINDS[kind].shapes & PLACED


def _has_texts_alone(folder: Path) -> bool:
    from blocks.errors import BadOption
    from tasks.intake.folders import walk_images

    try:
        return next(iter(walk_images(folder)), None) is None
    except BadOption:
        return next(folder.rglob("*.txt"), None) is not None
