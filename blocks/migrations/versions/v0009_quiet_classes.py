"""Classes whose suggestions are hidden, since comparing people with and without them showed no lift."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import blocks.database.tables

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString


def upgrade() -> None:
    """Apply this version."""
    op.create_table(
        "quiet_class",
        sa.Column("collection", TEXT(), nullable=False),
        sa.Column("class_name", TEXT(), nullable=False),
        sa.Column("reason", TEXT(), nullable=False),
        sa.Column("since", blocks.database.tables.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("collection", "class_name"),
    )


def downgrade() -> None:
    """Undo this version."""
    op.drop_table("quiet_class")
