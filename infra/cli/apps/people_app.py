"""Who answers: accounts, suspensions, simulated people."""

from pathlib import Path
from typing import Annotated

import typer

from blocks.home import labelline_home
from infra.cli.json_answer import AsJson, answer
from infra.cli.text_place import KIND
from infra.cli.typed.choices import DrawingName, TruthFormatName

people_app = typer.Typer()

DETECTOR = typer.Option(help="Weights (.pt, .onnx), a version, the champion, import:NAME, or nobody.")
TRUTH = typer.Option(exists=True, help="True labels to try, as for `simulate`.")


@people_app.command()
def people(
    emails: Annotated[list[str] | None, typer.Argument(help="E-mails of people who shall have an account.")] = None,
    line: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A line's options (YAML, JSON): all whom it names.")
    ] = None,
) -> None:
    """Make accounts in Label Studio for people, and say where their first passwords are."""
    from blocks.naming.emails import normal_email
    from infra.cli.commands.stack_commands import invite
    from infra.cli.parsing import people_of_line

    named = [*(emails or []), *(people_of_line(line) if line else [])]
    if not named:
        raise typer.BadParameter("nobody is named: give e-mails, or --line with the options of a line that names some")
    invite(labelline_home(), sorted({normal_email(email) for email in named}))


@people_app.command()
def reinstate(
    person: Annotated[str, typer.Argument(help="E-mail of somebody who is suspended.")],
    queue: Annotated[str, typer.Argument(help="From which queue, such as mark-missed.")],
) -> None:
    """Lift a suspension that gold questions led to: the person is on trial again."""
    from infra.cli.commands.gold_commands import reinstate_person

    reinstate_person(labelline_home(), person, queue)


@people_app.command()
def simulate(
    truth: Annotated[Path, typer.Argument(exists=True, help="Images or texts with true labels: a folder, or a file.")],
    collection: Annotated[str, typer.Argument(help="Whose questions are answered.")],
    *,
    fmt: Annotated[TruthFormatName, typer.Option("--format", help="Format of the truth.")] = TruthFormatName.AUTO,
    people: Annotated[int, typer.Option(min=1, max=12, help="People for each queue.")] = 3,
    skill: Annotated[float, typer.Option(min=0, max=1, help="Share of objects that come out right.")] = 0.97,
    referees: Annotated[
        int, typer.Option(min=0, max=12, help="Referees for each queue: they decide what is disputed.")
    ] = 0,
    referee_skill: Annotated[float, typer.Option(min=0, max=1, help="The same as --skill, of referees.")] = 0.99,
    drawing: Annotated[
        DrawingName, typer.Option(help="What they have learnt; extreme points only in queues that are drawn so.")
    ] = DrawingName.CORNERS,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same mistakes.")] = 0,
    once: Annotated[bool, typer.Option("--once", help="End when nothing is open, not by Ctrl-C.")] = False,
) -> None:
    """Let simulated people answer the open questions of a collection through Label Studio."""
    from infra.annotators.people import People
    from infra.annotators.terminal import simulate_in_terminal
    from infra.annotators.times import HABIT_FOR
    from infra.cli.commands.line_commands import annotation_server

    server, outlines = annotation_server(labelline_home(), collection)
    who = People(
        count=people,
        skill=skill,
        referees=referees,
        referee_skill=referee_skill,
        drawing=HABIT_FOR[drawing.value],
        seed=seed,
    )
    simulate_in_terminal(server, truth.resolve(), collection, who, fmt=fmt.value, outlines=outlines, once=once)


@people_app.command()
def forecast(
    context: typer.Context,
    place: Annotated[str, typer.Argument(metavar="FOLDER|COLLECTION", help="Images, or what was taken in before.")],
    *,
    classes: Annotated[str | None, typer.Option(help="As for `label`; those of its labels if not given.")] = None,
    line: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A file of the line's options, as for `label`.")
    ] = None,
    detector: Annotated[
        str, typer.Option(help="Weights (.pt, .onnx), a version, the champion, or nobody.")
    ] = "champion",
    label_kind: Annotated[str, KIND] = "boxes",
    kinds: Annotated[
        list[str] | None, typer.Option(help="Exact kinds of a class, such as truck=box,tanker. May be repeated.")
    ] = None,
    accept: Annotated[float, typer.Option(min=0, max=1, help="Boxes of this score or more need no person.")] = 0.6,
    tile: Annotated[int, typer.Option(min=64, max=4096, help="Side of a tile in pixels.")] = 640,
    sample: Annotated[int, typer.Option(min=5, max=10_000, help="Images that are tried.")] = 50,
    truth: Annotated[Path | None, TRUTH] = None,
    objects: Annotated[
        float | None, typer.Option(min=0, max=10_000, help="On an image, on average, where no label tells.")
    ] = None,
    people: Annotated[int, typer.Option(min=1, max=12, help="Simulated people for each queue.")] = 3,
    skill: Annotated[float, typer.Option(min=0, max=1, help="Share of objects that come out right.")] = 0.97,
    wage: Annotated[float | None, typer.Option(min=0, max=1e9, help="Money for an hour of a person.")] = None,
    currency: Annotated[str, typer.Option(help="Of the wage, such as EUR: written behind it.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Draws another sample, and other mistakes.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Foretell what labelling would take, before anybody is hired: hours, money, errors and questions, by queue.

    The line runs on a sample with simulated people, in a catalogue of its own: nothing is asked or written.
    """
    from infra.annotators.people import People
    from infra.cli import parsing
    from infra.cli.commands.forecast_command import ForecastRequest, forecast_place
    from infra.cli.label_request import LabelRequest
    from infra.cli.typed.line_file import OptionsGiven, read_line_file

    folder = parsing.parse_place(place)
    if folder is not None and not folder.is_dir():
        raise typer.BadParameter(f"{place} is no folder of images", param_hint="FOLDER|COLLECTION")
    file = read_line_file(line) if line else None
    chosen = OptionsGiven(context, file)
    known = chosen.of("classes", parsing.parse_classes(classes) if classes else (), lambda one: one.classes)
    request = LabelRequest(
        folder=folder,
        collection=parsing.parse_collection(None, folder) if folder else place,
        classes=known,
        detector=parsing.parse_detector(chosen.of("detector", detector, lambda one: one.detector)),
        label_kind=chosen.of("label_kind", label_kind, lambda one: one.label_kind),
        kinds=chosen.of("kinds", parsing.parse_kinds(kinds or [], known), lambda one: one.kinds),
        accept=chosen.of("accept", accept, lambda one: one.triage.accept),
        tile_px=parsing.parse_tile(chosen.of("tile", tile, lambda one: one.tiling.tile_px)),
        sequence_pattern=None,
        batch_size=sample,
        file=file.model_dump(mode="json") if file else {},
    )
    who = People(count=people, skill=skill, seed=seed)
    asked = ForecastRequest(request, sample, who, parsing.parse_pay(wage, currency), objects, truth)
    answer(lambda: forecast_place(labelline_home(), asked), as_json=as_json)
