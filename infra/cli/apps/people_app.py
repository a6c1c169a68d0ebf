"""Who answers: accounts, suspensions, simulated people."""

from pathlib import Path
from typing import Annotated

import typer

from blocks.home import labelline_home
from infra.cli.choices import TruthFormatName

people_app = typer.Typer()


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
