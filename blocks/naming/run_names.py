"""What runs are called in Prefect and MLflow: what they do, of which collection, and when they were begun."""

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from types import SimpleNamespace


def run_name(what: str, collection: str | None, begun: datetime) -> str:
    """Return `label lots 2026-11-28 22:10`, in this machine's time; without the collection where there is none."""
    return " ".join(part for part in (what, collection, f"{begun.astimezone():%Y-%m-%d %H:%M}") if part)


def named(what: str, of: str | None = None) -> Callable[[], str]:
    """Return what Prefect asks for the name of a flow's run; a run that sleeps and goes on keeps its own.

    Args:
        what: What the flow does.
        of: Where among the flow's parameters its collection is, such as `line.collection`; None: it has none.
    """

    def name() -> str:
        from prefect.context import FlowRunContext

        context = FlowRunContext.get()
        run = context.flow_run if context else None
        # Runs of a schedule are all made at once, long before they begin; any other keeps its name when it goes on.
        begun = None if run is None else run.expected_start_time if run.auto_scheduled else run.created
        if context is None or begun is None:
            return what
        collection = attrgetter(of)(SimpleNamespace(**(context.parameters or {}))) if of else None
        return run_name(what, collection, begun)

    return name
