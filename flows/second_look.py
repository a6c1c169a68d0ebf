"""The label-error review: settled labels that a detector contradicts, or that are unlike the others, go back to people.

Run by hand it polls while people work: `python -m flows.second_look '{"collection": "lots", "classes": ["car"]}'`.
"""

import sys

from prefect import flow
from prefect.runtime import flow_run

from blocks.naming.run_names import named
from tasks.audit.label_errors.options import LabelErrorReviewOptions
from tasks.audit.label_errors.report import LabelErrorReport
from tasks.audit.steps import open_look, scan_settled, settle_look, show_look, write_look_questions
from tasks.review.ask import ask
from tasks.review.questions.queue import mark_missed_queue
from tasks.review.steps import post_questions
from tasks.train.steps import resolve_detector


@flow(flow_run_name=named("look again at", of="options.collection"))
def second_look(options: LabelErrorReviewOptions, plugs: str = "local") -> LabelErrorReport:
    """Send the settled labels of a collection that look wrong back to people, with the reason, within a budget.

    Overlooked, badly placed, swapped, of nothing, or of an unusual size, place, colour or number. Labels stay in force
    until somebody answers; what people change are new revisions. The run sleeps while they work.

    Args:
        options: Whose labels, what speaks against them, how much is asked, and whom.
        plugs: Leave it as it is: the name under which the connections of this stack are saved.
    """
    detector = resolve_detector(options.collection, options.detector, plugs)
    scan_settled(detector, options, flow_run.id, plugs)
    look = open_look(detector, options, flow_run.id, plugs)
    show_look(look, options.pictures, plugs)  # what is asked, and why, while people work

    annotators = mark_missed_queue(options.classes).with_pool(options.annotator_pool)
    asked = write_look_questions(look, annotators, options.parts, plugs)  # batch by batch
    for questions in asked:
        post_questions(annotators, questions, plugs)  # of all batches, before the run sleeps
    for questions in asked:
        ask(annotators, questions, options.until, plugs)
    settle_look(look, plugs)
    return show_look(look, options.pictures, plugs)


if __name__ == "__main__":
    second_look(LabelErrorReviewOptions.model_validate_json(sys.argv[1]))
