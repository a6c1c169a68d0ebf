"""The sweep: what the doorbell missed is read, who else must be asked is, and what is due is woken."""

from prefect import flow

from tasks.review.ask import wake_sleepers
from tasks.review.steps import Swept, ask_on, read_answers


@flow
def sweep(plugs: str = "local") -> Swept:
    """Read what changed in Label Studio since the last sweep, ask whom else must be asked, and wake who is due.

    Args:
        plugs: The name under which the four blocks are saved.
    """
    swept = read_answers(plugs)
    ask_on(plugs)
    wake_sleepers(plugs)
    return swept
