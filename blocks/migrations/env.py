"""Alembic's entry: migrate the engine that `blocks.catalog.migrate` hands over."""

from alembic import context
from sqlmodel import SQLModel

import blocks.database.audit_tables
import blocks.database.import_tables
import blocks.database.origin_tables
import blocks.database.people_tables
import blocks.database.suggestion_tables
import blocks.database.tables
import blocks.database.vector_tables  # noqa: F401  (all of them fill the metadata)

engine = context.config.attributes["engine"].execution_options(writes=True)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
