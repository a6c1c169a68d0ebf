"""Labels that come in and go out, and what there is."""

from pathlib import Path
from typing import Annotated

import typer

from blocks.home import labelline_home
from infra.cli.choices import ExportFormatName, ImagesName

labels_app = typer.Typer()


@labels_app.command()
def export(
    collection: Annotated[str, typer.Argument(help="Whose settled labels.")],
    out: Annotated[Path, typer.Option(help="The folder to write: absent, or empty.")],
    fmt: Annotated[ExportFormatName, typer.Option("--format", help="Of the dataset.")] = ExportFormatName.COCO,
    images: Annotated[
        ImagesName, typer.Option(help="Copy the pictures, link to those in the object store, or none.")
    ] = ImagesName.COPY,
) -> None:
    """Take the settled labels of a collection along, as a dataset: COCO, YOLO, VOC, or folders per class."""
    from infra.cli.commands.export_command import export_collection

    export_collection(labelline_home(), collection, fmt.value, out.absolute(), images.value)
