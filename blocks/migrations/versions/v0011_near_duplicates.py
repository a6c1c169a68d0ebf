"""Fingerprints of items, and which items of a collection are near-duplicates of which."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString


def upgrade() -> None:
    """Apply this version."""
    op.create_table(
        "fingerprint",
        sa.Column("item_id", TEXT(), nullable=False),
        sa.Column("bits", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"]),
        sa.PrimaryKeyConstraint("item_id"),
    )
    op.create_table(
        "near_duplicate",
        sa.Column("collection", TEXT(), nullable=False),
        sa.Column("item_id", TEXT(), nullable=False),
        sa.Column("of_item_id", TEXT(), nullable=True),
        sa.Column("bits", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"]),
        sa.ForeignKeyConstraint(["of_item_id"], ["item.id"]),
        sa.PrimaryKeyConstraint("collection", "item_id"),
    )


def downgrade() -> None:
    """Undo this version."""
    op.drop_table("near_duplicate")
    op.drop_table("fingerprint")
