"""A line that does nothing but ask: what the tests deploy, kill and wake."""

from pathlib import Path

from prefect import flow

from tasks.review.ask import AskReport, ask
from tasks.review.decide.until import Until
from tasks.review.drafts.line_queue import LineQueue
from tasks.review.questions.staffing import AnnotatorPool, OverlapRule
from tasks.review.steps import write_questions
from tests.review.builders import QUEUE
from tests.scans import scan_of


@flow
def waiting_line(
    batch_id: str, plugs: str, trace: str, share: float = 1.0, people: int = 1, until: Until | None = None
) -> AskReport:
    """Ask about one batch; leave a line in a file at every start and at the end. `until` comes before `share`."""
    note(trace, "started")
    overlap = OverlapRule(least=people, most=people + 1) if people > 1 else None
    queue = QUEUE.with_pool(AnnotatorPool(overlap=overlap))
    asked = ask(
        queue,
        write_questions(scan_of(batch_id, plugs=plugs), LineQueue(queue=queue)),
        until or Until(share=share),
        plugs,
    )
    note(trace, f"answered {asked.answered} of {asked.asked}, closed {asked.closed}")
    return asked


def note(trace: str, text: str) -> None:
    """Append a line to the trace."""
    with Path(trace).open("a") as file:
        file.write(text + "\n")
