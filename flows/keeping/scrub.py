"""The scrub: objects rot on disks unseen; it reads them all, a part each time, beside the line."""

from prefect import flow

from blocks.naming.run_names import named
from tasks.keeping.check import CheckOptions
from tasks.keeping.report import CheckReport
from tasks.keeping.steps import check_kept


@flow(flow_run_name=named("check objects"))
def scrub(
    options: CheckOptions = CheckOptions(mb_per_s=50, for_s=7200, bookmark="scrub"),  # noqa: B008  (frozen)
    plugs: str = "local",
) -> CheckReport:
    """Compare every object of the store with its hash and the catalogue, and mend it from a second copy.

    What is missing or damaged is listed in an artifact, with what it means and what to do, and the run fails. It goes
    on where the last one ended.

    Args:
        options: How fast, for how long at most, and whether broken copies are mended.
        plugs: Leave it as it is: the name under which the connections of this stack are saved.
    """
    return check_kept(options, plugs)
