"""The monitor: what labels cost, how model and people compare, and what has drifted."""

from prefect import flow, unmapped

from blocks.apart import Failures
from blocks.naming.names import CollectionName
from blocks.naming.run_names import named
from tasks.monitor.options import MonitorOptions
from tasks.monitor.report import MonitorReport
from tasks.monitor.steps import (
    compare_with_people,
    list_lines,
    recheck_collection,
    show_ledger,
    show_lift,
    show_overview,
)


@flow(flow_run_name=named("report on", of="collection"))
def monitor(
    collection: CollectionName | None = None,
    options: MonitorOptions = MonitorOptions(),  # noqa: B008  (frozen)
    plugs: str = "local",
) -> list[MonitorReport]:
    """Add up what labels cost, and compare model and people; both are left as artifacts with tables and plots.

    Where classes are suggested, people's seconds and errors with a suggestion are compared with those from whom a lot
    kept it, and a class of which no lift is shown is suggested no more. Certified thresholds end here that answers
    changed since they were used speak against. Each collection is on its own: the monitor ends as failed, and says what
    to do, only after it has looked at all others.

    Args:
        collection: Only this one; empty: every collection that has a batch.
        options: Prices of an hour, and how much evidence a statement needs.
        plugs: Leave it as it is: the name under which the connections of this stack are saved.
    """
    lines, failures = list_lines(collection, plugs), Failures()
    ledgers = show_ledger.map(lines, unmapped(options), unmapped(plugs))
    show_overview(failures.results(lines, ledgers))
    failures.results(lines, recheck_collection.map(lines, unmapped(plugs)))
    failures.results(lines, show_lift.map(lines, unmapped(options), unmapped(plugs)))
    compared = compare_with_people.map(lines, unmapped(options), unmapped(plugs))
    reports = failures.results(lines, compared)
    failures.raise_if_any("the monitor")
    return reports
