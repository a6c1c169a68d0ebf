"""Where items come from in the world: addresses, authors, licences."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString


def upgrade() -> None:
    """Apply this version."""
    op.create_table(
        "origin",
        sa.Column("collection", TEXT(), nullable=False),
        sa.Column("uri", TEXT(), nullable=False),
        sa.Column("item_id", TEXT(), nullable=True),
        sa.Column("url", TEXT(), nullable=False),
        *(sa.Column(name, TEXT(), nullable=True) for name in ("page_url", "title", "author", "licence", "licence_url")),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"]),
        sa.PrimaryKeyConstraint("collection", "uri"),
    )
    op.create_index(op.f("ix_origin_item_id"), "origin", ["item_id"], unique=False)


def downgrade() -> None:
    """Undo this version."""
    op.drop_index(op.f("ix_origin_item_id"), table_name="origin")
    op.drop_table("origin")
