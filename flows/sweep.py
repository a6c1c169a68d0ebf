"""The sweep: what the doorbell missed is read, who else must be asked is, edits are settled, runs go on."""

from prefect import flow

from tasks.audit.steps import settle_edited
from tasks.review.ask import wake_sleepers
from tasks.review.steps import Swept, ask_on, read_answers, restart_crashed_runs


@flow
def sweep(plugs: str = "local") -> Swept:
    """Read what changed in Label Studio since the last sweep, ask whom else must be asked, and wake who is due.

    Answers that were edited or taken back after their batch had settled become further revisions of its labels.
    Runs whose process died are started again, until it has died three times.

    Args:
        plugs: The name under which the four blocks are saved.
    """
    swept = read_answers(plugs)
    ask_on(plugs)
    settle_edited(plugs)
    wake_sleepers(plugs)
    restart_crashed_runs()
    return swept
