"""What kind of label is meant, whether a path holds texts or addresses, and where in it they are, as it is typed."""

import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from tasks.intake.sources.urls.options import UrlOptions
    from tasks.intake.texts.columns import TextOptions

KIND = typer.Option(
    help="What a label is: boxes, classes, multilabel, spans, tracks, polygons or masks; if it is not given classes "
    "in a file of texts, else boxes."
)
COLUMN = typer.Option(help="Column, or field, with the texts of a CSV file, or of JSON lines; found where it can be.")
ID_COLUMN = typer.Option(help="Column, or field, with an id of each text.")
CLASS_COLUMN = typer.Option(help="Column, or field, with the class of each text; found where it can be.")
WEB = typer.Option(
    help="Of a list of addresses: column=photo, per_second=50, robots=no, … (`UrlOptions`). May be repeated."
)
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
    from tasks.intake.sources.archives.members import is_archive
    from tasks.intake.sources.urls.lists import is_url_list
    from tasks.intake.video.containers import is_video_name

    is_file = place.is_file() and not (is_video_name(place) or is_url_list(place) or is_archive(place))
    if not (is_file or given or (_may_be_of_texts(label_kind) and _has_texts_alone(place))):
        return None
    return parse_text_options(column, id_column, None, encoding)


def parse_urls(place: Path | None, web: list[str] | None, texts: "TextOptions | None") -> "UrlOptions | None":
    """Return how a list of addresses is read and fetched; None: the place is none.

    Args:
        place: What is taken in.
        web: Options of `UrlOptions` as `name=value`; where one is given, the place is a list of addresses.
        texts: What is known of its texts; where there are any, it is no list.

    Raises:
        typer.BadParameter: There is no such option, or not with such a value.
    """
    from pydantic import ValidationError

    from infra.cli.parsing import said_of
    from infra.cli.words import in_words
    from tasks.intake.sources.urls.lists import is_url_list
    from tasks.intake.sources.urls.options import UrlOptions

    if web and (place is None or not place.is_file() or texts is not None):
        raise typer.BadParameter("it is for a list of addresses: a file with one in each row", param_hint="--web")
    if place is None or texts is not None or not (web or is_url_list(place)):
        return None
    with said_of("--web"):
        try:
            return UrlOptions.model_validate(dict(_named(each) for each in web or ()))
        except ValidationError as error:
            known = f"options: {', '.join(UrlOptions.model_fields)}"
            raise ValueError(f"{in_words(error)} ({known})") from error


def _named(option: str) -> tuple[str, str]:
    name, is_given, value = option.partition("=")
    if not is_given:
        raise ValueError(f"{option!r} is no option with its value: expected one such as per_second=50")
    return name.strip(), value.strip()


def kind_in(place: Path | None) -> str:
    """Return which kind of label is meant where nobody says: classes in a file of texts, else boxes."""
    from tasks.intake.sources.urls.lists import is_url_list
    from tasks.intake.texts.rows import is_table

    if place is None or not place.is_file() or is_url_list(place):
        return "boxes"
    return "classes" if is_table(place) or place.suffix.lower() == ".txt" else "boxes"


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
