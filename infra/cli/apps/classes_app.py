"""`labelline classes …`: the subcommands. Only light imports here, as in `main.py`."""

from typing import Annotated

import typer

from blocks.home import labelline_home
from infra.cli.json_answer import AsJson, answer

classes_app = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Classes that people wrote down as missing: what becomes of them.",
)

Collection = Annotated[str, typer.Argument(help="Whose items.")]
Written = Annotated[str, typer.Argument(metavar="WRITTEN", help="What people wrote; capitals and blanks say nothing.")]


@classes_app.command("list")
def list_missing(collection: Collection, as_json: AsJson = False) -> None:
    """List what people wrote down as missing, on how many items, and what was decided."""
    from infra.cli.classes.commands import list_classes

    answer(lambda: list_classes(labelline_home(), collection), as_json=as_json)


@classes_app.command()
def accept(
    collection: Collection,
    written: Written,
    name: Annotated[str, typer.Option("--as", help="What the class is called; as people wrote it if not given.")] = "",
    as_json: AsJson = False,
) -> None:
    """Take it as a new class: its items get it, and open questions offer it."""
    from infra.cli.classes.commands import accept_class

    answer(lambda: accept_class(labelline_home(), collection, written, name), as_json=as_json)


@classes_app.command("map")
def map_to(
    collection: Collection,
    written: Written,
    class_name: Annotated[str, typer.Argument(metavar="CLASS", help="The class that it is another word for.")],
    as_json: AsJson = False,
) -> None:
    """Say that it is another word for a class that there is: its items get that one."""
    from infra.cli.classes.commands import map_class

    answer(lambda: map_class(labelline_home(), collection, written, class_name), as_json=as_json)


@classes_app.command()
def refuse(collection: Collection, written: Written, as_json: AsJson = False) -> None:
    """Say that it is no class of this collection: its items wait for `labelline reopen`, which asks them again."""
    from infra.cli.classes.commands import refuse_class

    answer(lambda: refuse_class(labelline_home(), collection, written), as_json=as_json)
