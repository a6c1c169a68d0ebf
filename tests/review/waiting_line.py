"""A line that does nothing but ask: what the tests deploy, kill and wake."""

from pathlib import Path

from prefect import flow

from tasks.review.ask import Asked, ask
from tasks.review.rules import Until
from tasks.review.standards import OverlapRule, Staff
from tasks.review.steps import write_missed_questions
from tests.review.builders import QUEUE


@flow
def waiting_line(
    batch_id: str, plugs: str, trace: str, share: float = 1.0, people: int = 1, until: Until | None = None
) -> Asked:
    """Ask about one batch; leave a line in a file at every start and at the end. `until` comes before `share`."""
    note(trace, "started")
    overlap = OverlapRule(least=people, most=people + 1) if people > 1 else None
    queue = QUEUE.staffed(Staff(overlap=overlap))
    asked = ask(queue, write_missed_questions(batch_id, queue, plugs), until or Until(share=share), plugs)
    note(trace, f"answered {asked.answered} of {asked.asked}, closed {asked.closed}")
    return asked


def note(trace: str, text: str) -> None:
    """Append a line to the trace."""
    with Path(trace).open("a") as file:
        file.write(text + "\n")
