"""The commands. Only light imports here: `labelline --help` answers in a fraction of a second."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from blocks.home import labelline_home
from infra.cli.apps.classes_app import classes_app
from infra.cli.apps.gold_app import gold_app
from infra.cli.apps.keeping_app import keeping_app
from infra.cli.apps.labels_app import labels_app
from infra.cli.apps.line_app import line_app
from infra.cli.apps.people_app import people_app
from infra.cli.apps.stack_app import stack_app
from infra.cli.clear_errors import ClearErrors
from infra.cli.json_answer import AsJson, print_json
from infra.cli.typed.choices import DrawingName
from infra.cli.words import typed_home

app = typer.Typer(
    name="labelline",
    cls=ClearErrors,
    help="An assembly line for labels: machines first, people where machines are not sure.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for panel, commands in {
    "The line": line_app,
    "Labels": labels_app,
    "People": people_app,
    "The stack": stack_app,
    "Kept safe": keeping_app,
}.items():
    for command in commands.registered_commands:
        command.rich_help_panel = panel
    app.add_typer(commands)
app.add_typer(gold_app, name="gold", rich_help_panel="People")
app.add_typer(classes_app, name="classes", rich_help_panel="Labels")


@app.callback()
def labelline(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False,
    home: Annotated[
        Path | None, typer.Option(help="State folder; LABELLINE_HOME, or .labelline, where it is not given.")
    ] = None,
) -> None:
    """An assembly line for labels: machines first, people where machines are not sure."""
    del debug  # read from the context where an error arrives
    typed_home.set(home)
    if home:
        os.environ["LABELLINE_HOME"] = str(home.resolve())


@app.command(rich_help_panel="The line")
def options(as_json: AsJson = False) -> None:
    """Print every option of a line with its default, as commented YAML to edit: `labelline options > line.yaml`.

    With --json: as a JSON schema, for forms and editors.
    """
    from flows.options import LineOptions
    from infra.docs.options_file import options_file

    if as_json:
        print_json(LineOptions.model_json_schema())
        return
    typer.echo(options_file(LineOptions), nl=False)


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the servers up.")] = False,
    drawing: Annotated[DrawingName, typer.Option(help="How people draw boxes.")] = DrawingName.EXTREME_POINTS,
) -> None:
    """Draw parking lots, run the whole line on them with simulated people, and show what it saved."""
    from infra.demo.run import run_demo

    run_demo(labelline_home(), keep, drawing.value)


if __name__ == "__main__":
    sys.exit(app())
