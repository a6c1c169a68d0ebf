"""A line that does nothing but ask: what the tests deploy, kill and wake."""

from pathlib import Path

from prefect import flow

from tasks.review.ask import Asked, ask
from tasks.review.rules import Until
from tasks.review.steps import write_missed_questions
from tests.review.builders import QUEUE


@flow
def waiting_line(batch_id: str, plugs: str, trace: str, share: float = 1.0) -> Asked:
    """Ask about one batch; leave a line in a file at every start and at the end."""
    note(trace, "started")
    asked = ask(QUEUE, write_missed_questions(batch_id, QUEUE, plugs), Until(share=share), plugs)
    note(trace, f"answered {asked.answered} of {asked.asked}, closed {asked.closed}")
    return asked


def note(trace: str, text: str) -> None:
    """Append a line to the trace."""
    with Path(trace).open("a") as file:
        file.write(text + "\n")
