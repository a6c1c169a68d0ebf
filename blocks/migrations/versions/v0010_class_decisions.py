"""What the owner of a line decided about classes that people wrote down as missing; quiet classes that have come back."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import blocks.database.tables

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString


def upgrade() -> None:
    """Apply this version."""
    op.create_table(
        "class_decision",
        sa.Column("collection", TEXT(), nullable=False),
        sa.Column("key", TEXT(), nullable=False),
        sa.Column("written", TEXT(), nullable=False),
        sa.Column("class_name", TEXT(), nullable=True),
        sa.Column("is_new", sa.Boolean(), nullable=False),
        sa.Column("decided_at", blocks.database.tables.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("collection", "key"),
    )
    op.add_column("quiet_class", sa.Column("back_since", blocks.database.tables.UtcDateTime(), nullable=True))


def downgrade() -> None:
    """Undo this version."""
    op.drop_column("quiet_class", "back_since")
    op.drop_table("class_decision")
