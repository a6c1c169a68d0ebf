"""The commands. Only light imports here: `labelline --help` answers in a fraction of a second."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from blocks.home import labelline_home
from infra.cli.choices import ExportFormatName, ImagesName, TruthFormatName
from infra.cli.clear_errors import ClearErrors
from infra.cli.commands.gold_app import gold_app

app = typer.Typer(
    name="labelline",
    cls=ClearErrors,
    help="An assembly line for labels: machines first, people where machines are not sure.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(gold_app, name="gold")


def port_option(variable: str) -> Any:
    """Return the option of one port."""
    return typer.Option(min=1, max=65535, envvar=variable, help="Last time's, or a free one, where it is not given.")


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False,
    home: Annotated[
        Path | None, typer.Option(help="State folder; LABELLINE_HOME, or .labelline, where it is not given.")
    ] = None,
) -> None:
    """An assembly line for labels: machines first, people where machines are not sure."""
    del debug  # read from the context where an error arrives
    if home:
        os.environ["LABELLINE_HOME"] = str(home.resolve())


@app.command()
def up(
    label_studio_port: Annotated[int | None, port_option("LABELLINE_LABEL_STUDIO_PORT")] = None,
    prefect_port: Annotated[int | None, port_option("LABELLINE_PREFECT_PORT")] = None,
    mlflow_port: Annotated[int | None, port_option("LABELLINE_MLFLOW_PORT")] = None,
    gateway_port: Annotated[int | None, port_option("LABELLINE_GATEWAY_PORT")] = None,
    public_host: Annotated[
        list[str] | None,
        typer.Option(
            envvar="LABELLINE_PUBLIC_HOSTS",
            help="A name under which a proxy shows a server to others, such as labels.example.org. May be repeated; "
            "last time's where it is not given, '' for none.",
        ),
    ] = None,
) -> None:
    """Start Label Studio, Prefect, a worker, MLflow and the gateway, as far as they do not run."""
    from infra.cli.commands.stack_commands import start
    from infra.stack.start import StackOptions

    options = StackOptions(
        label_studio_port=label_studio_port,
        prefect_port=prefect_port,
        mlflow_port=mlflow_port,
        gateway_port=gateway_port,
        public_hosts=tuple(filter(None, public_host)) if public_host else None,
    )
    start(labelline_home(), options)


@app.command()
def login() -> None:
    """Show where Label Studio, Prefect and MLflow are, and what to type there."""
    from infra.cli.commands.stack_commands import show_login

    show_login(labelline_home())


@app.command()
def env() -> None:
    """Print what a shell needs for Prefect's own commands: run `eval "$(labelline env)"`, it holds a password."""
    from infra.cli.commands.login_commands import exports

    typer.echo(exports(labelline_home()))


@app.command()
def down() -> None:
    """End everything that `up` started; data stay, and interrupted runs go on after the next `up`."""
    from infra.cli.commands.stack_commands import stop

    stop(labelline_home())


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="All of it as JSON, for other programs.")] = False,
) -> None:
    """Show what runs, what waits for people, by collection, and what the last sweep could not do."""
    from infra.cli.commands.stack_commands import show_status

    raise typer.Exit(0 if show_status(labelline_home(), as_json=as_json) else 1)


@app.command()
def people(
    emails: Annotated[list[str] | None, typer.Argument(help="E-mails of people who shall have an account.")] = None,
    line: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A line's options (JSON): all whom it names.")
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


@app.command()
def reinstate(
    person: Annotated[str, typer.Argument(help="E-mail of somebody who is suspended.")],
    queue: Annotated[str, typer.Argument(help="From which queue, such as mark-missed.")],
) -> None:
    """Lift a suspension that gold questions led to: the person is on trial again."""
    from infra.cli.commands.gold_commands import reinstate_person

    reinstate_person(labelline_home(), person, queue)


@app.command()
def rotate() -> None:
    """Change all secrets: passwords, tokens, the signatures of links and webhooks; the servers are started anew."""
    from infra.cli.commands.stack_commands import rotate as change

    change(labelline_home())


@app.command()
def blocks() -> None:
    """Register our block types in Prefect and save the documents of this machine."""
    from infra.cli.commands.stack_commands import register

    register(labelline_home())


@app.command()
def doctor() -> None:
    """Check this machine and the stack: versions, ports, tokens, webhooks, disk."""
    from infra.doctor.examine import examine
    from infra.doctor.report import print_findings

    raise typer.Exit(print_findings(examine(labelline_home())))


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the servers up.")] = False,
) -> None:
    """Draw parking lots, run the whole line on them with simulated people, and show what it saved."""
    from infra.demo.run import run_demo

    run_demo(labelline_home(), keep)


@app.command()
def simulate(
    truth: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Images with true labels.")],
    collection: Annotated[str, typer.Argument(help="Whose questions are answered.")],
    *,
    fmt: Annotated[TruthFormatName, typer.Option("--format", help="Format of the truth.")] = TruthFormatName.AUTO,
    people: Annotated[int, typer.Option(min=1, max=12, help="People for each queue.")] = 3,
    skill: Annotated[float, typer.Option(min=0, max=1, help="Share of objects that come out right.")] = 0.97,
    referees: Annotated[
        int, typer.Option(min=0, max=12, help="Referees for each queue: they decide what is disputed.")
    ] = 0,
    referee_skill: Annotated[float, typer.Option(min=0, max=1, help="The same as --skill, of referees.")] = 0.99,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same mistakes.")] = 0,
    once: Annotated[bool, typer.Option("--once", help="End when nothing is open.")] = False,
) -> None:
    """Let simulated people answer the open questions of a collection through Label Studio."""
    from infra.annotators.people import People
    from infra.annotators.terminal import simulate_in_terminal
    from infra.cli.commands.line_commands import annotation_server

    server = annotation_server(labelline_home(), collection)
    who = People(count=people, skill=skill, referees=referees, referee_skill=referee_skill, seed=seed)
    simulate_in_terminal(server, truth.resolve(), collection, who, fmt=fmt.value, once=once)


if __name__ == "__main__":
    sys.exit(app())
