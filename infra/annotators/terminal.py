"""`labelline simulate` in a terminal: who answers what is shown while it happens, and a table at the end."""

import json
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from blocks.home import labelline_home
from blocks.naming.names import key_of
from blocks.servers.annotation_server import AnnotationServer
from infra.annotators.people import People
from infra.annotators.simulate import Simulation, SimulationReport
from infra.annotators.truth import read_world
from tasks.dataset.formats.published import TruthFormat
from tasks.review.questions.queue import MARK_MISSED, NAME_KIND

MOST_IN_NAME = 100
"""Characters of a collection's name in a file's."""


def simulate_in_terminal(
    server: AnnotationServer,
    truth: Path,
    collection: str,
    people: People,
    *,
    fmt: TruthFormat = "auto",
    outlines: bool = False,
    once: bool = False,
    stop: Callable[[], bool] | None = None,
) -> SimulationReport:
    """Let simulated people answer a collection's questions.

    Args:
        server: Label Studio.
        truth: A folder or file of any format that `read_truth` knows; the same pictures or texts as those of the line.
        collection: Whose questions.
        people: Who answers, and how well.
        fmt: The format of the truth; "auto" finds it out.
        outlines: Whether outlines and masks are wanted where the truth has boxes beside them.
        once: End when nothing is open; otherwise wait for more until `stop` says so, or Ctrl-C.
        stop: When to end, where `once` is not given.
    """
    world = read_world(truth, fmt, outlines=outlines)
    console = Console(soft_wrap=True, emoji=False)
    console.print(f"{_who(people)} know {len(world.pictures)} pictures of {truth}")
    for line in world.problems.report(problems_file(labelline_home(), collection)):
        console.print(line, markup=False, highlight=False)
    if people.referees:  # nobody is asked to decide in a line that names no referees
        console.print(f"a line asks them with these options: {staff_options(people)}", markup=False, highlight=False)
    simulation = Simulation(server, world, collection, people)
    ends = (lambda: True) if once else (stop or (lambda: False))
    with Live(report_table(simulation.report), console=console, refresh_per_second=4) as live:
        try:
            simulation.run(ends, on_answer=lambda report: live.update(report_table(report)))
        except KeyboardInterrupt:
            console.print("stopped; what was answered stays answered")
    if simulation.report.unknown_pictures:
        console.print(
            f"{simulation.report.unknown_pictures} questions stay open: the truth does not know their pictures"
        )
    return simulation.report


def problems_file(home: Path, collection: str) -> Path:
    """Return where all that is odd in the truth of a collection is written down."""
    return home / "problems" / f"simulate-{key_of(collection, 'A-Za-z0-9._-', MOST_IN_NAME)}.csv"


def staff_options(people: People) -> str:
    """Return the options of a line that names these people, as JSON: who finds, who knows kinds, and their referees."""
    staff = {
        option: {
            "annotators": [person.email for person in people.named(queue)],
            "referees": [person.email for person in people.referees_of(queue)],
        }
        for option, queue in (("annotator_pool", MARK_MISSED), ("expert_pool", NAME_KIND))
    }
    return json.dumps(staff)


def _who(people: People) -> str:
    told = f"{people.count} people of skill {people.skill:g}"
    referees = f"{people.referees} referee{'s' if people.referees > 1 else ''} of skill {people.referee_skill:g}"
    return f"{told} and {referees}" if people.referees else told


def report_table(report: SimulationReport) -> Table:
    """Return what people have done so far as a table, one row per queue."""
    table = Table("queue", "answers", "human seconds", "seconds per answer", title="Simulated people")
    for column in table.columns[1:]:
        column.justify = "right"
    for queue, answers in sorted(report.answers_by_queue.items()):
        seconds = report.seconds_by_queue.get(queue, 0.0)
        table.add_row(queue, str(answers), f"{seconds:,.0f}", f"{seconds / answers:,.1f}")
    table.add_section()
    table.add_row("all", str(report.answers), f"{report.human_seconds:,.0f}", "")
    return table
