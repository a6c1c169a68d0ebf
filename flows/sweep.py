"""The sweep: what the doorbell missed is read, and what is due is woken."""

from prefect import flow

from tasks.review.steps import SweepReport, read_changes, wake_due_runs


@flow(log_prints=False)
def sweep(plugs: str = "local") -> SweepReport:
    """Read what changed in Label Studio since the last sweep, record it, and wake the runs whose rule is met.

    Args:
        plugs: The name under which the four blocks are saved.
    """
    changes = read_changes(plugs)
    woken = wake_due_runs(plugs)
    return SweepReport(changes=changes, woken=woken)
