"""The catalogue as a Prefect block: an address of a database that holds the truth."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from prefect.blocks.core import Block
from pydantic import Field, SecretStr
from sqlalchemy import Engine

from blocks.database.engine import open_engine, usable


class Catalog(Block):
    """The SQL catalogue: items, proposals, questions, answers, labels, snapshots.

    Example:
        ```python
        engine = Catalog.load("local").open()
        ```
    """

    _block_type_name = "Labelline Catalog"
    _block_type_slug = "labelline-catalog"

    url: SecretStr = Field(
        description="Database address: sqlite:///FILE on one machine, postgresql+psycopg://… for a team"
    )

    def open(self) -> Engine:
        """Return this process's engine for the database."""
        return open_engine(self.url.get_secret_value())

    def migrate(self) -> None:
        """Bring the database to the newest version of the tables."""
        migrate(self.url.get_secret_value())


def migrate(url: str) -> None:
    """Bring the database at an address to the newest version of the tables.

    Raises:
        CatalogUnavailable: The address is no database address, or what is there cannot be used.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    engine = open_engine(url)
    config.attributes["engine"] = engine
    with usable(engine):
        command.upgrade(config, "head")
