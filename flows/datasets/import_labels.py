"""The import line: labels that there are already become truth of a collection, or proposals for its people."""

from prefect import flow, unmapped

from blocks.naming.run_names import named
from tasks.dataset.imports.options import ImportOptions
from tasks.dataset.imports.report import ImportReport
from tasks.dataset.imports.steps import end_import, import_part, keep_splits, plan_import, show_import
from tasks.intake.steps import split_sequences


@flow(flow_run_name=named("import labels into", of="options.collection"), log_prints=False)
def import_labels(options: ImportOptions, prepared: str | None = None, plugs: str = "local") -> ImportReport:
    """Bring labels from elsewhere into a collection, with or without their pictures.

    All is read and checked first. The same import again changes nothing, an interrupted one goes on, changed labels are
    further revisions, and no label that a person gave is ever overridden.

    Args:
        options: Which labels, for which collection, as truth or as proposals.
        prepared: Leave it empty: what the command line has read and checked already.
        plugs: Leave it as it is: the name under which the connections of this stack are saved.
    """
    plan = plan_import(options, prepared, plugs)
    parts = import_part.map(range(len(plan.parts)), unmapped(plan), unmapped(plugs)).result()
    keep_splits(plan, plugs)
    split_sequences(plan.collection, plugs)  # what is left
    report = end_import(plan, parts, plugs)
    show_import(report, plugs)
    return report
