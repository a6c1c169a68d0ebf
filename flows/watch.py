"""Watching: followed sequences go to people as films with their tracks, to be mended where they go astray.

Run by hand it polls while people work: `python -m flows.watch '{"collection": "traffic"}'`.
"""

import sys

from prefect import flow
from prefect.runtime import flow_run

from blocks.naming.run_names import named
from tasks.audit.steps import ask_to_watch, settle_watched
from tasks.audit.watching.options import WatchOptions, WatchReport
from tasks.review.ask import ask
from tasks.review.steps import post_questions


@flow(flow_run_name=named("watch", of="options.collection"))
def watch(options: WatchOptions, plugs: str = "local") -> WatchReport:
    """Show the labelled sequences of a collection as films with their tracks; what people mend are new revisions.

    Films are made of the frames, verified, and kept. The run sleeps until every film is submitted or skipped.

    Args:
        options: Of which collection, which sequences, and who watches.
        plugs: Leave it as it is: the name under which the connections of this stack are saved.
    """
    watched = ask_to_watch(options, flow_run.id, plugs)
    for questions in watched.asked:
        post_questions(watched.queue, questions, plugs)  # of all batches, before the run sleeps
    for questions in watched.asked:
        ask(watched.queue, questions, plugs=plugs)
    return settle_watched(watched, plugs)


if __name__ == "__main__":
    watch(WatchOptions.model_validate_json(sys.argv[1]))
