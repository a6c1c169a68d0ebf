"""The line: folders are labelled, models are trained, pictures are asked again."""

from pathlib import Path
from typing import Annotated

import typer

from blocks.home import labelline_home
from infra.cli.json_answer import AsJson, answer
from infra.cli.text_place import COLUMN, ENCODING, ID_COLUMN, KIND, WEB
from infra.cli.typed.choices import ExportFormatName

line_app = typer.Typer()

PLACE = typer.Argument(
    metavar="FOLDER|COLLECTION",
    help="Images, videos, texts, an archive, a list of addresses; or what was taken in before.",
)
DETECTOR = typer.Option(help="Weights (.pt, .onnx), a version, the champion, nobody, or suggest.")
BEGIN_WITH = typer.Option(
    help="Without a detector: weights that the first training begins with, a .pt file or a name such as yolo11n.pt."
)
NAME = typer.Option(help="Collection; the folder's name where it is not given.")
ACCEPT = typer.Option(min=0, max=1, help="Boxes of this score or more need no person.")
TILE = typer.Option(min=64, max=4096, help="Side of a tile in pixels, as the detector was trained; times 32.")
SEQUENCES = typer.Option(help="Regular expression whose groups name a file's sequence: (flight[0-9]+)/.")
FRAMES = typer.Option(help="Of videos: frames a second, such as 2 or 0.5; or all; or scenes, one of each.")
BATCH_SIZE = typer.Option(min=1, max=100_000, help="Images in one run, at most.")
ROUNDS = typer.Option(
    "--rounds/--no-rounds",
    help="With --detector suggest: ask in rounds, one by one what is least sure, on pages what a random sample has "
    "certified; as it is where nothing is said. Without: batch by batch.",
)
LINE = typer.Option(
    exists=True,
    dir_okay=False,
    help="A file of the line's options, as `labelline options` prints it; what is typed wins.",
)


@line_app.command()
def label(
    context: typer.Context,
    place: Annotated[str, PLACE],
    *,
    classes: Annotated[
        str | None, typer.Option(help='What people may name a box: car,truck or car,"truck, large".')
    ] = None,
    line: Annotated[Path | None, LINE] = None,
    detector: Annotated[str, DETECTOR] = "champion",
    begin_with: Annotated[str, BEGIN_WITH] = "",
    label_kind: Annotated[str, KIND] = "",
    new_class: Annotated[
        list[str] | None,
        typer.Option(help="A class that the detector does not know, and people shall find. May be repeated."),
    ] = None,
    kinds: Annotated[
        list[str] | None, typer.Option(help="Exact kinds of a class, such as truck=box,tanker. May be repeated.")
    ] = None,
    name: Annotated[str | None, NAME] = None,
    accept: Annotated[float, ACCEPT] = 0.6,
    tile: Annotated[int, TILE] = 640,
    sequences: Annotated[str | None, SEQUENCES] = None,
    text_column: Annotated[str | None, COLUMN] = None,
    id_column: Annotated[str | None, ID_COLUMN] = None,
    encoding: Annotated[str | None, ENCODING] = None,
    web: Annotated[list[str] | None, WEB] = None,
    frames: Annotated[str, FRAMES] = "1",
    batch_size: Annotated[int, BATCH_SIZE] = 1000,
    rounds: Annotated[bool | None, ROUNDS] = None,
    wait: Annotated[bool, typer.Option(help="Stay and show the progress until all is settled.")] = True,
    as_json: AsJson = False,
) -> None:
    """Label images and videos of a folder or a list of addresses, or texts: machines first, people in doubt.

    Without a detector it is labelled in rounds, as by `loop`: people label a few, a model is trained and proposes.
    """
    from infra.cli import parsing
    from infra.cli.label_request import LabelRequest
    from infra.cli.rounds import on_pages
    from infra.cli.text_place import kind_in, parse_texts, parse_urls
    from infra.cli.typed.line_file import OptionsGiven, read_line_file

    folder = parsing.parse_place(place)
    if classes is None and line is None:
        raise typer.BadParameter(
            "name what people look for, or give --line with a file of options", param_hint="--classes"
        )
    file = read_line_file(line) if line else None
    chosen = OptionsGiven(context, file)
    label_kind = label_kind or ("boxes" if web else kind_in(folder))
    known = chosen.of("classes", parsing.parse_classes(classes) if classes else (), lambda one: one.classes)
    kind = chosen.of("label_kind", label_kind, lambda one: one.label_kind)
    proposer = parsing.parse_detector(chosen.of("detector", detector, lambda one: one.detector))
    texts = parse_texts(folder, kind, text_column, id_column, encoding) if not web else None
    request = LabelRequest(
        folder=folder,
        texts=texts,
        urls=parse_urls(folder, web, texts),
        collection=chosen.of("name", parsing.parse_collection(name, folder), lambda one: one.collection)
        if folder
        else place,
        classes=known,
        detector=proposer,
        on_pages=on_pages(proposer, chosen.of("rounds", rounds, lambda one: one.rounds is not None)),
        label_kind=kind,
        kinds=chosen.of("kinds", parsing.parse_kinds(kinds or [], known), lambda one: one.kinds),
        accept=chosen.of("accept", accept, lambda one: one.triage.accept),
        tile_px=parsing.parse_tile(chosen.of("tile", tile, lambda one: one.tiling.tile_px)),
        sequence_pattern=parsing.parse_pattern(sequences),
        frames=parsing.parse_frames(frames),
        batch_size=chosen.of("batch_size", batch_size, lambda one: one.batch_size),
        new_classes=parsing.parse_new_classes(new_class or [], known),
        begin_with=parsing.parse_base(chosen.of("begin_with", begin_with, lambda one: one.retrain.base)),
        file=file.model_dump(mode="json") if file else {},
    )
    from infra.cli.commands.line_commands import label_folder  # Prefect takes seconds: after what is wrong was said

    answer(lambda: label_folder(labelline_home(), request, wait=wait), as_json=as_json)


