"""The line: folders are labelled, models are trained, pictures are asked again."""

from pathlib import Path
from typing import Annotated

import typer

from blocks.home import labelline_home

line_app = typer.Typer()


@line_app.command()
def label(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Images, with all subfolders.")],
    *,
    classes: Annotated[str, typer.Option(help='What people may name a box: car,truck or car,"truck, large".')],
    detector: Annotated[str, typer.Option(help="Weights (.pt, .onnx), a version, or the champion.")] = "champion",
    label_kind: Annotated[str, typer.Option(help="What a label is: boxes, or classes of whole images.")] = "boxes",
    new_class: Annotated[
        list[str] | None,
        typer.Option(help="A class that the detector does not know, and people shall find. May be repeated."),
    ] = None,
    kinds: Annotated[
        list[str] | None, typer.Option(help="Exact kinds of a class, such as truck=box,tanker. May be repeated.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Collection; the folder's name where it is not given.")] = None,
    accept: Annotated[float, typer.Option(min=0, max=1, help="Boxes of this score or more need no person.")] = 0.6,
    tile: Annotated[
        int, typer.Option(min=64, max=4096, help="Side of a tile in pixels, as the detector was trained; times 32.")
    ] = 640,
    sequences: Annotated[
        str | None, typer.Option(help="Regular expression whose groups name a file's sequence: (flight[0-9]+)/.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, max=100_000, help="Images in one run, at most.")] = 1000,
    wait: Annotated[bool, typer.Option(help="Stay and show the progress until all is settled.")] = True,
) -> None:
    """Label a folder of images: machines first, people where machines are not sure."""
    from infra.cli import parsing
    from infra.cli.checks import LabelRequest

    known, place = parsing.parse_classes(classes), parsing.parse_folder(folder)
    request = LabelRequest(
        folder=place,
        collection=parsing.parse_collection(name, place),
        classes=known,
        detector=parsing.parse_detector(detector),
        label_kind=label_kind,
        kinds=parsing.parse_kinds(kinds or [], known),
        accept=accept,
        tile_px=parsing.parse_tile(tile),
        sequence_pattern=parsing.parse_pattern(sequences),
        batch_size=batch_size,
        new_classes=parsing.parse_new_classes(new_class or [], known),
    )
    from infra.cli.commands.line_commands import label_folder  # Prefect takes seconds: after what is wrong was said

    label_folder(labelline_home(), request, wait=wait)


@line_app.command()
def retrain(
    collection: Annotated[str, typer.Argument(help="Whose truth is trained on.")],
    epochs: Annotated[int | None, typer.Option(min=1, max=1000, help="Passes over the training images.")] = None,
    tile: Annotated[int, typer.Option(min=64, max=4096, help="Side of a tile in pixels: that of `label`.")] = 640,
    wait: Annotated[bool, typer.Option(help="Stay until the challenger is compared with the champion.")] = True,
) -> None:
    """Train a challenger on all truth of a collection; it becomes champion only if it is better."""
    from infra.cli.parsing import parse_tile

    side_px = parse_tile(tile)
    from infra.cli.commands.line_commands import retrain_collection

    retrain_collection(labelline_home(), collection, epochs, side_px, wait=wait)


@line_app.command()
def stop(
    collection: Annotated[str, typer.Argument(help="Whose runs are cancelled, and questions taken back.")],
) -> None:
    """Stop labelling a collection for now: nobody is asked any more; nothing that people did is lost."""
    from infra.cli.commands.stop_command import stop_collection

    stop_collection(labelline_home(), collection)


@line_app.command()
def reopen(
    collection: Annotated[str, typer.Argument(help="Whose skipped pictures are asked again.")],
    pictures: Annotated[list[str] | None, typer.Argument(help="File names; all without an answer, if none.")] = None,
    *,
    hours: Annotated[float | None, typer.Option(min=0.01, help="Go on after so many hours.")] = None,
    only_list: Annotated[bool, typer.Option("--list", help="Only list them, with the reasons.")] = False,
) -> None:
    """Ask again what people skipped, or nobody answered in time; nothing that people did is lost."""
    from infra.cli.commands.reopen_command import reopen_collection

    reopen_collection(labelline_home(), collection, pictures or (), hours, only_list=only_list)
