"""The migrations make the tables that the code has, and nothing else; a second run changes nothing."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect
from sqlmodel import SQLModel, select

import blocks.catalog
from blocks.catalog import Catalog, migrate
from blocks.database import tables
from blocks.database.engine import open_engine, reading, upsert, writing
from blocks.database.tables import Bookmark


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


def test_a_catalogue_of_the_first_version_keeps_its_questions_and_can_go_back(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    config = Config()
    config.set_main_option("script_location", str(Path(blocks.catalog.__file__).parent / "migrations"))
    config.attributes["engine"] = open_engine(url)
    command.upgrade(config, "0001")
    first = (
        "INSERT INTO batch (id, collection, created_at) VALUES ('b', 'lot', '2026-01-01')",
        "INSERT INTO item (id, key, name, sequence, media_type, size_bytes, width, height, orientation, plain, "
        "created_at) VALUES ('i', 'k', 'n', 's', 'image/jpeg', 1, 1, 1, 1, 1, '2026-01-01')",
        "INSERT INTO question (id, queue, batch_id, item_id, subject, round, payload, priority, state, created_at) "
        "VALUES ('q', 'mark-missed', 'b', 'i', '', 0, '{}', 0, 'answered', '2026-01-01')",
        "INSERT INTO answer (id, question_id, annotation_id, person, seconds, state, raw, answered_at, received_at, "
        "heard_by) VALUES ('a', 'q', 1, 'ada', 1, 'counted', '[]', '2026-01-01', '2026-01-01', 'poll')",
    )
    with open_engine(url).execution_options(writes=True).begin() as connection:
        for statement in first:
            connection.exec_driver_sql(statement)
    migrate(url)
    with reading(open_engine(url)) as session:
        question = session.get_one(tables.Question, "q")
        assert (question.asked_id, question.gold_id, question.state) == (None, None, "answered")
    command.downgrade(config, "0001")
    with open_engine(url).connect() as connection:
        assert connection.exec_driver_sql("SELECT question_id FROM answer").scalars().all() == ["q"]
        assert "asked_id" not in {column["name"] for column in inspect(connection).get_columns("question")}
    migrate(url)