@line_app.command()
def loop(
    place: Annotated[str, PLACE],
    *,
    classes: Annotated[str, typer.Option(help='What people may name a box: car,truck or car,"truck, large".')],
    detector: Annotated[str, DETECTOR] = "champion",
    begin_with: Annotated[str, BEGIN_WITH] = "",
    label_kind: Annotated[str, KIND] = "",
    name: Annotated[str | None, NAME] = None,
    first: Annotated[
        int | None, typer.Option(min=1, help="Images of the first round; a tenth, 10 to 50, where it is not given.")
    ] = None,
    per_round: Annotated[
        int | None, typer.Option(min=1, help="Of the second round, twice the first if not given; then doubled.")
    ] = None,
    goal: Annotated[float | None, typer.Option(min=0.01, max=1, help="Enough: the model's quality.")] = None,
    hours: Annotated[float | None, typer.Option(min=0.01, help="Enough: what people have spent.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, max=1000, help="Enough: so many rounds.")] = None,
    rest: Annotated[bool, typer.Option(help="After the last round label all that is left.")] = True,
    accept: Annotated[float, ACCEPT] = 0.6,
    tile: Annotated[int, TILE] = 640,
    sequences: Annotated[str | None, SEQUENCES] = None,
    frames: Annotated[str, FRAMES] = "1",
    text_column: Annotated[str | None, COLUMN] = None,
    id_column: Annotated[str | None, ID_COLUMN] = None,
    encoding: Annotated[str | None, ENCODING] = None,
    web: Annotated[list[str] | None, WEB] = None,
    batch_size: Annotated[int, BATCH_SIZE] = 1000,
    wait: Annotated[bool, typer.Option(help="Stay and show the progress until the goal is met.")] = True,
    as_json: AsJson = False,
) -> None:
    """Label in rounds: people label a few items, a model is trained on them and proposes, until it is good enough."""
    from infra.cli import parsing
    from infra.cli.label_request import LabelRequest, RoundsRequest
    from infra.cli.text_place import kind_in, parse_texts, parse_urls

    folder = parsing.parse_place(place)
    label_kind = label_kind or ("boxes" if web else kind_in(folder))
    texts = parse_texts(folder, label_kind, text_column, id_column, encoding) if not web else None
    request = LabelRequest(
        folder=folder,
        texts=texts,
        urls=parse_urls(folder, web, texts),
        collection=parsing.parse_collection(name, folder) if folder else place,
        classes=parsing.parse_classes(classes),
        detector=parsing.parse_detector(detector),
        label_kind=label_kind,
        kinds={},
        accept=accept,
        tile_px=parsing.parse_tile(tile),
        sequence_pattern=parsing.parse_pattern(sequences),
        frames=parsing.parse_frames(frames),
        batch_size=batch_size,
        begin_with=parsing.parse_base(begin_with),
        in_rounds=True,
        rounds=RoundsRequest(first=first, per_round=per_round, quality=goal, hours=hours, most=rounds, rest=rest),
    )
    from infra.cli.commands.line_commands import label_folder

    answer(lambda: label_folder(labelline_home(), request, wait=wait), as_json=as_json)


@line_app.command()
def predict(
    place: Annotated[
        Path, typer.Argument(exists=True, help="Images, with all subfolders; or a file or folder of texts.")
    ],
    out: Annotated[Path, typer.Option(help="The folder to write: absent, empty, or with --overwrite such files.")],
    *,
    detector: Annotated[
        str,
        typer.Option(help="Weights (.pt, .onnx; of texts .npz, .tagger); or champion, or a version, of --collection."),
    ],
    collection: Annotated[str, typer.Option(help="Whose detector, where it is no file.")] = "",
    classes: Annotated[str | None, typer.Option(help="Only these: car,truck. All that it knows if not given.")] = None,
    fmt: Annotated[
        ExportFormatName | None, typer.Option("--format", help="Of the files; the first that holds such labels.")
    ] = None,
    score: Annotated[
        float | None,
        typer.Option(
            min=0.001, max=1, help="What scores less is not written; if not given, 0.25, and 0.5 for multilabel."
        ),
    ] = None,
    label_kind: Annotated[str | None, KIND] = None,
    tile: Annotated[int, TILE] = 640,
    text_column: Annotated[str | None, COLUMN] = None,
    id_column: Annotated[str | None, ID_COLUMN] = None,
    encoding: Annotated[str | None, ENCODING] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what was written there before.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write what a model finds in images or texts as files: nobody is asked, and no collection is touched."""
    from infra.cli import parsing
    from infra.cli.text_place import is_picture_file, kind_in, kind_of_weights, parse_texts

    named, side_px = parsing.parse_classes(classes) if classes else (), parsing.parse_tile(tile)
    known = parsing.parse_detector(detector)
    from infra.cli.commands.predict_command import PredictRequest
    from infra.cli.commands.predict_command import predict as look

    if is_picture_file(place):
        raise typer.BadParameter(f"{place.name} is one picture: name the folder that it is in", param_hint="PLACE")
    kind = label_kind or kind_of_weights(known) or kind_in(place)
    texts = parse_texts(place, kind, text_column, id_column, encoding)
    request = PredictRequest(
        folder=place.absolute() if texts else parsing.parse_folder(place),
        out=out.absolute(),
        detector=known,
        collection=collection,
        classes=named,
        fmt=fmt.value if fmt else None,
        least_score=score,
        tile_px=side_px,
        label_kind=kind,
        texts=texts,
        overwrite=overwrite,
    )
    answer(lambda: look(labelline_home(), request), as_json=as_json)


@line_app.command()
def retrain(
    collection: Annotated[str, typer.Argument(help="Whose truth is trained on.")],
    epochs: Annotated[int | None, typer.Option(min=1, max=1000, help="Passes over the training images.")] = None,
    tile: Annotated[int, typer.Option(min=64, max=4096, help="Side of a tile in pixels: that of `label`.")] = 640,
    backbone: Annotated[
        str,
        typer.Option(
            help="For classes of whole pictures, what is trained: linear, or timm:NAME, or timm:NAME@FILE; else as the "
            "champion was."
        ),
    ] = "",
    wait: Annotated[bool, typer.Option(help="Stay until the challenger is compared with the champion.")] = True,
    as_json: AsJson = False,
) -> None:
    """Train a challenger on all truth of a collection; it becomes champion only if it is better."""
    from infra.cli.parsing import parse_backbone, parse_tile

    side_px = parse_tile(tile)
    options: dict[str, int | str] = {"epochs": epochs} if epochs else {}
    options |= {"backbone": parse_backbone(backbone)} if backbone else {}
    from infra.cli.commands.line_commands import retrain_collection

    answer(lambda: retrain_collection(labelline_home(), collection, options, side_px, wait=wait), as_json=as_json)


@line_app.command()
def stop(
    collection: Annotated[str, typer.Argument(help="Whose runs are cancelled, and questions taken back.")],
    as_json: AsJson = False,
) -> None:
    """Stop labelling a collection for now: nobody is asked any more; nothing that people did is lost."""
    from infra.cli.commands.stop_command import stop_collection

    answer(lambda: stop_collection(labelline_home(), collection), as_json=as_json)


@line_app.command()
def reopen(
    collection: Annotated[str, typer.Argument(help="Whose skipped pictures are asked again.")],
    pictures: Annotated[list[str] | None, typer.Argument(help="File names; all without an answer, if none.")] = None,
    *,
    hours: Annotated[float | None, typer.Option(min=0.01, help="Go on after so many hours.")] = None,
    only_list: Annotated[bool, typer.Option("--list", help="Only list them, with the reasons.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask again what people skipped, or nobody answered in time; nothing that people did is lost."""
    from infra.cli.commands.asking_commands import reopen_collection

    asked = (labelline_home(), collection, pictures or (), hours)
    answer(lambda: reopen_collection(*asked, only_list=only_list), as_json=as_json)
