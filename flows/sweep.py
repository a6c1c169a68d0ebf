"""The sweep: what the doorbell missed is read, and what is due is woken."""

from prefect import flow

from tasks.review.ask import wake_sleepers
from tasks.review.steps import Swept, read_answers


@flow
def sweep(plugs: str = "local") -> Swept:
    """Read what changed in Label Studio since the last sweep, record it, and wake the runs whose rule is met.

    Args:
        plugs: The name under which the four blocks are saved.
    """
    swept = read_answers(plugs)
    wake_sleepers(plugs)
    return swept
