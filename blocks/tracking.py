"""Tracking as a Prefect block: an MLflow that keeps runs and the registry of detectors."""

from pathlib import Path

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks.servers.experiments import Experiments


class Tracking(Block):
    """The MLflow that keeps training runs and says which detector is champion.

    Example:
        ```python
        experiments = Tracking.load("local").open()
        ```
    """

    _block_type_name = "Labelline Tracking"
    _block_type_slug = "labelline-tracking"

    uri: SecretStr = Field(
        description="MLflow's address: sqlite:///FILE on one machine (no server needed), http://… for a team"
    )
    artifact_root: str | None = Field(
        default=None,
        description="Where files of runs go (a folder or s3://…); empty: beside the database, or the server's",
    )

    def open(self) -> Experiments:
        """Return what plain code needs to talk to this MLflow; nothing is contacted yet."""
        uri = self.uri.get_secret_value()
        return Experiments(uri, self.artifact_root or artifacts_beside(uri))


def artifacts_beside(uri: str) -> str | None:
    """Return the folder for files of runs next to a SQLite database, or None where the server decides."""
    if not uri.startswith("sqlite:///"):
        return None
    return str(Path(uri.removeprefix("sqlite:///")).resolve().parent / "mlartifacts")
