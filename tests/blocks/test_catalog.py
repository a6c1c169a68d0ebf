"""The migrations make the tables that the code has, and nothing else; a second run changes nothing."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect
from sqlmodel import SQLModel, select

from blocks import tables
from blocks.catalog import Catalog, migrate
from blocks.database import open_engine, reading, upsert, writing
from blocks.tables import Bookmark


def test_migrations_make_exactly_the_tables_of_the_code(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_every_table_has_its_natural_key(engine: Engine) -> None:
    found = inspect(engine)
    for table in SQLModel.metadata.sorted_tables:
        assert found.get_pk_constraint(table.name)["constrained_columns"] == [key.name for key in table.primary_key]
    assert {"item", "batch", "proposal", "question", "answer", "label", "snapshot", "audit"} <= set(
        found.get_table_names()
    )
    assert tables.Item.__tablename__ == "item"


def test_migrating_twice_keeps_what_is_there(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    migrate(url)
    with writing(open_engine(url)) as session:
        upsert(session, Bookmark, [{"name": "a", "value": "1"}])
    migrate(url)
    with reading(open_engine(url)) as session:
        assert [row.name for row in session.exec(select(Bookmark))] == ["a"]


def test_the_block_opens_what_it_migrated_and_hides_its_address(tmp_path: Path) -> None:
    block = Catalog(url=f"sqlite:///{tmp_path / 'secret-place.sqlite'}")
    block.migrate()
    with reading(block.open()) as session:
        assert list(session.exec(select(Bookmark))) == []
    assert "secret-place" not in repr(block)
