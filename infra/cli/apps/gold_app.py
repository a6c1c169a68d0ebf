"""`labelline gold …`: the subcommands. Only light imports here, as in `main.py`."""

from typing import Annotated

import typer

from blocks.home import labelline_home

gold_app = typer.Typer(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})

QueueName = Annotated[str, typer.Argument(metavar="QUEUE", help="Such as mark-missed or name-kind.")]
What = Annotated[
    str, typer.Argument(metavar="WHAT", help="Id of a question or an item, its beginning, or a picture's file name.")
]
InCollection = Annotated[str, typer.Option("--collection", help="Only in this collection.")]
By = Annotated[str, typer.Option("--by", help="Who says so; your login where it is not given.")]


@gold_app.callback()
def gold(
    context: typer.Context,
    queue: Annotated[str, typer.Option(help="Only of this queue.")] = "",
    collection: InCollection = "",
    retired: Annotated[bool, typer.Option("--retired", help="Also what is asked no more.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="So many rows at most.")] = 30,
) -> None:
    """Show the hidden questions whose answer is known, what few passed first, and how people stand."""
    if context.invoked_subcommand is None:
        from infra.cli.commands.gold_commands import show_gold

        show_gold(labelline_home(), queue, collection, retired=retired, limit=limit)


@gold_app.command()
def mark(queue: QueueName, what: What, collection: InCollection = "", by: By = "") -> None:
    """Take an answered question as gold: its answer is surely right. Again, after a correction: with the new answer."""
    from infra.cli.commands.gold_commands import mark_question

    mark_question(labelline_home(), queue, what, collection, by)


@gold_app.command()
def retire(
    queue: QueueName,
    what: What,
    collection: InCollection = "",
    wrong: Annotated[bool, typer.Option("--wrong", help="Its answer is wrong: nobody passes or fails by it.")] = False,
    by: By = "",
) -> None:
    """Ask a gold question no more."""
    from infra.cli.commands.gold_commands import retire_question

    retire_question(labelline_home(), queue, what, collection, by, wrong=wrong)
