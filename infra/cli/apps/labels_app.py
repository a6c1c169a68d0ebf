"""Labels that come in and go out, and what there is."""

from pathlib import Path
from typing import Annotated

import typer

from blocks.home import labelline_home
from infra.cli.json_answer import AsJson, answer
from infra.cli.text_place import CLASS_COLUMN, COLUMN, ENCODING, ID_COLUMN
from infra.cli.typed.choices import ExportFormatName, ImagesName, PurposeName

labels_app = typer.Typer()


@labels_app.command()
def collections(as_json: AsJson = False) -> None:
    """List all collections: how far each has come, what it took people, and what to do next."""
    from infra.cli.commands.collection_commands import list_collections

    list_collections(labelline_home(), as_json=as_json)


@labels_app.command()
def show(
    collection: Annotated[str, typer.Argument(help="Which.")],
    as_json: AsJson = False,
) -> None:
    """Show one collection: its pictures, labels by class, what waits for people and where, what was left out."""
    from infra.cli.commands.collection_commands import show_one

    show_one(labelline_home(), collection, as_json=as_json)


@labels_app.command("import")
def import_labels(
    path: Annotated[Path, typer.Argument(exists=True, help="A folder of labels, or a file; pictures may lie beside.")],
    collection: Annotated[str, typer.Argument(help="Whose labels they become: an old collection, or a new one.")],
    *,
    purpose: Annotated[
        PurposeName, typer.Option("--as", help="Truth, settled as it is; or proposals, which people are asked about.")
    ],
    fmt: Annotated[str, typer.Option("--format", help="Of the labels; found out where it is not given.")] = "auto",
    kind: Annotated[
        str | None, typer.Option(help="polygons or masks: outlines come in as such, else as the boxes around them.")
    ] = None,
    classes: Annotated[str | None, typer.Option(help="Only these: car,truck. All where it is not given.")] = None,
    rename: Annotated[
        list[str] | None, typer.Option(help="OLD=NEW: what a class of the labels is called here. May be repeated.")
    ] = None,
    rename_file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The same as a file (YAML, JSON): old: new.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What it is called; the path's last part where not given.")] = None,
    sequences: Annotated[
        str | None, typer.Option(help="Regular expression whose groups name a file's sequence: (flight[0-9]+)/.")
    ] = None,
    text_column: Annotated[str | None, COLUMN] = None,
    class_column: Annotated[str | None, CLASS_COLUMN] = None,
    id_column: Annotated[str | None, ID_COLUMN] = None,
    encoding: Annotated[str | None, ENCODING] = None,
    as_json: AsJson = False,
) -> None:
    """Bring labels in that there are already: as truth, or as proposals that people are asked about."""
    from infra.cli import parsing
    from infra.cli.text_place import parse_text_options
    from infra.cli.typed.renames import parse_renames

    asked = {
        "path": str(path.resolve()),
        "collection": parsing.parse_collection(collection),
        "purpose": purpose.value,
        "format": fmt,
        "label_kind": kind,
        "classes": parsing.parse_classes(classes) if classes else None,
        "rename": parse_renames(rename or [], rename_file),
        "name": name,
        "sequence_pattern": parsing.parse_pattern(sequences),
        "texts": parse_text_options(text_column, id_column, class_column, encoding),
    }
    from infra.cli.commands.import_command import import_from

    answer(lambda: import_from(labelline_home(), asked), as_json=as_json)


@labels_app.command()
def export(
    collection: Annotated[str, typer.Argument(help="Whose settled labels.")],
    out: Annotated[Path, typer.Option(help="The folder to write: absent, empty, or with --overwrite an export.")],
    fmt: Annotated[ExportFormatName, typer.Option("--format", help="Of the dataset.")] = ExportFormatName.COCO,
    images: Annotated[
        ImagesName, typer.Option(help="Copy the pictures, link to those in the object store, or none.")
    ] = ImagesName.COPY,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier export in the folder, and nothing else.")
    ] = False,
    convert_to: Annotated[
        str | None, typer.Option(help="As boxes, polygons or masks, whatever they are; what is lost is said.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take the settled labels of a collection along, as a dataset in a format that other programs read."""
    from infra.cli.commands.export_command import export_collection

    home, folder = labelline_home(), out.absolute()
    answer(
        lambda: export_collection(
            home, collection, fmt.value, folder, images.value, overwrite=overwrite, convert_to=convert_to
        ),
        as_json=as_json,
    )


@labels_app.command()
def convert(
    collection: Annotated[str, typer.Argument(help="Whose settled labels.")],
    to: Annotated[str, typer.Option(help="boxes, polygons or masks.")],
    as_json: AsJson = False,
) -> None:
    """Turn the settled labels of a collection into boxes, polygons or masks, as further revisions of them."""
    from infra.cli.commands.collection_commands import convert_collection

    answer(lambda: convert_collection(labelline_home(), collection, to), as_json=as_json)


@labels_app.command()
def watch(
    collection: Annotated[str, typer.Argument(help="Whose labelled sequences.")],
    sequences: Annotated[list[str] | None, typer.Argument(help="Such as clip.mp4; all, if none.")] = None,
    *,
    classes: Annotated[str | None, typer.Option(help="What people may draw beside its labels' classes.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show labelled sequences to people as films with their tracks; what they mend are further revisions."""
    from infra.cli import parsing
    from infra.cli.commands.asking_commands import watch_collection

    named = parsing.parse_classes(classes) if classes else ()
    answer(lambda: watch_collection(labelline_home(), collection, sequences or (), named), as_json=as_json)


@labels_app.command()
def delete(
    collection: Annotated[str, typer.Argument(help="Which goes for good.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a collection: says what goes, asks, and writes all that people did to a file first."""
    from infra.cli.commands.delete_command import delete_collection

    answer(lambda: delete_collection(labelline_home(), collection, sure=yes), as_json=as_json)
