"""Vectors of items: what embedders make of them, kept so that it is computed once."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import blocks.database.tables

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString


def upgrade() -> None:
    """Apply this version."""
    op.create_table(
        "item_vector",
        sa.Column("item_id", TEXT(), nullable=False),
        sa.Column("embedder", TEXT(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", blocks.database.tables.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"]),
        sa.PrimaryKeyConstraint("item_id", "embedder"),
    )


def downgrade() -> None:
    """Undo this version."""
    op.drop_table("item_vector")
