"""The monitor: what labels cost, how model and people compare, and what has drifted."""

from prefect import flow, unmapped

from tasks.monitor.options import MonitorOptions
from tasks.monitor.report import MonitorReport
from tasks.monitor.steps import compare_with_people, list_lines, show_ledger, show_overview, watch_proofs


@flow
def monitor(
    collection: str | None = None,
    options: MonitorOptions = MonitorOptions(),  # noqa: B008  (frozen)
    plugs: str = "local",
) -> list[MonitorReport]:
    """Add up what labels cost, and compare model and people; both are left as artifacts with tables and plots.

    Bands end here that answers changed since they were used speak against.

    Args:
        collection: Only this one; empty: every collection that has a batch.
        options: Prices of an hour, and how much evidence a statement needs.
        plugs: The name under which the four blocks are saved.
    """
    lines = list_lines(collection, plugs)
    show_overview(show_ledger.map(lines, unmapped(options), unmapped(plugs)).result())
    watch_proofs.map(lines, unmapped(plugs)).result()
    return compare_with_people.map(lines, unmapped(options), unmapped(plugs)).result()
