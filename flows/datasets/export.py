"""Taking labels along: settled truth becomes a dataset in a format that other programs read."""

from prefect import flow

from blocks.naming.names import CollectionName
from blocks.naming.run_names import named
from tasks.dataset.exporting import DatasetOptions, ExportReport
from tasks.dataset.steps import export_labels


@flow(flow_run_name=named("export", of="collection"), log_prints=False)
def export(
    collection: CollectionName, folder: str, options: DatasetOptions | None = None, plugs: str = "local"
) -> ExportReport:
    """Write the settled labels of a collection as a dataset; a folder that holds anything else is refused.

    Args:
        collection: Whose labels.
        folder: Where the dataset goes on the worker's machine: absent, or empty. A relative one is below the state
            folder.
        options: Its format, what becomes of the pictures, and whether an earlier export is replaced.
        plugs: Leave it as it is: the name under which the connections of this stack are saved.
    """
    return export_labels(collection, folder, options or DatasetOptions(), plugs)
