"""The same catalogue on PostgreSQL, as a team has it: migrations, upserts and the lock that everybody sees.

All other tests run on it as well with `LABELLINE_TEST_CATALOG=postgresql make test`.
"""

from concurrent.futures import ThreadPoolExecutor

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine
from sqlmodel import SQLModel, select

from blocks.catalog import migrate
from blocks.database.engine import one_at_a_time, reading, upsert, writing
from blocks.database.tables import Batch, Bookmark, utc_now


def test_migrations_make_exactly_the_tables_of_the_code(postgres_engine: Engine) -> None:
    with postgres_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_migrating_twice_keeps_what_is_there(postgres_engine: Engine) -> None:
    with writing(postgres_engine) as session:
        upsert(session, Bookmark, [{"name": "a", "value": "1"}])
    migrate(postgres_engine.url.render_as_string(hide_password=False))
    with reading(postgres_engine) as session:
        assert [row.name for row in session.exec(select(Bookmark))] == ["a"]


def test_an_upsert_updates_what_it_names_and_leaves_the_rest(postgres_engine: Engine) -> None:
    rows = [{"id": str(number), "collection": "lots", "created_at": utc_now()} for number in range(3)]
    with writing(postgres_engine) as session:
        assert upsert(session, Batch, []) == 0
        assert upsert(session, Batch, rows) == 3
    with writing(postgres_engine) as session:
        upsert(session, Batch, [{**rows[0], "collection": "kept"}])
        upsert(session, Batch, [{**rows[1], "collection": "changed"}], update=["collection"])
    with reading(postgres_engine) as session:
        found = {row.id: row.collection for row in session.exec(select(Batch))}
    assert found == {"0": "lots", "1": "changed", "2": "lots"}


def test_moments_come_back_in_utc(postgres_engine: Engine) -> None:
    now = utc_now()
    with writing(postgres_engine) as session:
        upsert(session, Batch, [{"id": "b", "collection": "lots", "created_at": now}])
    with reading(postgres_engine) as session:
        assert session.exec(select(Batch)).one().created_at == now


def test_one_at_a_time_lets_one_in_and_the_others_wait(postgres_engine: Engine) -> None:
    """Each adds one to a number that it read before: without the lock, some would add to the same one."""

    def add_one(_: int) -> None:
        with one_at_a_time(postgres_engine, "counter"):
            with reading(postgres_engine) as session:
                row = session.get(Bookmark, "counter")
                before = int(row.value) if row else 0
            with writing(postgres_engine) as session:
                upsert(session, Bookmark, [{"name": "counter", "value": str(before + 1)}], update=["value"])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add_one, range(20)))
    with reading(postgres_engine) as session:
        assert session.exec(select(Bookmark)).one().value == "20"
