"""The sweep: what the doorbell missed is read, who else must be asked is, edits are settled, runs go on."""

from prefect import flow

from blocks.apart import Failures
from blocks.naming.run_names import named
from tasks.audit.steps import settle_edited
from tasks.review.ask import wake_sleepers
from tasks.review.receiving.sweeping import Sweep
from tasks.review.steps import ask_gone_again, ask_on, read_answers, restart_crashed_runs, show_sweep


@flow(flow_run_name=named("read answers"))
def sweep(plugs: str = "local") -> Sweep:
    """Read what changed in Label Studio since the last sweep, ask whom else must be asked, and wake who is due.

    Questions whose tasks somebody deleted are asked again. Answers that were edited or taken back after their batch had
    settled become further revisions of its labels. Runs whose process died are started again, until it has died three
    times. Each project, run and artifact is on its own: the sweep ends as failed, and says what to do, only after all
    the rest of it is done.

    Args:
        plugs: Leave it as it is: the name under which the connections of this stack are saved.
    """
    failures, parts = Failures(), []
    with failures.apart("reading answers"):
        parts.append(read_answers(plugs))
    with failures.apart("looking for open questions"):
        parts.append(ask_gone_again(plugs))
    with failures.apart("asking the next people"):
        parts.append(ask_on(plugs))
    with failures.apart("settling edited answers"):
        parts.append(settle_edited(plugs))
    with failures.apart("waking runs"):
        parts.append(wake_sleepers(plugs))
    with failures.apart("starting crashed runs again"):
        parts.append(restart_crashed_runs())
    swept = show_sweep(parts, failures.found, plugs)
    Failures(swept.failures).raise_if_any("the sweep")
    return swept
