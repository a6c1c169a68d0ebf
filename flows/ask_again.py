"""Asking again: pictures that people skipped, or that nobody answered before time was up, go back to people.

Run by hand it polls while people work: `python -m flows.ask_again '{"collection": "lots"}'`.
"""

import sys

from prefect import flow
from prefect.runtime import flow_run

from blocks.naming.run_names import named
from tasks.audit.reopen import ReopenReport
from tasks.audit.risk_control.options import ReopenOptions
from tasks.audit.steps import reopen_questions, settle_reopened
from tasks.review.ask import ask
from tasks.review.decide.until import Until
from tasks.review.steps import post_questions


@flow(flow_run_name=named("ask again", of="options.collection"))
def ask_again(options: ReopenOptions, plugs: str = "local") -> ReopenReport:
    """Ask again what people skipped in a collection, as questions of a further round; nothing they did is lost.

    The run sleeps while people work, and settles what they say as new revisions. What is skipped again is listed.

    Args:
        options: Of which collection, which pictures, and how long people have.
        plugs: Leave it as it is: the name under which the connections of this stack are saved.
    """
    reopened = reopen_questions(options, flow_run.id, plugs)
    until = Until(hours=options.hours)
    for again in reopened.asked:
        post_questions(again.queue, again.questions, plugs)  # of all batches, before the run sleeps
    for again in reopened.asked:
        ask(again.queue, again.questions, until, plugs)
    return settle_reopened(reopened, plugs)


if __name__ == "__main__":
    ask_again(ReopenOptions.model_validate_json(sys.argv[1]))
